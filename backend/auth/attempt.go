package auth

import (
	"context"
	"crypto/subtle"
	"slices"

	"sana/backend/challenge"
	"sana/backend/postgres"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// attempt is a code after its comparison, before anything is written or sent.
type attempt struct {
	visitor   visitor.Visitor
	challenge challenge.Challenge
	right     bool
	device    string           // id of the browser if it is known for the address, else ""
	budgets   throttle.Budgets // counted for a wrong code
	forget    throttle.Budgets // reset by a right code; empty if nothing was counted
}

// attemptLimits are the budgets of attempts at codes for an address.
type attemptLimits struct {
	device   string
	own      []throttle.Use // of the address, or of a known browser
	networks []throttle.Use // empty for a known browser
	reset    throttle.Budgets
	read     throttle.Budgets
}

func (s *Service) attemptLimits(v visitor.Visitor, email string) attemptLimits {
	l := attemptLimits{device: s.deviceID(v.Device, email)}
	consecutive, byAddress := throttle.ConsecutiveWrong.Of(email), throttle.WrongByAddress.Of(email)
	reset := []throttle.Use{consecutive, byAddress}
	if l.device == "" {
		l.own = reset
		l.networks = s.Limits.ByNetworks(throttle.WrongByNetwork, v.Networks)
	} else {
		byDevice := throttle.WrongByDevice.Of(email, l.device)
		l.own = []throttle.Use{consecutive, byDevice}
		reset = append(reset, byDevice)
	}
	l.reset = s.Limits.Budgets(reset...)
	l.read = s.Limits.Budgets(slices.Concat(reset, l.networks)...)
	return l
}

// budgetsFor returns the budgets of an attempt at a code of this format: an unguessable code needs
// none by address.
func (s *Service) budgetsFor(l attemptLimits, format challenge.Format) throttle.Budgets {
	if format.Kind == challenge.Alphanumeric {
		return s.Limits.Budgets(l.networks...)
	}
	return s.Limits.Budgets(slices.Concat(l.own, l.networks)...)
}

// compare reads the challenge of q and compares a code with it, unless a limit refuses the attempt.
// A blocked user has no right code. It writes nothing; the caller must write before it responds.
func (s *Service) compare(
	ctx context.Context, v visitor.Visitor, q challenge.Query, input string,
) (attempt, error) {
	if err := s.Limits.CanCount(ctx); err != nil {
		return attempt{}, err
	}
	limits := s.attemptLimits(v, q.Email)
	c, counts, err := challenge.FindForAttempt(ctx, s.DB, q, limits.read)
	if err != nil {
		return attempt{}, err
	}
	if err := c.Refusal(); err != nil {
		if c.TriesLeft() == 0 {
			s.Metrics.Refused(throttle.AttemptsLabel)
		}
		return attempt{}, err
	}
	code, err := challenge.CleanCode(input, c.Format)
	if err != nil {
		return attempt{}, err
	}
	g := attempt{
		visitor: v, challenge: c, device: limits.device,
		budgets: s.budgetsFor(limits, c.Format),
	}
	if limits.reset.Used(counts) {
		g.forget = limits.reset
	}
	if verdict := g.budgets.Judge(counts); verdict.Refused != nil {
		s.Metrics.Refused(verdict.Refused.Label())
		return attempt{}, errLimit(verdict)
	}
	g.right, err = s.isRight(v.Browser, c, code)
	g.right = g.right && !c.Blocked
	return g, err
}

// isRight compares in constant time. If the key of the code was removed, the verifier under the
// browser's token is compared instead; without it the code is invalid: fault.CodeExpired.
func (s *Service) isRight(
	browser visitor.Browser, c challenge.Challenge, code string,
) (bool, error) {
	if key, ok := s.Keys.Find(c.KeyID); ok {
		return subtle.ConstantTimeCompare([]byte(code), []byte(challenge.Code(key, c))) == 1, nil
	}
	if c.Verifier == nil {
		return false, challenge.ErrExpired()
	}
	return subtle.ConstantTimeCompare(challenge.Verifier(browser, c.ID, code), c.Verifier) == 1, nil
}

// lock queues the locks of an attempt. Right and wrong attempts take the same locks in the same
// first statements of their transactions, so that a failure affects both alike.
func (g attempt) lock(b *postgres.Batch) {
	g.budgets.Lock(b, attemptLock(g.challenge.Email))
	if g.challenge.UserID != "" {
		queueUserLock(b, g.challenge.UserID)
	}
}

// attemptLock returns the name of the lock of every attempt at a code for an address.
func attemptLock(email string) string { return "address " + email }

// queueUserLock queues the lock of a user's row.
func queueUserLock(b *postgres.Batch, userID string) {
	b.Queue(`
		SELECT
		FROM users
		WHERE id = @user
		FOR NO KEY UPDATE`,
		pgx.NamedArgs{"user": userID})
}

// args returns the arguments of statements that write an attempt.
func (g attempt) args() pgx.NamedArgs {
	args := pgx.NamedArgs{
		"id": g.challenge.ID, "key": g.challenge.KeyID,
		"platform": g.visitor.Platform, "ip": g.visitor.IP,
	}
	g.budgets.Args(args)
	return args
}

// forgetWrong deletes the counts of wrong attempts if this transaction has consumed the code.
const forgetWrong = string(throttle.Forget) + `
		  AND EXISTS (
		      SELECT
		      FROM challenges
		      WHERE id = @id
		        AND consumed_at = now())`

// queueForget queues forgetWrong, unless nothing was counted, as for most right codes.
func (g attempt) queueForget(b *postgres.Batch) {
	if g.forget.Empty() {
		return
	}
	args := pgx.NamedArgs{"id": g.challenge.ID}
	g.forget.ForgetArgs(args)
	b.Queue(forgetWrong, args)
}

// countWrong counts a wrong attempt against the challenge and every budget. It counts nothing and
// returns false if a concurrent request changed one of them so that the attempt is now refused. A
// used challenge that its browser may still repeat counts wrong attempts too.
const countWrong = `
	WITH ` + string(throttle.Full) + `,
	granted AS (
	    UPDATE challenges
	    SET tries = tries + 1
	    WHERE id = @id
	      AND key_id = @key
	      AND (` + string(challenge.IsOpen) + ` OR ` + string(challenge.IsRepeatable) + `)
	      AND ` + string(throttle.NotFull) + `
	    RETURNING tries
	),
	counted AS (` + string(throttle.Count) + `)
	SELECT tries
	FROM granted`

// refuse counts a wrong attempt and returns its error, errConflict if a concurrent request
// interfered.
func (s *Service) refuse(ctx context.Context, g attempt) error {
	tries := 0
	err := postgres.InBatch(ctx, s.DB, func(b *postgres.Batch) error {
		tries = 0
		g.lock(b)
		b.Queue(countWrong,
			g.args()).QueryRow(func(row pgx.Row) error { return ignoreNoRows(row.Scan(&tries)) })
		return nil
	})
	if err != nil {
		s.Limits.NotCounted()
		return postgres.Error("count wrong code", err)
	}
	if tries == 0 {
		return errConflict
	}
	s.Limits.CountAttempt(false)
	s.Metrics.CodeCompared(false)
	return errWrongCode(throttle.MaxTries - tries)
}
