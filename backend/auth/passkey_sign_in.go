package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/observe/metrics"
	"sana/backend/observe/tracing"
	"sana/backend/outbox"
	"sana/backend/passkey"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// RequestPasskey creates a challenge for a browser. Without a session it is for a sign-in of any
// user; with one it is for a step-up with a passkey of the session's user. allowed are the ids of
// the passkeys of the user; none for a sign-in, to reveal nothing. Nothing is written.
//
// It returns fault.BrowserTokenMissing, and fault.NotFound if this PUBLIC_URL cannot have passkeys
// or the session's user has none.
func (s *Service) RequestPasskey(
	ctx context.Context, v visitor.Visitor, current session.Session,
) (challenge []byte, allowed [][]byte, err error) {
	if !s.Passkeys.Exists() {
		return nil, nil, errNoPasskeysHere()
	}
	if v.Browser == "" {
		return nil, nil, errBrowserTokenMissing()
	}
	binding := passkey.Binding{Purpose: passkey.SignIn, Browser: v.Browser}
	if current.ID != "" {
		own, err := s.ownPasskeys(ctx, s.DB, current.User.ID)
		if err == nil && len(own) == 0 {
			_, err = s.Accounts.Find(ctx, current.User.ID)
		}
		switch {
		case fault.Is(err, fault.NotSignedIn): // a session in a cookie can outlive its account
		case err != nil:
			return nil, nil, err
		case len(own) == 0:
			return nil, nil, fault.New(fault.NotFound, "Your account has no passkey.")
		default:
			binding.Purpose, binding.SessionID, allowed = passkey.StepUp, current.ID, own
		}
	}
	challenge, err = s.newPasskeyChallenge(ctx, binding)
	return challenge, allowed, err
}

func errNoPasskeysHere() error {
	return fault.New(fault.NotFound, "There are no passkeys here: they need https and a host name.")
}

// ownPasskeys returns the ids of a user's passkeys that work at this host.
func (s *Service) ownPasskeys(
	ctx context.Context, db postgres.Querier, userID string,
) (ids [][]byte, err error) {
	list, err := passkey.List(ctx, db, userID)
	for _, p := range list {
		if p.RPID == s.Passkeys.ID {
			ids = append(ids, p.ID)
		}
	}
	return ids, err
}

func (s *Service) newPasskeyChallenge(ctx context.Context, b passkey.Binding) ([]byte, error) {
	var now time.Time
	if err := s.DB.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
		return nil, postgres.Error("read the time", err)
	}
	return passkey.NewChallenge(s.Keys.Current(), b, now), nil
}

// passkeyProof is an assertion that was verified, before anything was written.
type passkeyProof struct {
	visitor   visitor.Visitor
	purpose   passkey.Purpose
	passkey   passkey.Passkey
	state     passkey.State
	email     string // of the passkey's user
	device    string // id of the browser if it is known for the address, else ""
	challenge []byte
	createdAt time.Time
}

// SignInWithPasskey verifies credential, the response of an authenticator to a challenge of
// RequestPasskey in the same browser. It signs in the user of the passkey, or renews the session of
// the challenge, in one transaction. A challenge can be used once; a repeat is refused.
//
// It returns fault.InvalidRequest, fault.UnknownPasskey, fault.PasskeyRefused and
// fault.TooManyRequests.
func (s *Service) SignInWithPasskey(
	ctx context.Context, v visitor.Visitor, current session.Session, credential []byte,
) (SignedIn, error) {
	if !s.Passkeys.Exists() {
		return SignedIn{}, errNoPasskeysHere()
	}
	assertion, err := passkey.ParseAssertion(credential)
	if err != nil {
		return SignedIn{}, err
	}
	proof, err := s.verifyPasskey(ctx, v, current, assertion)
	var in SignedIn
	if err == nil {
		in, err = s.acceptPasskey(ctx, proof, current)
	}
	switch {
	case err == nil:
		s.Metrics.PasskeyTried(metrics.RightPasskey)
	case fault.Is(err, fault.UnknownPasskey):
		s.Metrics.PasskeyTried(metrics.UnknownPasskey)
	case fault.Is(err, fault.PasskeyRefused):
		s.Metrics.PasskeyTried(metrics.WrongPasskey)
	default:
		return SignedIn{}, err
	}
	if err != nil {
		// Counted after the verification: a limit that another visitor of the network has used up
		// does not refuse a right passkey.
		budgets := s.Limits.Budgets(s.Limits.ByNetworks(throttle.PasskeysByNetwork, v.Networks)...)
		_, counting := s.spendAll(ctx, budgets, func(verdict throttle.Verdict) error {
			return errNetwork("refused passkeys came", verdict.Wait)
		})
		return SignedIn{}, cmp.Or(counting, err)
	}
	in.Device = s.newDevice(proof.device, proof.email)
	return in, nil
}

