package chaos

import (
	"strings"
	"testing"

	"sana/backend/sanatest"
)

// invariants are what holds whatever has happened, as numbers of rows that break them.
var invariants = []struct{ id, what, count string }{
	{"I1, I2", "addresses whose sessions are not as many as their spent codes", `
		SELECT count(*)
		FROM (SELECT email, count(consumed_at) AS spent FROM challenges GROUP BY email) AS c
		LEFT JOIN users USING (email)
		WHERE spent <> (SELECT count(*) FROM sessions WHERE user_id = users.id)
		             + (SELECT count(*) FROM ended_sessions WHERE user_id = users.id)`},
	{"I3", "challenges with more than five tries, or spent without one", `
		SELECT count(*) FROM challenges WHERE tries > 5 OR consumed_at IS NOT NULL AND tries = 0`},
	{"I4", "challenges without exactly one finished mail", `
		SELECT count(*)
		FROM challenges
		LEFT JOIN (SELECT args->>'ref' AS ref, count(*) AS n
		           FROM river_job
		           WHERE kind = 'mail' AND finalized_at IS NOT NULL
		           GROUP BY ref) AS finished ON ref = id::text
		WHERE n IS DISTINCT FROM 1`},
	{"I4", "mails without a challenge", `
		SELECT count(*)
		FROM river_job
		WHERE kind = 'mail'
		  AND args->>'letter' = 'sign_in_code'
		  AND NOT EXISTS (SELECT FROM challenges WHERE id::text = args->>'ref')`},
	{"I4", "mails that were not sent although their code was good", `
		SELECT count(*) FROM challenges WHERE consumed_at IS NULL AND tries < 5 AND delivery NOT IN ('sent', 'delivered') AND expires_at > now()`},
}

// checkInvariants holds what can be seen in the database, when no mail is under way. People sign in once with each address,
// ask for one code at a time, and no other session takes the place of theirs.
func checkInvariants(t testing.TB, w *sanatest.World) {
	t.Helper()
	for _, i := range invariants {
		sanatest.WantEqual(t, i.id+": "+i.what, w.Count(t, i.count), 0)
	}
}

// checkLogs holds I8: no address, code, cookie or key in what the processes print.
func checkLogs(t testing.TB, secrets []string, logs ...*sanatest.Log) {
	t.Helper()
	secrets = append(secrets, "@sana.example", "key-canary", strings.TrimPrefix(sanatest.SecretKeys, "k1:"))
	for _, log := range logs {
		text := log.String()
		for _, secret := range secrets {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("I8: a log has %q: %.200s", secret, text[max(0, at-100):])
			}
		}
	}
}
