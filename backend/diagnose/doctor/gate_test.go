package doctor_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sana/backend/diagnose/doctor"
	"sana/backend/test/harness"
)

// knows returns a resolver that knows these names.
func knows(names ...string) func(context.Context, string) ([]string, error) {
	return func(_ context.Context, host string) ([]string, error) {
		for _, name := range names {
			if name == host {
				return []string{"192.0.2.1"}, nil
			}
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
}

func TestGate_AddressAndHostsAreJudged(t *testing.T) {
	t.Parallel()
	names := knows("wiki.example.org", "sana-doctor.preview.example.net")
	for name, c := range map[string]struct {
		addr, public string
		hosts        []string
		check, want  string
	}{
		"loopback": {"127.0.0.1:1", "127.0.0.1", nil, "gate",
			"ok 127.0.0.1:1 is reachable from this machine"},
		"private":           {"10.1.2.3:1", "127.0.0.1", nil, "gate", "ok 10.1.2.3:1"},
		"name of container": {"sana:1", "127.0.0.1", nil, "gate", "ok sana:1"},
		"all interfaces":    {":1", "127.0.0.1", nil, "gate", "warn :1 is on all interfaces"},
		"all of IPv6": {"[::]:1", "127.0.0.1", nil, "gate",
			"warn [::]:1 is on all interfaces"},
		"public": {"203.0.113.7:1", "127.0.0.1", nil, "gate",
			"warn 203.0.113.7:1 is a public address"},
		"resolved": {"127.0.0.1:1", "127.0.0.1",
			[]string{"wiki.example.org", "*.preview.example.net"}, "app-hosts", "ok every host"},
		"port": {"127.0.0.1:1", "127.0.0.1", []string{"wiki.example.org:8443"}, "app-hosts",
			"ok every host"},
		"unresolved": {"127.0.0.1:1", "127.0.0.1", []string{"wiki.example.org", "*.example.net"},
			"app-hosts", "warn these hosts do not resolve from here: *.example.net"},
		"other hosts": {"127.0.0.1:1", "sana.example.org", []string{"wiki.example.org"}, "apps",
			"ok 2 apps at 1 host, none"},
		"own host": {"127.0.0.1:1", "sana.example.org", []string{"sana.example.org"}, "apps",
			"fail 2 apps at 1 host; one host is"},
		"own host under *": {"127.0.0.1:1", "sana.example.org", []string{"*.example.org"}, "apps",
			"fail 2 apps at 1 host; one host is"},
		"below own host's *": {"127.0.0.1:1", "a.sana.example.org", []string{"*.example.org"},
			"apps",
			"ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := doctor.Gate{Public: doctor.Public{URL: parse(t, "https://"+c.public)},
				Addr:  c.addr,
				Hosts: c.hosts, Apps: 2, Lookup: names}
			wantCheck(t, g, c.check, c.want)
		})
	}
}

func wantCheck(t *testing.T, g doctor.Gate, name, want string) {
	t.Helper()
	for _, check := range g.Checks() {
		if check.Name != name {
			continue
		}
		r := check.Do(t.Context())
		if got := string(r.State) + " " + r.Detail; !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		return
	}
	t.Errorf("there is no check %s", name)
}

// A gate that answers at the public host is reachable for every client.
func TestGate_PubliclyReachableFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "apps.yaml")
	apps := "apps: {wiki: {name: Wiki, hosts: [wiki.example.org], allow: [group:everyone]}}"
	if err := os.WriteFile(file, []byte(apps), 0o600); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	harness.NewWorld(t).Run(t, "APPS_FILE="+file, "GATE_ADDR="+address)
	_, port, _ := strings.Cut(address, ":")
	g := doctor.Gate{Public: doctor.Public{URL: parse(t, "https://127.0.0.1")},
		Addr: "0.0.0.0:" + port}
	wantCheck(t, g, "gate", "fail "+address+" answers as the gate")

	// Other machines cannot reach the loopback interface, although the public name resolves to it
	// here.
	g.Addr = address
	wantCheck(t, g, "gate", "ok "+address+" is reachable from this machine")
}

func TestGate_ReportsKeysOfAppsWithoutAccessKeys(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Exec(t, `INSERT INTO users (email) VALUES ('ada@sana.example')`)
	g := doctor.Gate{Pool: w.DB, KeyApps: []string{"wiki"}}
	wantCheck(t, g, "access-keys", "ok 0 access keys")
	add := func(app, valid string) {
		w.Exec(t, `
			INSERT INTO access_keys (k, user_id, app, name, by_operator, expires_at)
			SELECT gen_random_uuid()::text, id, $1, 'x', false, now() + $2::interval
			FROM users`, app, valid)
	}
	add("wiki", "90 days")
	add("wiki", "1 day")
	add("old", "-1 day")
	wantCheck(t, g, "access-keys", "ok 2 access keys, 1 of them expire within a week")
	add("old", "90 days")
	wantCheck(t, g, "access-keys",
		"warn 3 access keys; some are for apps that APPS_FILE does not define, or that do not "+
			"accept keys: old")
}
