package auth

import (
	"context"
	"slices"
	"time"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/challenge"
	"sana/backend/fault"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"
)

// CodeRequest is the result of a code request. It does not depend on whether the address has an
// account.
type CodeRequest struct {
	Email string
	// A mail was queued, now or a moment ago. If not, the mail limit of the address is reached.
	Queued   bool
	Now      time.Time
	ResendAt time.Time // when the next mail can be requested
	// Code is the browser's valid code for the address; its ID is "" if there is none.
	Code challenge.Challenge
}

// target is the purpose of a requested code.
type target struct {
	email     string
	purpose   challenge.Purpose
	sessionID string       // of a step-up and a change of address
	userID    string       // the same
	arrival   apps.Arrival // the app from which the browser came; zero for none
}

// query returns the query for the challenges of a browser for this target.
func (t target) query(v visitor.Visitor) challenge.Query {
	return challenge.Query{Browser: v.Browser, Email: t.email, Purpose: t.purpose,
		SessionID: t.sessionID}
}

// RequestCode creates a challenge for an address and queues its mail. If a valid code of this
// browser for the address exists, that one is sent again. A request from a session for its own
// address is a step-up. current is the session of the request, if any. arrival is the app from
// which the browser came; the challenge stores it if the app exists.
//
// It returns fault.InvalidEmail, fault.BrowserTokenMissing (nothing was written) and
// fault.TooManyRequests. A reached mail limit of the address is not an error: see CodeRequest.
func (s *Service) RequestCode(
	ctx context.Context, v visitor.Visitor, current session.Session, address string,
	arrival apps.Arrival,
) (CodeRequest, error) {
	email, err := account.ParseAddress(address)
	if err != nil {
		return CodeRequest{}, err
	}
	t := target{email: email, purpose: challenge.SignIn}
	if current.ID != "" && current.User.Email == email {
		if t, err = s.stepUp(ctx, current); err != nil {
			return CodeRequest{}, err
		}
	}
	if _, ok := s.ArrivalApp(arrival); ok {
		t.arrival = arrival
	}
	return s.request(ctx, v, t)
}

// stepUp returns the target of a session for its own address. A session in a cookie can outlive its
// account; a code then signs in.
func (s *Service) stepUp(ctx context.Context, current session.Session) (target, error) {
	email := current.User.Email
	owner, err := s.Accounts.Find(ctx, current.User.ID)
	switch {
	case fault.Is(err, fault.NotSignedIn), err == nil && owner.Email != email:
		return target{email: email, purpose: challenge.SignIn}, nil
	case err != nil:
		return target{}, err
	}
	return target{email: email, purpose: challenge.StepUp, sessionID: current.ID, userID: owner.ID},
		nil
}

// ResendCode requests the code of a pending challenge of the browser again: the one with this id,
// or the newest if id is "". Errors are those of RequestCode, and fault.NoPendingCode.
func (s *Service) ResendCode(
	ctx context.Context, v visitor.Visitor, id string,
) (CodeRequest, error) {
	return s.resend(ctx, v, challenge.Query{Browser: v.Browser, ID: id, Purpose: challenge.SignIn})
}

func (s *Service) resend(
	ctx context.Context, v visitor.Visitor, q challenge.Query,
) (CodeRequest, error) {
	if v.Browser == "" {
		return CodeRequest{}, errBrowserTokenMissing()
	}
	c, err := s.pending(ctx, q)
	if err != nil {
		return CodeRequest{}, err
	}
	return s.request(ctx, v,
		target{email: c.Email, purpose: c.Purpose, sessionID: c.SessionID, userID: c.UserID,
			arrival: c.Arrival})
}

// PendingCode returns the challenge that a page of the browser shows: the one with this id, or the
// newest if id is "". It returns fault.NoPendingCode if there is none.
func (s *Service) PendingCode(
	ctx context.Context, v visitor.Visitor, id string,
) (challenge.Challenge, error) {
	return s.pending(ctx, challenge.Query{Browser: v.Browser, ID: id, Purpose: challenge.SignIn})
}

func (s *Service) pending(ctx context.Context, q challenge.Query) (challenge.Challenge, error) {
	if q.Browser == "" {
		return challenge.Challenge{}, challenge.ErrNonePending()
	}
	return challenge.Pending(ctx, s.DB, q)
}

// CancelCode cancels a pending challenge of the browser: the one with this id, or the newest if id
// is "". It does nothing if there is none.
func (s *Service) CancelCode(ctx context.Context, v visitor.Visitor, id string) error {
	return s.cancel(ctx, challenge.Query{Browser: v.Browser, ID: id, Purpose: challenge.SignIn})
}

func (s *Service) cancel(ctx context.Context, q challenge.Query) error {
	if q.Browser == "" {
		return nil
	}
	return challenge.Cancel(ctx, s.DB, q)
}

// sendLimits are the budgets of a mail to an address.
type sendLimits struct {
	// networks are those of the visitor; empty for a browser that is known for the address
	networks throttle.Budgets
	own      throttle.Budgets // of the address, or of the known browser
	both     throttle.Budgets
	// consecutive counts wrong codes: it selects the format of the code, and is not counted here
	consecutive throttle.Budgets
	read        throttle.Budgets // all of them
	lock        string           // the name of the lock of every request for this mailbox
}

