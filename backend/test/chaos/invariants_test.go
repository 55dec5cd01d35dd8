package chaos

import (
	"strings"
	"testing"

	"sana/backend/test/harness"
)

// invariants hold after every fault. They are queries that count the rows that violate them.
var invariants = []struct{ id, what, count string }{
	{"I1, I2", "addresses whose sessions are not as many as their spent codes", `
		SELECT count(*)
		FROM (SELECT email, count(consumed_at) AS spent FROM challenges GROUP BY email) AS c
		LEFT JOIN users USING (email)
		WHERE spent <> (SELECT count(*) FROM sessions WHERE user_id = users.id)
		             + (SELECT count(*) FROM ended_sessions WHERE user_id = users.id)`},
	{"I3", "challenges with more than five wrong guesses, or spent with five", `
		SELECT count(*) FROM challenges WHERE tries > 5 OR consumed_at IS NOT NULL AND tries = 5`},
	{"I4", "challenges without exactly one finished mail", `
		SELECT count(*)
		FROM challenges
		LEFT JOIN (SELECT ref, count(*) AS n
		           FROM mails
		           WHERE template = 'sign_in_code' AND done_at IS NOT NULL
		           GROUP BY ref) AS finished ON ref = id
		WHERE n IS DISTINCT FROM 1`},
	{"I4", "mails without a challenge, beyond those of sign-outs, which withdraw the codes of " +
		"their browser", `
		SELECT greatest(0, count(DISTINCT ref) - (SELECT count(*) FROM ended_sessions
		    WHERE reason = 'signed_out'))
		FROM mails
		WHERE template = 'sign_in_code'
		  AND NOT EXISTS (SELECT FROM challenges WHERE id = ref)`},
	{"I4", "mails that were not sent although their code was good", `
		SELECT count(*)
		FROM challenges
		JOIN mails ON ref = id
		WHERE consumed_at IS NULL
		  AND tries < 5
		  AND expires_at > now()
		  AND state NOT IN ('sent', 'delivered')`},
}

// checkInvariants checks the database once no mail is in flight. Users sign in once with each
// address and request one code at a time, and no other session replaces theirs.
func checkInvariants(t testing.TB, w *harness.World) {
	t.Helper()
	for _, i := range invariants {
		harness.WantEqual(t, i.id+": "+i.what, w.Count(t, i.count), 0)
	}
}

// checkLogs checks I8: the output of the processes has no address, code, cookie or key.
func checkLogs(t testing.TB, secrets []string, logs ...*harness.Log) {
	t.Helper()
	secrets = append(secrets, "@sana.example", "key-canary",
		strings.TrimPrefix(harness.SecretKeys, "k1:"))
	for _, log := range logs {
		text := log.String()
		for _, secret := range secrets {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("I8: a log has %q: %.200s", secret, text[max(0, at-100):])
			}
		}
	}
}
