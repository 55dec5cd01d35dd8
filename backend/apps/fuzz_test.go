package apps

import (
	"net/url"
	"strings"
	"testing"

	"sana/backend/account"
)

// Parse never panics, and the apps of an accepted file satisfy the invariants of the package.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example), "wiki.example.org", "ada@example.org")
	f.Add([]byte("apps: {a: {name: A, hosts: ['*.a.example'], allow: [group:everyone]}}"),
		"b.a.example", "x@y.example")
	f.Add([]byte("apps: {}\n--- "), "", "")
	f.Add([]byte("apps: &a {<<: *a}"), "", "")
	f.Fuzz(func(t *testing.T, text []byte, header, email string) {
		set, err := Parse(text, production)
		if err != nil {
			if set != nil || err.Error() == "" {
				t.Error("a file with mistakes has a set, or its mistakes have no text")
			}
			return
		}
		for _, app := range set.List() {
			checkApp(t, set, app)
		}
		host, ok := NormalizeHost([]byte(header))
		app, found := set.FindHost(host)
		if found && !app.Serves(host) {
			t.Errorf("%q leads to %s, which does not serve it", host, app.ID)
		}
		if ok && host == production.PublicHost && found {
			t.Error("an app has the host of PUBLIC_URL")
		}
		if canonical, err := account.ParseAddress(email); err == nil &&
			len(set.Groups(canonical)) == 0 {
			t.Error("a user has no group")
		}
	})
}

func checkApp(t *testing.T, set *Set, app *App) {
	t.Helper()
	if !idPattern.MatchString(app.ID) || app.Name == "" ||
		strings.ContainsAny(app.Name, ":/@\r\n") ||
		len(app.Hosts) == 0 {
		t.Errorf("app %q named %q has %d hosts", app.ID, app.Name, len(app.Hosts))
	}
	if app.Fresh != 0 && app.Fresh < minFresh {
		t.Errorf("app %s requires a sign-in of the last %s", app.ID, app.Fresh)
	}
	if app.Allows("", day) || app.Allows("ada", day) {
		t.Errorf("app %s allows no user", app.ID)
	}
	for _, host := range app.Hosts {
		concrete := strings.Replace(host.String(), "*", "x", 1)
		normal, ok := NormalizeHost([]byte(concrete))
		if !ok || normal != concrete {
			t.Errorf("host %q is not as browsers send it", concrete)
		}
		for _, other := range set.List() {
			if other.Serves(concrete) != (other == app) {
				t.Errorf("host %q of app %s: app %s serves it: %v", concrete, app.ID, other.ID,
					other.Serves(concrete))
			}
		}
		if found, ok := set.FindHost(concrete); !ok || found != app {
			t.Errorf("host %q of app %s is not found", concrete, app.ID)
		}
	}
}

// NormalizeHost is idempotent, and its result has no character with a meaning in a URL, a header or
// a cookie.
func FuzzNormalizeHost(f *testing.F) {
	for _, seed := range []string{"wiki.example.org", "WIKI.example.org:8443", "a.", "", "[::1]",
		"a%2f", "ſ.example", "K.example"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		host, ok := NormalizeHost(header)
		if !ok {
			return
		}
		again, ok := NormalizeHost([]byte(host))
		if !ok || again != host || !strings.EqualFold(host, string(header)) {
			t.Errorf("%q becomes %q, then %q", header, host, again)
		}
		if strings.ContainsAny(host, "/\\@?#% \t\r\n\x00;,=\"") || strings.HasSuffix(host, ".") {
			t.Errorf("%q is accepted", header)
		}
	})
}

// Appended to an origin, the result of ReturnPath stays on that origin, for net/url and for
// browsers, which read \ as / and remove tabs and line breaks.
func FuzzReturnPath(f *testing.F) {
	for _, seed := range []string{
		"/", "/a?b=c&d=%2f", "//evil.example", `/\evil.example`, "/\t/evil.example",
		"https://evil.example",
		"/_sana/start", "/%2f%2fevil.example", "/..//evil.example", "/a#b", "",
		"/" + strings.Repeat("a", 2048), "/ä",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		path := ReturnPath(target)
		if path != "/" && path != target {
			t.Errorf("%q became %q", target, path)
		}
		const origin = "https://wiki.example.org"
		u, err := url.Parse(origin)
		if err != nil {
			t.Fatal(err)
		}
		asBrowser := strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(path)
		for _, location := range []string{path, asBrowser} {
			reference, err := url.Parse(location)
			if err != nil {
				continue // of no form that leads elsewhere: it begins with one slash
			}
			if got := u.ResolveReference(reference); got.Host != u.Host || got.Scheme != u.Scheme {
				t.Errorf("%q leads to %s", target, got)
			}
		}
		if !strings.HasPrefix(asBrowser, "/") || strings.HasPrefix(asBrowser, "//") ||
			len(path) > maxReturnPath ||
			strings.HasPrefix(path, ReservedPath) || strings.ContainsAny(path, "\r\n\x00#") {
			t.Errorf("%q became %q", target, path)
		}
	})
}