func (s *Service) sendLimits(v visitor.Visitor, email string) sendLimits {
	box := mailbox(email)
	networks, own := s.Limits.ByNetworks(throttle.SentByNetwork, v.Networks),
		[]throttle.Use{throttle.SentByAddress.Of(box)}
	if device := s.deviceID(v.Device, email); device != "" {
		networks = nil
		own = []throttle.Use{throttle.SentByDevice.Of(email, device),
			throttle.SentToDevices.Of(box)}
	}
	consecutive := throttle.ConsecutiveWrong.Of(email)
	both := slices.Concat(networks, own)
	return sendLimits{
		networks:    s.Limits.Budgets(networks...),
		own:         s.Limits.Budgets(own...),
		both:        s.Limits.Budgets(both...),
		consecutive: s.Limits.Budgets(consecutive),
		read:        s.Limits.Budgets(append(both, consecutive)...),
		lock:        "mailbox " + box,
	}
}

// repeatWindow is the time after a request in which an identical one is its repeat, from a page
// that received no response or from a second tab: it gets the same response.
const repeatWindow = 30 * time.Second

// request handles a code request, and retries if a concurrent request interfered.
func (s *Service) request(ctx context.Context, v visitor.Visitor, t target) (CodeRequest, error) {
	if v.Browser == "" {
		return CodeRequest{}, errBrowserTokenMissing()
	}
	limits := s.sendLimits(v, t.email)
	for range maxRounds {
		request, done, err := s.requestOnce(ctx, v, t, limits)
		if err != nil || done {
			return request, err
		}
		if t.userID != "" {
			if _, err := s.Accounts.Find(ctx, t.userID); err != nil {
				return CodeRequest{}, err // the account may have been deleted meanwhile
			}
		}
	}
	return CodeRequest{}, errContended("request code")
}

func (s *Service) requestOnce(
	ctx context.Context, v visitor.Visitor, t target, limits sendLimits,
) (_ CodeRequest, done bool, err error) {
	known, counts, err := challenge.Find(ctx, s.DB, t.query(v), limits.read)
	if err != nil {
		return CodeRequest{}, false, err
	}

	// The limit of a network is reported.
	if verdict := limits.networks.Judge(counts); verdict.Refused != nil {
		s.Metrics.CodeRequested()
		s.Metrics.Refused(verdict.Refused.Label())
		return CodeRequest{}, false, errNetwork("requests for codes came", verdict.Wait)
	}

	// A valid code in the right format is sent again.
	format, err := s.format(ctx, limits.consecutive.Judge(counts).Refused != nil)
	if err != nil {
		return CodeRequest{}, false, err
	}
	if !known.IsOpen() || format.Kind == challenge.Alphanumeric &&
		known.Format.Kind != format.Kind {
		known = challenge.Challenge{Now: counts.Now}
	}
	renewable := known.ID != "" && known.ExpiresAt.Sub(known.Now) > challenge.RenewBefore
	if renewable && known.Now.Before(known.ResendAt) {
		request := noMail(t, known, known.ResendAt)
		request.Queued = known.Now.Sub(known.SentAt) < repeatWindow
		return request, true, nil
	}

	// A reached mail limit of the address is not reported: any visitor could have caused it.
	if verdict := limits.own.Judge(counts); verdict.Refused != nil {
		s.Metrics.CodeRequested()
		s.Metrics.Refused(verdict.Refused.Label())
		done, err := s.count(ctx, limits.networks)
		return noMail(t, known, verdict.Next), done, err
	}
	resendIn := max(throttle.ResendAfter, limits.own.NextAfter(counts))
	var sent challenge.Challenge
	if renewable {
		sent, err = s.sendAgain(ctx, known, limits, resendIn)
	} else {
		sent, err = s.create(ctx, v, t, format, limits, resendIn)
	}
	if err != nil || sent.ID == "" {
		return CodeRequest{}, false, err
	}
	s.Metrics.CodeRequested()
	return CodeRequest{Email: t.email, Queued: true, Now: sent.Now, ResendAt: sent.ResendAt,
		Code: sent}, true, nil
}

// noMail returns the result without a queued mail; known is the browser's valid code, if any.
func noMail(t target, known challenge.Challenge, resendAt time.Time) CodeRequest {
	known.ResendAt = resendAt
	return CodeRequest{Email: t.email, Now: known.Now, ResendAt: resendAt, Code: known}
}

// format returns the format of new codes: longer ones while the service is under attack, and
// unguessable ones after too many wrong codes in a row.
func (s *Service) format(ctx context.Context, unguessable bool) (challenge.Format, error) {
	if unguessable {
		return challenge.Format{Kind: challenge.Alphanumeric, Length: throttle.AlphanumericLength},
			nil
	}
	attacked, err := s.Limits.UnderAttack(ctx)
	length := s.CodeLength
	if attacked {
		length = max(length, throttle.AttackLength)
	}
	return challenge.Format{Kind: challenge.Digits, Length: length}, err
}
