package auth

import (
	"regexp"
	"strings"
	"testing"

	"sana/backend/test/postgrestest"
)

// ofChallenges matches a scan of the table in a plan, with its condition.
var ofChallenges = regexp.MustCompile(
	`(?:Scan|Bitmap Index Scan)[^\n]* (?:on challenges|using challenges_\w+)[^\n]*\n[^\n]*`)

// P-35: a plan is cached for the lifetime of a connection, so it must suit every state of the
// table. With an index on expires_at Postgres would use that one when nearly all codes have
// expired, and read every valid code for each attempt.
func TestStatements_FindChallengesByIDOrBrowser(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	check := func(when string) {
		t.Helper()
		for name, sql := range map[string]string{
			"create": createChallenge(false), "create for a user": createChallenge(true),
			"resend": resendChallenge, "sign in": signInStatement(true, true),
			"sign in, closed": signInStatement(false, false),
			"step up":         stepUpStatement, "change address": spendChange, "wrong code": countWrong,
		} {
			plan := postgrestest.GenericPlan(t, db, sql)
			scans := ofChallenges.FindAllString(plan, -1)
			if len(scans) == 0 {
				t.Errorf("%s, %s: the plan reads no challenge:\n%s", name, when, plan)
			}
			for _, scan := range scans {
				if !strings.Contains(scan, "Cond: (id = ") &&
					!strings.Contains(scan, "Cond: (browser = ") {
					t.Errorf("%s, %s: the plan finds challenges by another column:\n%s",
						name, when, plan)
				}
			}
		}
	}
	check("empty")
	_, err := db.Exec(t.Context(), `
		INSERT INTO challenges (
		    id, browser, email, purpose, key_id, code_kind, code_length, language, platform,
		    resend_at, expires_at)
		SELECT gen_random_uuid(), sha256(n::text::bytea), n || '@sana.example', 'sign_in', 'k',
		       'digits', 6, 'en', '', now(), now() - interval '1 hour'
		FROM generate_series(1, 20000) AS n`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `VACUUM ANALYZE challenges`); err != nil {
		t.Fatal(err)
	}
	check("full of expired codes")
}
