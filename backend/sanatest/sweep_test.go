package sanatest_test

import (
	"testing"

	"sana/backend/sanatest"
)

func TestRowsThatNobodyNeedsAnyMoreGo(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	w.Exec(t, `
		INSERT INTO challenges (id, email, purpose, key_id, code_length, expires_at)
		VALUES (gen_random_uuid(), 'ada@sana.example', 'sign_in', 'k', 6, now() - interval '2 days')`)
	w.Exec(t, `INSERT INTO throttle (key, events, ends_at) VALUES ('x', '{}', now() - interval '1 second')`)
	w.Exec(t, `
		WITH ada AS (INSERT INTO users (email) VALUES ('ada@sana.example') RETURNING id)
		INSERT INTO account_events (user_id, kind, at, platform, ip, details)
		SELECT id, 'signed_in', now() - interval '91 days', '', '', '{}' FROM ada`)
	w.Start(t)
	for _, table := range []string{"challenges", "throttle", "account_events"} {
		sanatest.Eventually(t, table+" is not swept", func() error {
			return sanatest.CountError(w.Count(t, `SELECT count(*) FROM `+table), 0)
		})
	}
}
