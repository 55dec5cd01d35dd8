package gate

import (
	"bufio"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sana/backend/apps"
	"sana/backend/gate/appcookie"
	"sana/backend/keyring"
	"sana/backend/session"
	"sana/backend/test/postgrestest"

	"github.com/valyala/fasthttp"
)

const (
	fuzzKeys = "k1:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ=="
	fuzzSeed = "sixteen  octets."
	fuzzID   = "0123456789abcdef0123456789abcdef"
	fuzzHost = "wiki.example.org"
)

// fuzzApps has an app that allows the user, and one that does not.
const fuzzApps = `apps:
  wiki:  {name: Wiki, hosts: [wiki.example.org], allow: ["@sana.example"]}
  vault: {name: Vault, hosts: [vault.example.org], allow: [grace@sana.example]}`

// newFuzzed returns a gate, and the app cookies of its only session: for the app that allows its
// user, and for the other one.
func newFuzzed(f *testing.F) (g *Gate, cookie, refused string) {
	f.Helper()
	address := postgrestest.URL(f)
	db := postgrestest.Pool(f, address)
	_, err := db.Exec(f.Context(), `
		INSERT INTO sessions (k, v, e, id, user_id, idle_seconds, sweep_at)
		SELECT encode(sha256('k'), 'hex'),
		       convert_to(jsonb_build_object(
		           'id', $1::text,
		           'user', jsonb_build_object(
		               'id', gen_random_uuid(), 'email', 'ada@sana.example', 'signed_in_at', now()),
		           'created_at', now(), 'expires_at', now() + interval '1 day',
		           'user_agent', '', 'platform', '', 'ip', '', 'seed', $2::text)::text, 'UTF8'),
		       extract(epoch FROM now())::bigint + 86400, $1::uuid, gen_random_uuid(), 86400, 0`,
		fuzzID, base64.StdEncoding.EncodeToString([]byte(fuzzSeed)))
	if err != nil {
		f.Fatal(err)
	}
	silent := slog.New(slog.DiscardHandler)
	shared, err := session.NewShared(f.Context(), db,
		session.Limits{Idle: time.Hour, MaxAge: time.Hour}, silent, nil)
	if err != nil {
		f.Fatal(err)
	}
	ring, err := keyring.Parse(fuzzKeys)
	if err != nil {
		f.Fatal(err)
	}
	set, err := apps.Parse([]byte(fuzzApps), apps.Options{})
	if err != nil {
		f.Fatal(err)
	}
	known := &apps.Current{}
	known.Store(set)
	maker := appcookie.New(ring)
	g = New(Options{
		Apps: known, Cookies: maker, Sessions: shared,
		PublicURL: &url.URL{Scheme: "https", Host: "sana.example"}, Log: silent,
	})
	issued := time.Unix(1_800_000_000, 0)
	return g, maker.Make(fuzzHost, fuzzID, []byte(fuzzSeed), issued),
		maker.Make("vault.example.org", fuzzID, []byte(fuzzSeed), issued)
}

