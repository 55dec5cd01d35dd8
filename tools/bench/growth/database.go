package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// database is a migrated database with a number of sessions.
type database struct {
	name string
	url  string
	n    int
	db   *pgxpool.Pool
}

// fillBatch is the number of sessions that one statement inserts.
const fillBatch = 100_000

// openDatabase creates the database, unless an earlier run has created it.
func openDatabase(ctx context.Context, server string, n int) (*database, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	d := &database{name: fmt.Sprintf("growth_%d", n), n: n}
	u.Path = "/" + d.name
	d.url = u.String()
	made, err := d.create(ctx, server)
	if err != nil {
		return nil, err
	}
	if _, err := postgres.Migrate(ctx, d.url); err != nil {
		return nil, err
	}
	if d.db, err = pgxpool.New(ctx, d.url); err != nil || !made {
		return d, err
	}
	return d, d.fill(ctx)
}

func (d *database) create(ctx context.Context, server string) (made bool, err error) {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	var exists bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, d.name).
		Scan(&exists)
	if err != nil || exists {
		return false, err
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+d.name)
	return true, err
}

func (d *database) drop(server string) {
	conn, err := pgx.Connect(context.Background(), server)
	if err == nil {
		_, err = conn.Exec(context.Background(), `DROP DATABASE `+d.name+` WITH (FORCE)`)
	}
	if err != nil {
		log.Printf("drop database %s: %v", d.name, err)
	}
}

// rows inserts sessions with the numbers from $1 to $2 whose tokens begin with $3, two for each
// user. If $4 is positive, they have expired in the last $4 seconds. If it is 0, they are valid:
// those with an odd number were used now, so that no use of them is recorded for hours, and the
// others were used in the last twelve hours. They were signed in over the last 29 days. There are
// no rows of users: reads of a session do not need them. Column v is as backend/auth/signin.go
// writes it.
const rows = `
	INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, last_used_at, sweep_at)
	SELECT encode(sha256(sha256(($3 || n)::bytea)), 'hex'),
	       convert_to(jsonb_build_object(
	           'id', id,
	           'user', jsonb_build_object(
	               'id', user_id,
	               'email', 'user.' || n / 2 || '@mail.example.org',
	               'signed_in_at', ends - interval '30 days'),
	           'created_at', ends - interval '30 days',
	           'expires_at', ends,
	           'user_agent',
	           'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 '
	           '(KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
	           'platform', 'Chrome, Windows',
	           'ip', '203.0.113.' || n % 250,
	           'seed', encode(decode(md5('seed' || n), 'hex'), 'base64'))::text, 'UTF8'),
	       floor(extract(epoch FROM ends))::bigint, id::uuid, user_id, 86400, used,
	       floor(extract(epoch FROM least(ends, used + interval '1 day')))::bigint
	FROM generate_series($1::integer, $2::integer) AS n,
	     LATERAL (SELECT md5($3 || n) AS id, md5('user' || n / 2)::uuid AS user_id) AS ids,
	     LATERAL (SELECT now() - make_interval(secs => $4 * random()) AS expired) AS a,
	     LATERAL (SELECT CASE WHEN $4 > 0 THEN expired
	         ELSE now() + interval '1 day' + random() * interval '29 days' END AS ends,
	                     CASE WHEN $4 > 0 THEN expired - interval '1 hour'
	                          WHEN n % 2 = 1 THEN now() + interval '12 hours'
	                          ELSE now() - random() * interval '12 hours' END AS used) AS b`

// indexes are created after the rows, which is faster, and with the fill factor that row-by-row
// inserts lead to: two thirds.
var indexes = [][2]string{
	{
		`DROP INDEX sessions_sweep_at`,
		`CREATE INDEX sessions_sweep_at ON sessions (sweep_at) WITH (fillfactor = 70)`,
	},
	{
		`DROP INDEX sessions_id`,
		`CREATE UNIQUE INDEX sessions_id ON sessions (id) WITH (fillfactor = 70)`,
	},
	{
		`DROP INDEX sessions_user_id`,
		`CREATE INDEX sessions_user_id ON sessions (user_id) WITH (fillfactor = 70)`,
	},
	{
		`ALTER TABLE sessions DROP CONSTRAINT sessions_pkey`,
		`ALTER TABLE sessions ADD PRIMARY KEY (k) WITH (fillfactor = 70)`,
	},
}

func (d *database) fill(ctx context.Context) error {
	began := time.Now()
	for _, index := range indexes {
		if _, err := d.db.Exec(ctx, index[0]); err != nil {
			return err
		}
	}
	err := d.insert(ctx, d.n, valid, 0)
	for _, index := range indexes {
		if err == nil {
			_, err = d.db.Exec(ctx, `SET maintenance_work_mem = '1GB'; `+index[1])
		}
	}
	if err == nil {
		err = d.settle(ctx)
	}
	log.Printf("%s: filled in %s", d.name, time.Since(began).Round(time.Second))
	return err
}

// Prefixes of tokens.
const (
	valid   = "growth-"
	expired = "expired-"
)

func (d *database) insert(ctx context.Context, n int, prefix string, expiredSeconds float64) error {
	var group errgroup.Group
	group.SetLimit(2)
	for first := 1; first <= n; first += fillBatch {
		group.Go(func() error {
			_, err := d.db.Exec(ctx, rows, first, min(first+fillBatch-1, n), prefix, expiredSeconds)
			return err
		})
	}
	return group.Wait()
}

// settle waits for the work that a fill has caused before a measurement.
func (d *database) settle(ctx context.Context) error {
	for _, sql := range []string{`VACUUM (ANALYZE) sessions`, `CHECKPOINT`} {
		if _, err := d.db.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// token returns the cookie's value of the session with a number.
func token(n int) string {
	raw := sha256.Sum256(fmt.Append(nil, valid, n))
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// maxTokens is the maximum number of sessions that wrk uses: more than a round can read, and few
// enough for its memory.
const maxTokens = 1_000_000

// tokens writes the tokens of at most count sessions to a file, one after the other: of every
// step-th number from first on, in random order, without duplicates.
func (d *database) tokens(count, first, step int) (file string, err error) {
	numbers := (d.n-first)/step + 1
	count = min(count, numbers, maxTokens)
	var text strings.Builder
	for chosen := map[int]bool{}; len(chosen) < count; {
		n := rand.IntN(numbers)
		if count == numbers {
			n = len(chosen)
		}
		if !chosen[n] {
			chosen[n] = true
			text.WriteString(token(first + step*n))
		}
	}
	f, err := os.CreateTemp("", "growth-tokens-")
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = f.WriteString(text.String())
	return f.Name(), err
}
