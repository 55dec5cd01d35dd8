package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"time"

	"sana/backend/keyring"
	"sana/backend/observe/metrics"
	"sana/backend/session"
	"sana/backend/web"

	"github.com/jackc/pgx/v5"
)

// secretKeys are for the cookies of this run only.
var secretKeys = "bench:" + base64.StdEncoding.EncodeToString(random(32))

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

const sessionPath = "/api/auth/session"

var sessionLimits = session.Limits{Idle: 24 * time.Hour, MaxAge: maxAge}

// sanaEnviron is production with every default; mail goes to a server on this machine.
func sanaEnviron(database string, smtpPort int, further ...string) []string {
	return append([]string{
		"APP_ENV=production",
		"PUBLIC_URL=https://" + publicHost,
		"DATABASE_URL=" + database,
		"SECRET_KEYS=" + secretKeys,
		"TRUSTED_PROXY_HOPS=1",
		"MAIL_TRANSPORT=smtp",
		"MAIL_FROM=Sana <sign-in@" + publicHost + ">",
		fmt.Sprintf("SMTP_URL=smtp://127.0.0.1:%d", smtpPort),
	}, further...)
}

// startSana starts bin/sana.
func (b *bench) startSana(
	ctx context.Context, name, database string, smtpPort int, further ...string,
) (*server, error) {
	return b.startServer(ctx, name, "/readyz", freePort(),
		sanaEnviron(database, smtpPort, further...), b.sana, "serve")
}

// migrated creates a database with Sana's schema.
func (b *bench) migrated(ctx context.Context, name string) (database string, err error) {
	if database, err = b.newDatabase(ctx, name); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, b.sana, "migrate")
	cmd.Env = []string{"DATABASE_URL=" + database}
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("sana migrate: %w\n%s", err, output)
	}
	return database, nil
}

// cookieOf returns the cookie with a token.
func cookieOf(token string) string {
	return web.SessionCookieName(&url.URL{Scheme: "https", Host: publicHost}) + "=" + token
}

const (
	deviceCookie  = "__Host-sana_device"
	browserCookie = "__Host-sana_browser"
)

// deviceToken returns the token of a browser that has signed in with an address before, as package
// auth makes it. If they differ, Sana mails a notice that the benchmark does not expect.
func deviceToken(address string) string {
	keys, err := keyring.Parse(secretKeys)
	if err != nil {
		panic(err)
	}
	id := random(16)
	mac := hmac.New(sha256.New, keys.Current().Derive("sana/device/v1"))
	mac.Write(id)
	mac.Write([]byte(address))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(id))
}

// ticketOf returns a session's ticket with Sana's expected answer.
func ticketOf(s session.Session) ticket {
	return ticket{cookie: cookieOf(s.Token), want: answer{
		User: user{ID: s.User.ID, Email: s.User.Email},
		Session: visible{
			ID:         s.ID,
			SignedInAt: s.User.SignedInAt.UTC(),
			ExpiresAt:  s.ExpiresAt.UTC(),
		},
	}}
}

func sessionOf(p answer) session.Session {
	return session.Session{
		ID: p.Session.ID, CreatedAt: p.Session.SignedInAt, ExpiresAt: p.Session.ExpiresAt,
		User: session.User{
			ID:         p.User.ID,
			Email:      p.User.Email,
			SignedInAt: p.Session.SignedInAt,
		},
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		Platform:  "Firefox, Linux",
		IP:        "192.0.2.1", Seed: random(16),
	}
}

// rowOf returns a row of sessions as Sana writes it for a session that was used now, and its token.
func rowOf(s session.Session) (row []any, token string, err error) {
	raw := random(32)
	hash := sha256.Sum256(raw)
	value, err := json.Marshal(s)
	row = []any{hex.EncodeToString(hash[:]), value, s.ExpiresAt.Unix(), s.ID, s.User.ID,
		int(sessionLimits.Idle.Seconds()), time.Now().Add(sessionLimits.Idle).Unix()}
	return row, base64.RawURLEncoding.EncodeToString(raw), err
}

// sharedJar inserts sessions into Sana's table. The rows are written without Sana's own store, so
// that the benchmark also works with another checkout. checkAnswers tests that Sana reads them
// correctly.
func sharedJar(ctx context.Context, database string, list []answer) (jar, error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	var j jar
	var users, rows [][]any
	for _, p := range list {
		row, token, err := rowOf(sessionOf(p))
		if err != nil {
			return nil, err
		}
		users, rows = append(users, []any{p.User.ID, p.User.Email}), append(rows, row)
		j = append(j, ticket{cookieOf(token), p})
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"users"}, []string{"id", "email"},
		pgx.CopyFromRows(users)); err != nil {
		return nil, err
	}
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"sessions"},
		[]string{"k", "v", "e", "id", "user_id", "idle_seconds", "sweep_at"},
		pgx.CopyFromRows(rows))
	if err == nil {
		_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	}
	return j, err
}

// sealedJar signs users in with cookies that contain the session. After a minute of use Sana renews
// one, and wrk would ignore the new one: a jar is valid for a minute.
func sealedJar(ctx context.Context, list []answer) (jar, error) {
	keys, err := keyring.Parse(secretKeys)
	if err != nil {
		return nil, err
	}
	name := web.SessionCookieName(&url.URL{Scheme: "https", Host: publicHost})
	store := session.NewSealed(keys, name, sessionLimits, time.Now, metrics.New("bench"))
	var j jar
	for _, p := range list {
		issued, err := store.Seal(sessionOf(p))
		if err != nil {
			return nil, err
		}
		read, err := store.Read(ctx, issued.Token) // it has whole seconds
		if err != nil {
			return nil, err
		}
		j = append(j, ticketOf(read))
	}
	return j, nil
}