// Only an allowed user gets 200: with the one valid cookie, at the host of the app, with the
// headers of one family. That response has all identity headers, and no other response has any. No
// response has headers that affect the browser of an app.
func FuzzGate(f *testing.F) {
	g, good, refused := newFuzzed(f)
	const nginxAsks = "X-Original-URL: https://wiki.example.org/\r\nX-Original-Method: GET\r\n"
	const forwardAsks = "X-Forwarded-Host: wiki.example.org\r\nX-Forwarded-Method: " +
		"GET\r\nX-Forwarded-Uri: /\r\n"
	for _, seed := range []struct{ path, headers string }{
		{"/gate/nginx/wiki", nginxAsks + "Cookie: __Host-sana_app=GOOD\r\n"},
		{"/gate/forward/wiki",
			forwardAsks + "Cookie: __Host-sana_app=GOOD\r\nSec-Fetch-Mode: navigate\r\n"},
		{"/gate/forward/wiki",
			forwardAsks + "Cookie: a=b; __Host-sana_app=v1.k1." + fuzzID + ".1800000000.AAAA\r\n"},
		{"/gate/forward/wiki",
			forwardAsks +
				"Accept: text/html\r\nCookie: __Host-sana_app=GOOD; __Host-sana_app=GOOD\r\n"},
		{"/gate/nginx/vault", "X-Original-URL: https://vault.example.org/\r\nX-Original-Method: " +
			"GET\r\nCookie: __Host-sana_app=REFUSED\r\n"},
		{"/gate/nginx/vault", nginxAsks + "Cookie: __Host-sana_app=GOOD\r\n"},
		{"/gate/nginx/wiki", forwardAsks}, {"/gate/nginx/wiki", nginxAsks + forwardAsks},
		{"/gate/nginx/../forward/wiki", ""},
		{"/gate/nginx/wiki",
			"X-Original-URL: https://wiki.example.org@evil/\r\nX-Original-Method: " +
				"GET\r\nCookie: __Host-sana_app=GOOD\r\n"},
		{"/gate/forward/wiki",
			"x-forwarded-host: WIKI.example.org\r\nX-Forwarded-Method: PUT\r\nCookie: " +
				"__Host-sana_app=GOOD\r\nContent-Length: 0\r\n"},
	} {
		f.Add(seed.path, seed.headers)
	}
	f.Fuzz(func(t *testing.T, path, headers string) {
		headers = strings.NewReplacer("GOOD", good, "REFUSED", refused).Replace(headers)
		var c fasthttp.RequestCtx
		raw := "GET " + path + " HTTP/1.1\r\nHost: gate\r\n" + headers + "\r\n"
		if c.Request.Read(bufio.NewReader(strings.NewReader(raw))) != nil {
			return // answerBroken's
		}
		g.handle(&c)
		checkInvariants(t, &c, raw, good)
	})
}

func checkInvariants(t *testing.T, c *fasthttp.RequestCtx, raw, good string) {
	t.Helper()
	h := &c.Response.Header
	isAllowed := c.Response.StatusCode() == http.StatusOK
	for _, name := range []string{"Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups",
		"Remote-Id"} {
		if isAllowed != (len(h.Peek(name)) > 0) {
			t.Errorf("%d with %s: %q\n%q", c.Response.StatusCode(), name, h.Peek(name), raw)
		}
	}
	for _, name := range []string{"Strict-Transport-Security", "Content-Security-Policy", "Etag",
		"Clear-Site-Data"} {
		if len(h.Peek(name)) > 0 {
			t.Errorf("%d with %s\n%q", c.Response.StatusCode(), name, raw)
		}
	}
	for range h.Cookies() {
		t.Errorf("%d with a cookie\n%q", c.Response.StatusCode(), raw)
	}
	if location := string(h.Peek("Location")) + string(h.Peek(StartHeader)); location != "" &&
		!strings.HasPrefix(location, "https://wiki.example.org/_sana/start?path=%2F") &&
		!strings.HasPrefix(location, "https://vault.example.org/_sana/start?path=%2F") {
		t.Errorf("leads to %s\n%q", location, raw)
	}
	if !isAllowed {
		return
	}
	if path := string(c.URI().PathOriginal()); path != "/gate/nginx/wiki" &&
		path != "/gate/forward/wiki" {
		t.Errorf("200 at %s, whose rule does not allow the user\n%q", path, raw)
	}
	n := 0
	for key, value := range c.Request.Header.Cookies() {
		if string(key) == "__Host-sana_app" {
			n++
			if string(value) != good {
				t.Errorf("200 for another cookie\n%q", raw)
			}
		}
	}
	isNginx, isForward := len(c.Request.Header.Peek("X-Original-Url")) > 0,
		len(c.Request.Header.Peek("X-Forwarded-Host")) > 0
	if n != 1 || isNginx == isForward || !strings.Contains(strings.ToLower(raw), fuzzHost) {
		t.Errorf("200 for %d cookies, requested by nginx: %v, otherwise: %v\n%q", n, isNginx,
			isForward, raw)
	}
}
