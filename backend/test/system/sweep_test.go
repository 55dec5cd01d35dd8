package system_test

import (
	"testing"

	"sana/backend/test/harness"
)

func TestSweep_DeletesExpiredRows(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Exec(t, `
		INSERT INTO challenges (
		    id, browser, email, purpose, key_id, code_kind, code_length, language, platform,
		    created_at, resend_at, expires_at)
		VALUES (gen_random_uuid(), 'a browser', 'ada@sana.example', 'sign_in', 'k', 'digits', 6,
		        'en', '', now() - interval '2 days', now(), now() - interval '2 days')`)
	w.Exec(t, `
		INSERT INTO mails (ref, number, template, state, created_at, done_at)
		VALUES (gen_random_uuid(), 1, 'sign_in_code', 'sent',
		        now() - interval '3 days', now() - interval '3 days')`)
	w.Exec(t, `INSERT INTO uses (key, ends_at) VALUES ('x', now() - interval '1 second')`)
	w.Exec(t, `
		INSERT INTO service_attempts (minute, attempts, wrong)
		VALUES (now() - interval '2 days', 1, 1)`)
	w.Exec(t, `INSERT INTO event_tokens (token, seen_at) VALUES ('x', now() - interval '2 days')`)
	w.Exec(t, `
		INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
		VALUES ('x', '{}', 1, gen_random_uuid(), gen_random_uuid(), 1, 1)`)
	w.Exec(t, `
		INSERT INTO replaced_tokens (k, id, v, e, replaced_at)
		VALUES ('x', gen_random_uuid(), '{}', 1, now() - interval '8 days')`)
	w.Exec(t, `
		INSERT INTO ended_sessions (k, id, user_id, reason, ended_at)
		VALUES ('y', gen_random_uuid(), gen_random_uuid(), 'signed_out',
		        now() - interval '8 days')`)
	w.Exec(t, `
		WITH ada AS (INSERT INTO users (email) VALUES ('ada@sana.example') RETURNING id)
		INSERT INTO account_events (user_id, kind, at, platform, ip, details)
		SELECT id, 'signed_in', now() - interval '91 days', '', '', '{}' FROM ada`)
	w.Start(t)
	for _, table := range []string{
		"challenges", "mails", "uses", "service_attempts", "event_tokens", "account_events",
		"replaced_tokens", "ended_sessions WHERE ended_at < now() - interval '7 days'",
		"sessions",
	} {
		harness.Eventually(t, table+" is not swept", func() error {
			return harness.CountError(w.Count(t, `SELECT count(*) FROM `+table), 0)
		})
	}
}
