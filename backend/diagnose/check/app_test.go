package check_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sana/backend/apps"
	"sana/backend/diagnose/check"
	"sana/backend/gate/proxies"
	"sana/backend/test/harness"
	"sana/backend/test/proxytest"
)

const wikiFile = `apps: {wiki: {name: Wiki, hosts: [wiki.example.org], allow: [group:everyone]}}`

// wikiWorld is a deployment with an app that shows the identity headers that reach it.
type wikiWorld struct {
	w        *harness.World
	front    *front
	site     proxies.Site
	sanaURL  check.Options // directs a check to Sana's own host
	visitors int
}

func newWiki(t *testing.T) *wikiWorld {
	t.Helper()
	w := harness.NewWorld(t)
	file, gate := filepath.Join(t.TempDir(), "apps.yaml"),
		fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	if err := os.WriteFile(file, []byte(wikiFile), 0o600); err != nil {
		t.Fatal(err)
	}
	instance := w.Run(t, atHome, "APPS_FILE="+file, "GATE_ADDR="+gate)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if strings.HasPrefix(name, "Remote") {
				fmt.Fprintf(w, "%s: %s\n", name, values)
			}
		}
		fmt.Fprintln(w, "the app")
	}))
	t.Cleanup(app.Close)
	set, err := apps.Parse([]byte(wikiFile), apps.Options{})
	if err != nil {
		t.Fatal(err)
	}
	one, _ := set.Find("wiki")
	f := newFront(instance)
	return &wikiWorld{w: w, front: f, sanaURL: f.options(t), site: proxies.Site{
		App: one, Upstream: strings.TrimPrefix(app.URL, "http://"),
		Sana: strings.TrimPrefix(instance.URL, "http://"), Gate: gate,
	}}
}

// options runs a proxy in front of the app and returns options that direct a check to both. spoil
// changes the configuration that sana apps prints. With signIn the check signs in a new user.
func (w *wikiWorld) options(
	t *testing.T, p proxytest.Proxy, spoil func(string) string, signIn bool,
) check.Options {
	t.Helper()
	var printed strings.Builder
	if err := proxies.Write(&printed, proxies.Kind(p.Kind), w.site); err != nil {
		t.Fatal(err)
	}
	config := printed.String()
	if spoil != nil {
		if config = spoil(config); config == printed.String() {
			t.Fatal("the configuration was not changed")
		}
	}
	running := p.Start(t, config, "wiki.example.org")
	o := w.sanaURL
	o.URL, o.Requests, o.Roots = &url.URL{Scheme: "https", Host: "wiki.example.org"}, 3,
		o.Roots.Clone()
	o.Roots.AppendCertsFromPEM(running.Chain)
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "wiki.example.org:443" {
			return running.Dial(ctx, network, address)
		}
		return w.sanaURL.Dial(ctx, network, address)
	}
	if signIn {
		w.visitors++
		o.To = fmt.Sprintf("visitor%d@sana.example", w.visitors)
		o.AskCode = func(context.Context, string) (string, error) {
			return w.w.Code(t, o.To, 1),
				nil
		}
	}
	return o
}

func replace(old, replacement string) func(string) string {
	return func(config string) string { return strings.ReplaceAll(config, old, replacement) }
}

func remove(pattern string) func(string) string {
	return func(config string) string {
		return regexp.MustCompile(pattern).ReplaceAllString(config, "")
	}
}

// bypass returns a spoil function that allows requests whose variable matches, like a proxy's rules
// by path.
func bypass(variable, pattern string) func(string) string {
	return func(config string) string {
		const guarded = "    location / {\n        auth_request"
		before, after, _ := strings.Cut(config, guarded)
		upstream := regexp.MustCompile(`proxy_pass (\S+);`).FindStringSubmatch(after)[1]
		return before + "    location = /open { internal; proxy_pass " + upstream + "/; }\n" +
			"    if (" + variable + " ~ \"" + pattern + "\") { rewrite ^ /open last; }\n" +
			guarded + after
	}
}

