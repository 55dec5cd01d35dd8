package main

import (
	"fmt"
	"strings"
)

// used are the arguments that a statement names: $1 to the highest.
func used(sql string, args []any) []any {
	n := 0
	for n < len(args) && strings.Contains(sql, fmt.Sprint("$", n+1)) {
		n++
	}
	return args[:n]
}

// Of asking for a code: what signin, throttle and outbox write. $1 is the challenge, $2 the address, $3 the key
// that limits count the network by.
var askForCode = []string{
	`INSERT INTO challenges (id, email, purpose, key_id, code_length, mails, language, platform, verifier, expires_at)
	 VALUES ($1::text::uuid, $2, 'sign_in', 'k1', 6, 1, 'en', 'Chrome, Windows', sha256($1::text::bytea), now() + interval '10 minutes')`,
	`INSERT INTO throttle AS t (key, events, ends_at)
	 SELECT key, ARRAY[now()], now() + interval '1 day'
	 FROM unnest(ARRAY[sha256($1::text::bytea), sha256($2::text::bytea), $3::bytea]) AS key
	 ON CONFLICT (key) DO UPDATE
	 SET events = t.events[greatest(cardinality(t.events) - 18, 1):] || now(),
	     ends_at = excluded.ends_at`,
	`INSERT INTO river_job (args, kind, max_attempts, created_at, scheduled_at)
	 VALUES (jsonb_build_object('id', $1::text, 'number', 1), 'mail', 50, now(), now())`,
}

// Of the mail's way: what River and the outbox write. $1 is the challenge.
const (
	startJob = `
		UPDATE river_job
		SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = ARRAY['instance']
		WHERE args @> jsonb_build_object('id', $1::text) AND state = 'available'`
	mailIsOut = `UPDATE challenges SET delivery = 'sent' WHERE id = $1`
	finishJob = `
		UPDATE river_job
		SET state = 'completed', finalized_at = now()
		WHERE args @> jsonb_build_object('id', $1::text) AND state = 'running'`
)

// Of a code that is right. $2 is the address, $3 the user.
var verified = []string{
	`UPDATE challenges SET consumed_at = now() WHERE id = $1::text::uuid`,
	`INSERT INTO users (id, email)
	 SELECT $3::text::uuid, $2
	 WHERE $1::text <> ''
	 ON CONFLICT (email) DO UPDATE SET last_signed_in_at = now()`,
}

// sweeps are those of signin, throttle and River.
var sweeps = []string{
	`DELETE FROM challenges WHERE expires_at < now() - interval '1 day'`,
	`DELETE FROM throttle WHERE ends_at < now()`,
	`DELETE FROM river_job WHERE state = 'completed' AND finalized_at < now() - interval '1 day'`,
}
