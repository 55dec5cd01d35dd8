// Package timetravel makes in a developer's database, at once, what otherwise takes days: an old
// sign-in, an expired code, a session that ended, a month of activity. The SQL functions that it
// calls are made by the development migrations, so that they do not exist in production.
package timetravel

import (
	"context"
	"time"

	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// Machine changes a database that MigrateDevelopment has prepared.
type Machine struct{ db postgres.Querier }

// New returns the machine of a database.
func New(db postgres.Querier) *Machine { return &Machine{db: db} }

// AgeSignIn makes the sign-in of a session older. It returns false if no row has this public id, as
// with sessions in cookies; so do RevokeSession, AddDevices and AddActivity.
func (m *Machine) AgeSignIn(ctx context.Context, id string, by time.Duration) (bool, error) {
	return m.call(ctx, "age sign-in", `SELECT dev_age_sign_in(@id::uuid, @by::interval)`,
		pgx.NamedArgs{"id": id, "by": by})
}

// RevokeSession ends a session for a reason.
func (m *Machine) RevokeSession(ctx context.Context, id string, why session.Ended) (bool, error) {
	return m.call(ctx, "end session", `SELECT dev_end_session(@id::uuid, @reason, @by)`,
		pgx.NamedArgs{"id": id, "reason": why.Reason, "by": why.By})
}

// AddDevices signs the user of a session in from three more devices.
func (m *Machine) AddDevices(ctx context.Context, id string) (bool, error) {
	return m.call(ctx, "add devices", `SELECT dev_add_devices(@id::uuid)`, pgx.NamedArgs{"id": id})
}

// AddActivity gives the user of a session a month of events.
func (m *Machine) AddActivity(ctx context.Context, id string) (bool, error) {
	return m.call(ctx, "add activity", `SELECT dev_add_activity(@id::uuid)`,
		pgx.NamedArgs{"id": id})
}

// ExpireCodes lets the pending codes of a browser expire. It returns false if there are none.
func (m *Machine) ExpireCodes(ctx context.Context, browser visitor.Browser) (bool, error) {
	return m.call(ctx, "expire codes", `SELECT dev_expire_codes(@browser)`,
		pgx.NamedArgs{"browser": browser.Hash()})
}

// EndRecovery ends the wait of a recovery that a browser has begun; an instance finishes it within
// a minute. It returns false if there is none.
func (m *Machine) EndRecovery(ctx context.Context, browser visitor.Browser) (bool, error) {
	return m.call(ctx, "end recovery", `SELECT dev_end_recovery(@browser)`,
		pgx.NamedArgs{"browser": browser.Hash()})
}

// ForgetLimits forgets all that was counted against limits.
func (m *Machine) ForgetLimits(ctx context.Context) error {
	_, err := m.db.Exec(ctx, `SELECT dev_forget_limits()`)
	return postgres.Error("forget limits", err)
}

func (m *Machine) call(
	ctx context.Context, doing, statement string, args pgx.NamedArgs,
) (found bool, err error) {
	err = m.db.QueryRow(ctx, statement, args).Scan(&found)
	return found, postgres.Error(doing, err)
}
