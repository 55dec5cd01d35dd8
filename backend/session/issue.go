package session

import (
	"context"
	"encoding/json"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// Surplus is an SQL expression for statements after that of Shared's Issue, in the same transaction: the platforms of the
// sessions that have ended for the new one, as a JSON array of texts; NULL for none.
var Surplus = surplusNote.Left() + `::jsonb`

const surplusNote postgres.Note = "surplus_sessions"

// Issue implements Store: the session exists, and the one that it replaces does not, if and only if the batch is committed.
// When the batch holds the lock on the user's row, as a sign-in does, there are never more than MaxPerUser sessions of a
// user, and none goes on from one that ends at the same moment.
func (s *Shared) Issue(b *postgres.Batch, when string, session Session, replaced string) (string, Issued) {
	goesOn := session.User != nil && session.ID != ""
	session.ID, session.Token = newID(), newToken()
	session.UserAgent = printable(session.UserAgent, 256)
	issued, _ := tokenKey(session.Token)
	old, replaces := tokenKey(replaced)
	oldText := ""
	if replaces {
		oldText = old.text()
		s.forget(oldText)
	}
	idle, age := s.limits.of(session)
	args := session.args()
	args["key"], args["idle"], args["age"] = issued.text(), int(idle.Seconds()), age
	args["goes_on"], args["replaced"], args["others"], args["reason"] = goesOn, oldText, MaxPerUser-1, TooManySessions
	made := false
	var keys []string
	var values [][]byte
	b.Queue(issue(when, session.User != nil, replaces), args).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&keys, &values, nil}, func() error {
			made = true
			return nil
		})
		return err
	})
	return session.Token, func(ctx context.Context) (_ Session, err error) {
		if !made {
			return Session{}, s.whyNone(ctx, s.db, old)
		}
		s.forget(keys...)
		session.ExpiresAt = session.start().Add(age)
		session.Secret, session.Keep = session.Token, keep(session, age)
		session.Surplus, err = readAll(values)
		return session, err
	}
}

// args are the content of a session, and beside it what of that the database may have to say.
func (s Session) args() pgx.NamedArgs {
	known := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		return &at
	}
	args := pgx.NamedArgs{"user": "", "email": "", "signed_in_at": nil, "sent_at": nil}
	if s.User != nil {
		args["user"], args["email"], args["signed_in_at"] = s.User.ID, s.User.Email, known(s.User.SignedInAt)
	}
	if s.Pending != nil {
		args["sent_at"] = known(s.Pending.SentAt)
	}
	args["value"], _ = json.Marshal(s) // of texts and times: it cannot fail
	return args
}

// issue is the statement of Issue, with what this session needs and nothing else: a CTE costs something even where it finds
// nothing. The session's time begins when somebody signed in, or else when his code was sent.
func issue(when string, signedIn, replaces bool) string {
	begin, content, goesOn := `coalesce(@sent_at::timestamptz, now())`, `@value::jsonb`, ``
	if signedIn {
		begin = `coalesce(@signed_in_at::timestamptz, now())`
		content = `jsonb_set(jsonb_set(` + content + `,
		               '{user,id}', to_jsonb(coalesce(nullif(@user::text, ''), (SELECT id::text FROM users WHERE email = @email::text), ''))),
		               '{user,signed_in_at}', to_jsonb(` + begin + `))`
	}
	if replaces {
		goesOn = `
		      AND (NOT @goes_on::boolean OR EXISTS (SELECT FROM replaced))`
	}
	issued := `
		    INSERT INTO sessions (k, v, e, idle_seconds, sweep_at)
		    SELECT @key, convert_to(value::text, 'UTF8'), floor(extract(epoch FROM ends))::bigint, @idle::integer,
		           least(floor(extract(epoch FROM ends)), ceil(extract(epoch FROM now())) + @idle::integer)::bigint
		    FROM (
		        SELECT jsonb_set(jsonb_set(` + content + `,
		                   '{pending,sent_at}', to_jsonb(coalesce(@sent_at::timestamptz, now()))),
		                   '{expires_at}', to_jsonb(ends)) AS value,
		               ends
		        FROM (SELECT ` + begin + ` + @age::interval AS ends) AS age
		    ) AS content
		    WHERE ` + when + goesOn
	replaced := `
		replaced AS (
		    DELETE FROM sessions
		    WHERE k = @replaced
		      AND (NOT @goes_on::boolean OR ` + isLive + `)
		      AND ` + when + `
		    RETURNING k
		)`
	switch {
	case signedIn && replaces:
		return `WITH` + replaced + `,` + endSurplus(issued)
	case signedIn:
		return `WITH` + endSurplus(issued)
	case replaces:
		return `WITH` + replaced + issued + `
		    RETURNING NULL::text[], NULL::bytea[], NULL`
	default:
		return issued + `
		    RETURNING NULL::text[], NULL::bytea[], NULL`
	}
}

// endSurplus ends the oldest sessions of whoever has MaxPerUser without the one that is issued, and the replaced one.
func endSurplus(issued string) string {
	return `
		issued AS (` + issued + `
		    RETURNING user_id
		), surplus AS (
		    SELECT k
		    FROM sessions
		    WHERE user_id = (SELECT user_id FROM issued)
		      AND k <> @replaced
		      AND ` + isLive + `
		    ORDER BY e DESC, k
		    OFFSET @others
		    FOR UPDATE
		), ended AS (
		    DELETE FROM sessions
		    USING surplus
		    WHERE sessions.k = surplus.k
		    RETURNING sessions.k, sessions.id, sessions.user_id, sessions.v
		), noted AS (
		    INSERT INTO ended_sessions (k, id, user_id, reason)
		    SELECT k, id, user_id, @reason
		    FROM ended
		)
		SELECT (SELECT array_agg(k ORDER BY k) FROM ended),
		       (SELECT array_agg(v ORDER BY k) FROM ended),
		       (SELECT ` + surplusNote.Leave(`jsonb_agg(coalesce(convert_from(v, 'UTF8')::jsonb ->> 'platform', '') ORDER BY k)`) + `
		        FROM ended
		        HAVING count(*) > 0)
		FROM issued`
}

// Hold implements Store.
func (s *Shared) Hold(b *postgres.Batch, token string) {
	k, _ := tokenKey(token)
	b.Queue(`
		WITH held AS MATERIALIZED (
		    SELECT k
		    FROM sessions
		    WHERE k = @key
		      AND `+isLive+`
		    FOR UPDATE
		)
		SELECT `+postgres.Stop+`
		WHERE NOT EXISTS (SELECT FROM held)`,
		pgx.NamedArgs{"key": k.text()})
}