// verifyPasskey does the checks that need no transaction.
func (s *Service) verifyPasskey(
	ctx context.Context, v visitor.Visitor, current session.Session, a passkey.Assertion,
) (passkeyProof, error) {
	proof := passkeyProof{visitor: v, challenge: a.Challenge}
	var ok bool
	for _, b := range []passkey.Binding{
		{Purpose: passkey.SignIn, Browser: v.Browser},
		{Purpose: passkey.StepUp, Browser: v.Browser, SessionID: current.ID},
	} {
		if proof.createdAt, ok = passkey.CheckChallenge(s.Keys, b, a.Challenge); ok {
			proof.purpose = b.Purpose
			break
		}
	}
	if !ok {
		return passkeyProof{},
			passkey.ErrRefused(errors.New("auth: the challenge is not this browser's"))
	}
	var err error
	if proof.passkey, proof.email, err = passkey.Find(ctx, s.DB, a.ID); err != nil {
		return passkeyProof{}, err
	}
	proof.state, err = a.Verify(proof.passkey, passkey.UserHandle(proof.passkey.UserID),
		proof.purpose, s.Passkeys)
	if err != nil {
		return passkeyProof{}, err
	}
	if proof.purpose == passkey.StepUp && proof.passkey.UserID != current.User.ID {
		return passkeyProof{}, passkey.ErrRefused(errors.New("auth: the passkey is another user's"))
	}
	proof.device = s.deviceID(v.Device, proof.email)
	return proof, nil
}

// provenByPasskey consumes the challenge and records the use of the passkey, unless it was removed
// or changed since it was read, or its user is blocked. Like a code it ends in the CTE granted. A
// passkey stops a recovery.
const provenByPasskey = `
	WITH ` + string(passkey.Spent) + `,
	granted AS (
	    UPDATE passkeys
	    SET sign_count = @sign_count,
	        backup_eligible = @backup_eligible,
	        backed_up = @backed_up,
	        used_at = now()
	    FROM spent
	    CROSS JOIN users
	    WHERE passkeys.id = @passkey
	      AND passkeys.public_key = @public_key
	      AND (NOT passkeys.backup_eligible OR @backup_eligible)
	      AND users.id = passkeys.user_id
	      AND users.id = @user
	      AND users.blocked_at IS NULL
	    RETURNING users.email, users.id AS user_id, @step_up_session::uuid AS session_id,
	        'signed_in' AS outcome
	),
	stopped AS (
	    DELETE FROM recoveries
	    USING granted
	    WHERE recoveries.user_id = granted.user_id
	    RETURNING recoveries.user_id
	),
	stopped_event AS (
	    INSERT INTO account_events (user_id, kind, platform, ip, details)
	    SELECT user_id, 'recovery_stopped', @platform, @ip, '{}'
	    FROM stopped
	),
	stopped_notice AS (
	    INSERT INTO mails (ref, number, template, content, trace)
	    SELECT gen_random_uuid(), 1, '` + recoveryStoppedTemplate +
	`', @stopped_notice::jsonb, @trace
	    FROM stopped
	),`

