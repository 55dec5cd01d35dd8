// Package auth has the use cases of users: signing in, stepping up, changing the address, signing
// out, and managing the account. An exported method is one action of a user, in at most one
// transaction. It is the only package that opens transactions over the tables of several packages,
// so its statements name the tables of packages account, challenge, outbox, passkey, session and
// throttle.
//
// # Order of locks
//
// Advisory locks of limits come first, then the row of a challenge, then the row of its user, then
// those of the user's sessions. If a challenge belongs to a session, its user is locked before it.
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

// Settings are the operator's settings.
type Settings struct {
	CodeLength int // digits, 6 to 8
	SignUp     SignUp
	Mail       MailSettings
	Passkeys   passkey.RelyingParty // zero if PUBLIC_URL can have none
}

// MailSettings are the settings of every mail.
type MailSettings struct {
	Templates *templates.Set
	From      string   // a mailbox
	PublicURL *url.URL // public address of Sana
}

// Parts are the dependencies of the use cases. Exactly one of Shared and Sealed is set.
type Parts struct {
	DB       *pgxpool.Pool
	Keys     keyring.Ring
	Limits   *throttle.Throttle
	Outbox   *outbox.Outbox
	Accounts *account.Service
	Shared   *session.Shared // sessions in Postgres
	Sealed   *session.Sealed // sessions in cookies
	Metrics  *metrics.Metrics
	Apps     *apps.Current // behind the gate; nil without a gate
}

// Service runs the use cases. It is safe for concurrent use.
type Service struct {
	Parts
	Settings
}

// New returns the service and registers its mail templates with the outbox.
func New(parts Parts, settings Settings) *Service {
	s := &Service{Parts: parts, Settings: settings}
	s.registerMails()
	return s
}

// Store returns the configured store of sessions.
func (p Parts) Store() session.Store {
	if p.Shared != nil {
		return p.Shared
	}
	return p.Sealed
}

// maxRounds is the maximum number of attempts of a use case when concurrent requests interfere.
const maxRounds = 8

// errContended is the error after interference in every round.
func errContended(operation string) error {
	return postgres.Error(operation, postgres.ErrContended)
}

// inPostgres reports whether sessions are rows.
func (s *Service) inPostgres() bool { return s.Shared != nil }