// spoilt are mistakes in a proxy's configuration, and the results of the check.
var spoilt = []struct {
	name, proxy string
	spoil       func(string) string
	signIn      bool
	check, want string // the check that detects it, and its result
}{
	{"drops Authorization", "caddy",
		replace("uri /gate/forward/wiki", "uri /gate/forward/wiki\n\t\t\theader_up -Authorization"),
		false, "access-keys", "warn Authorization does not reach the gate"},
	{"does not ask the gate", "nginx", replace("auth_request /_sana_gate;", ""), false,
		"closed", "fail 3 of 3 requests: without a session a request is let through: 200"},
	{"does not ask the gate", "caddy", remove(`(?s)forward_auth.*?\n\t\t}`), false,
		"closed", "fail 3 of 3 requests: without a session a request is let through: 200"},
	{"leads Sana's pages elsewhere", "nginx",
		replace("location ^~ /_sana/ {", "location ^~ /_none/ {"), false,
		"pages", "fail /_sana/start is not Sana's"},
	{"leads Sana's pages elsewhere", "caddy", replace("handle /_sana/* {", "handle /_none/* {"),
		false, "pages", "fail /_sana/start is not Sana's"},
	{"does not set what it asks", "nginx", remove(`proxy_set_header X-Original-URL .*`), false,
		"start", "fail a page does not redirect to the sign-in: 401"},
	{"does not send what it asks about", "caddy",
		replace("uri /gate/forward/wiki", "uri /gate/nginx/wiki"), false,
		"closed", "fail 3 of 3 requests: the gate rejects the proxy's request (403 " +
			"gate_misconfigured)"},
	{"passes the other family on", "caddy", remove(`request_header -X-Original-\*`), false,
		"forged", "warn a client's headers reach the gate, which refuses them: X-Original-URL"},
	{"has a rule by path", "nginx", bypass("$request_uri", `^/_sana/[.][.]`), false,
		"paths", "fail without a session /_sana/../ is let through: 200"},
	{"has a rule by host", "nginx", bypass("$http_host", ":"), false,
		"hosts", "fail without a session Host: wiki.example.org:8443 is let through: 200"},
	{"passes the client's name on", "nginx", remove(`proxy_set_header Remote-User .*`), true,
		"identity", "fail a client's header reaches the app: Remote-User"},
	{"does not ask the gate", "traefik", replace(", wiki-gate]", "]"), false,
		"closed", "fail 3 of 3 requests: without a session a request is let through: 200"},
	{"leads Sana's pages elsewhere", "traefik", replace("`/_sana/`", "`/_none/`"), false,
		"pages", "fail /_sana/start is not Sana's"},
	{"believes what a client says of its request", "traefik",
		replace("trustForwardHeader: false", "trustForwardHeader: true"), false,
		"forged", "fail a client's X-Forwarded-Uri: /forged changes the answer: 302"},
	{"passes the other family on", "traefik", remove(`X-Original-\w+: ""`), false,
		"forged", "warn a client's headers reach the gate, which refuses them: X-Original-URL"},
	{"passes aliases on", "traefik", remove(`Remote[_.]\w+: ""`), true,
		"identity", "fail a client's header reaches the app: Remote_User, Remote.User, " +
			"Remote_Email, Remote.Email, Remote_Name, Remote.Name, Remote_Groups, Remote.Groups, " +
			"Remote_Id, Remote.Id"},
	{"passes aliases on", "nginx",
		replace("server {", "server {\n\tunderscores_in_headers on;"), true,
		"identity", "fail a client's header reaches the app: Remote_User, Remote_Email, " +
			"Remote_Name, Remote_Groups, Remote_Id"},
}

func TestApp_HealthyProxiesPassEveryCheck(t *testing.T) {
	t.Parallel()
	w := newWiki(t)
	for _, p := range proxytest.All() {
		t.Run(p.Kind, func(t *testing.T) {
			wantAllBut(t, results(t, w.options(t, p, nil, true)), nil)
			wantNothingLeft(t, w.w)
		})
	}
}

func TestApp_DetectsMistakesOfProxies(t *testing.T) {
	t.Parallel()
	w := newWiki(t)
	for _, p := range proxytest.All() {
		for _, s := range spoilt {
			if s.proxy == p.Kind {
				t.Run(s.name+" "+p.Kind, func(t *testing.T) {
					wantAllBut(t, results(t, w.options(t, p, s.spoil, s.signIn)),
						map[string]string{s.check: s.want})
				})
			}
		}
	}
}