const (
	passkeySignIn = provenByPasskey + `
	person AS (
	    UPDATE users
	    SET last_signed_in_at = now()
	    FROM granted
	    WHERE users.id = granted.user_id
	    RETURNING users.id, users.email, users.name, users.created_at
	),` + signIn

	passkeySignInStatement           = passkeySignIn + signedIn
	passkeySignInWithNoticeStatement = passkeySignIn + `,` + queueNotice + signedIn
	passkeyStepUpStatement           = provenByPasskey + stepUp
)

// acceptPasskey signs in or steps up with a verified passkey.
func (s *Service) acceptPasskey(
	ctx context.Context, p passkeyProof, current session.Session,
) (SignedIn, error) {
	next := session.Session{
		ID: session.NewID(), Token: session.NewToken(),
		User: session.User{ID: p.passkey.UserID, Email: p.email},
	}
	args, err := s.passkeyArgs(ctx, p, next)
	if err != nil {
		return SignedIn{}, err
	}
	var in SignedIn
	if p.purpose == passkey.StepUp {
		args["step_up_session"] = current.ID
		in, err = s.renew(ctx, renewal{
			next: next, userID: p.passkey.UserID, sessionID: current.ID,
			statement: passkeyStepUpStatement, args: args, lock: p.lock,
			after:      func(*postgres.Batch) {},
			errUseless: errPasskeyTooLate,
		})
	} else {
		in, err = s.signInWithPasskey(ctx, p, next, current, args)
	}
	if errors.Is(err, errConflict) {
		return SignedIn{}, errPasskeyTooLate()
	}
	return in, err
}

// errPasskeyTooLate is the error of a challenge that has expired or was spent, of a passkey, user
// or session that was removed meanwhile, and of a user who is blocked.
func errPasskeyTooLate() error {
	return passkey.ErrRefused(
		errors.New(
			"auth: the challenge is spent or too old, the passkey or session was removed, or the " +
				"user is blocked"))
}

func (p passkeyProof) lock(b *postgres.Batch) { queueUserLock(b, p.passkey.UserID) }

func (s *Service) passkeyArgs(
	ctx context.Context, p passkeyProof, next session.Session,
) (pgx.NamedArgs, error) {
	details, err := json.Marshal(account.Details{Passkey: p.passkey.Name})
	if err != nil {
		return nil, err
	}
	args := pgx.NamedArgs{
		"user": p.passkey.UserID, "passkey": p.passkey.ID, "public_key": p.passkey.PublicKey,
		"sign_count": p.state.SignCount, "backup_eligible": p.state.BackupEligible,
		"backed_up":       p.state.BackedUp,
		"step_up_session": nil,
		"notice":          s.newDeviceNotice(p.visitor, p.device, p.email, next.ID),
		"stopped_notice": noticeOf(p.visitor,
			outbox.Notice{Template: recoveryStoppedTemplate, Email: p.email}).Content(),
		"trace": tracing.Traceparent(ctx),
	}
	passkey.SpendArgs(args, p.challenge, p.createdAt)
	s.sessionArgs(args, p.visitor, next)
	args["details"] = string(details)
	return args, nil
}

func (s *Service) signInWithPasskey(
	ctx context.Context, p passkeyProof, next, current session.Session, args pgx.NamedArgs,
) (SignedIn, error) {
	statement := passkeySignInStatement
	if p.device == "" {
		statement = passkeySignInWithNoticeStatement
	}
	args["current"] = current.ID
	wrote, err := s.writeSignIn(ctx, signInWrites{
		statement: statement, args: args, lock: p.lock, after: func(*postgres.Batch) {},
		notice: true,
	}, current)
	switch {
	case err != nil:
		return SignedIn{}, err
	case !wrote.spent:
		return SignedIn{}, errConflict
	}
	return s.finishSignIn(ctx, next, wrote, args)
}
