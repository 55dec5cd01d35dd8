package proxies

import (
	"strings"
	"testing"

	"sana/backend/apps"

	"go.yaml.in/yaml/v3"
)

func aSite(t *testing.T) Site {
	t.Helper()
	set, err := apps.Parse([]byte(`
apps:
  wiki:
    name: Wiki
    hosts: [wiki.example.org, "*.preview.example.net"]
    allow: [group:everyone]
`), apps.Options{})
	if err != nil {
		t.Fatal(err)
	}
	app, _ := set.Find("wiki")
	return Site{App: app, Upstream: "127.0.0.1:8080", Sana: "127.0.0.1:3000",
		Gate: "127.0.0.1:3001"}
}

// The tests of the gate run each proxy with its configuration; Traefik itself only with npm run
// proxies. This test needs none.
func TestWrite_TraefikConfigurationPutsTheGateInFrontOfTheApp(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Write(&b, Traefik, aSite(t)); err != nil {
		t.Fatal(err)
	}
	var config struct {
		HTTP struct {
			Routers map[string]struct {
				Rule, Service string
				Middlewares   []string
			}
			Middlewares map[string]struct {
				Headers struct {
					CustomRequestHeaders map[string]string `yaml:"customRequestHeaders"`
				}
				ForwardAuth struct {
					Address             string
					TrustForwardHeader  bool     `yaml:"trustForwardHeader"`
					AuthResponseHeaders []string `yaml:"authResponseHeaders"`
				} `yaml:"forwardAuth"`
			}
		}
	}
	if err := yaml.Unmarshal([]byte(b.String()), &config); err != nil {
		t.Fatalf("%v:\n%s", err, b.String())
	}
	h := config.HTTP
	if got := h.Routers["wiki"].Middlewares; len(got) != 2 || got[0] != "wiki-no-identity" ||
		got[1] != "wiki-gate" {
		t.Errorf("the app is behind %v", got)
	}
	if got :=
		h.Routers["wiki"].Rule; got != "(Host(`wiki.example.org`) || "+
		"HostRegexp(`^[a-z0-9_-]+\\.preview\\.example\\.net$`))" {
		t.Errorf("the rule is %s", got)
	}
	auth := h.Middlewares["wiki-gate"].ForwardAuth
	if auth.Address != "http://127.0.0.1:3001/gate/forward/wiki" || auth.TrustForwardHeader ||
		len(auth.AuthResponseHeaders) != len(identity) {
		t.Errorf("the request to the gate is %+v", auth)
	}
	for _, header := range identity {
		for _, name := range []string{header, strings.ReplaceAll(header, "-", "_")} {
			if value, ok :=
				h.Middlewares["wiki-no-identity"].Headers.CustomRequestHeaders[name]; !ok ||
				value != "" {
				t.Errorf("clients can send %s", name)
			}
		}
	}
}

func TestWrite_RefusesUnknownProxies(t *testing.T) {
	t.Parallel()
	if err := Write(&strings.Builder{}, "haproxy", aSite(t)); err == nil {
		t.Error("accepted")
	}
}
