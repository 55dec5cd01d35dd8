// Package auth has the use cases of people: signing in, proving again who they are, changing their
// address, signing out, and what they do with their account. An exported method is one thing that a
// person does, and at most one transaction. It is the only package that opens a transaction over the
// tables of several others, so its statements name the tables of packages account, challenge, outbox,
// passkey, session and throttle.
//
// # Order of locks
//
// Advisory locks of limits come first, then the row of a challenge, then the row of its user, then
// those of the user's sessions. A challenge that belongs to a session has its user locked before it.
package auth

import (
	"net/url"

	"sana/backend/account"
	"sana/backend/apps"
	"sana/backend/keyring"
	"sana/backend/mail/templates"
	"sana/backend/observe/metrics"
	"sana/backend/outbox"
	"sana/backend/passkey"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Settings are what the operator decides.
type Settings struct {
	CodeLength int // digits, 6 to 8
	SignUp     SignUp
	Mail       MailSettings
	Passkeys   passkey.RelyingParty // zero if PUBLIC_URL can have none
}

// MailSettings is what every mail needs.
type MailSettings struct {
	Templates *templates.Set
	From      string   // one mailbox
	PublicURL *url.URL // where people reach Sana
}

// Parts are what the use cases work with. Exactly one of Shared and Sealed is set.
type Parts struct {
	DB       *pgxpool.Pool
	Keys     keyring.Ring
	Limits   *throttle.Throttle
	Outbox   *outbox.Outbox
	Accounts *account.Service
	Shared   *session.Shared // sessions in Postgres
	Sealed   *session.Sealed // sessions in cookies
	Metrics  *metrics.Metrics
	Apps     *apps.Current // behind the gate; nil for none
}

// Service runs the use cases. It is safe for concurrent use.
type Service struct {
	Parts
	Settings
}

// New returns the service and registers the mails that it writes with the outbox.
func New(parts Parts, settings Settings) *Service {
	s := &Service{Parts: parts, Settings: settings}
	s.registerMails()
	return s
}

// Store returns the store of sessions that is open.
func (p Parts) Store() session.Store {
	if p.Shared != nil {
		return p.Shared
	}
	return p.Sealed
}

// maxRounds is how often a use case reads and decides again after another request was faster.
const maxRounds = 8

// errContended is the error of a request that was too slow in every round.
func errContended(operation string) error {
	return postgres.Error(operation, postgres.ErrContended)
}

// sessionLimits returns the timeouts of sessions.
func (s *Service) sessionLimits() session.Limits {
	if s.Shared != nil {
		return s.Shared.Limits()
	}
	return s.Sealed.Limits()
}

// inPostgres reports whether sessions are rows.
func (s *Service) inPostgres() bool { return s.Shared != nil }
