package doctor

import (
	"context"

	"sana/backend/diagnose"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Passkeys is what the check of passkeys needs.
type Passkeys struct {
	Pool *pgxpool.Pool
	Host string // that new passkeys are made for; "" if PUBLIC_URL can have none
}

// Checks are those of passkeys.
func (p Passkeys) Checks() []diagnose.Check {
	return []diagnose.Check{
		{Name: "passkeys", Needs: []string{"PUBLIC_URL", "database", "schema"}, Do: p.work}}
}

// work counts the passkeys that were made for another host: no browser offers them here.
func (p Passkeys) work(ctx context.Context) diagnose.Result {
	var here, elsewhere int
	var other string
	err := p.Pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE rp_id = $1),
		       count(*) FILTER (WHERE rp_id <> $1),
		       coalesce(max(rp_id) FILTER (WHERE rp_id <> $1), '')
		FROM passkeys`, p.Host).Scan(&here, &elsewhere, &other)
	switch {
	case err != nil:
		return unreachable(err, "DATABASE_URL")
	case elsewhere > 0:
		return diagnose.Warn(
			diagnose.Counted(elsewhere, "passkey was", "passkeys were")+
				" made for another host, such as "+
				other+
				", and sign no user in at this PUBLIC_URL",
			"set PUBLIC_URL to that host again, or have people sign in with a code and add new "+
				"passkeys")
	case p.Host == "":
		return diagnose.Warn("there are no passkeys at this PUBLIC_URL",
			"use https and a host name, not an IP address")
	}
	return diagnose.OK(diagnose.Counted(here, "passkey", "passkeys") + " for " + p.Host)
}
