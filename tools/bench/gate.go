package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sana/backend/gate/appcookie"
	"sana/backend/keyring"

	"github.com/jackc/pgx/v5"
)

const (
	appHost      = "wiki.example.org"
	oauth2Secret = "0123456789abcdef0123456789abcdef"
	gateUsers    = 1000 // signed-in users of the app
)

// The names of nginx's pages in the table.
const (
	throughNothing  = "nginx, no check"
	throughItself   = "nginx, constant of its own"
	throughConstant = "nginx, constant of Fiber"
	throughGate     = "nginx, gate"
)

// gateTarget is a server that decides, itself or through another one, whether a visitor may use an
// app.
type gateTarget struct {
	name, url, cookies string
	headers            []string
	status             int // for an allowed visitor
}

// measureGate compares the gate's decisions with those of oauth2-proxy, and nginx with the gate to
// nginx with two constant answers: the 204 of a Fiber server, and the one that nginx gives itself,
// in the same process.
func measureGate(ctx context.Context, b *bench) error {
	if b.oauth2 == "" || b.nginx == "" {
		return errors.New(
			"oauth2-proxy and nginx are missing; npm run bench installs them if it can")
	}
	targets, stop, err := b.gateTargets(ctx)
	defer stop()
	if err != nil {
		return err
	}
	rounds := make([]gateRound, b.rounds)
	for r := range rounds {
		rounds[r] = gateRound{perSecond: map[string]float64{}, p50: map[string]float64{}}
		for _, t := range targets {
			if err := b.measureTarget(ctx, t, rounds[r]); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			b.progress("round %d of %d: %-26s %8.0f decisions/s, p50 of one at a time %.3f ms",
				r+1, b.rounds, t.name, rounds[r].perSecond[t.name], rounds[r].p50[t.name])
		}
	}
	b.report.addGate(rounds)
	return nil
}

// gateRound has the figures of one round by the targets' names.
type gateRound struct {
	perSecond map[string]float64 // with both processors busy
	// ms, with one request at a time; on a saturated machine it would measure the queue
	p50 map[string]float64
}

func (b *bench) measureTarget(ctx context.Context, t gateTarget, round gateRound) error {
	var counted load
	for _, m := range []struct {
		connections int
		length      time.Duration
	}{{connections, b.warm}, {connections, b.lengths.read}, {1, b.warm}} {
		var err error
		counted, err = b.wrkOver(ctx, m.connections, t.url, t.cookies, m.length, t.headers...)
		if err = errors.Join(err, counted.fault()); err != nil {
			return err
		}
		if m.connections > 1 {
			round.perSecond[t.name] = counted.perSecond()
		}
	}
	round.p50[t.name] = counted.P50 / 1000
	return nil
}

// gateTargets starts every compared server, and requests each once. stop stops them.
func (b *bench) gateTargets(ctx context.Context) (targets []gateTarget, stop func(), err error) {
	var servers []*server
	stop = func() {
		for _, s := range servers {
			s.stop()
		}
	}
	list := makeUsers(gateUsers)
	database, err := b.migrated(ctx, "gate")
	if err != nil {
		return nil, stop, err
	}
	if _, err = sharedJar(ctx, database, list); err != nil {
		return nil, stop, err
	}
	file, gatePort := b.path("apps.yaml"), freePort()
	apps := "apps: {wiki: {name: Wiki, hosts: [" + appHost + "], allow: [group:everyone]}}"
	if err = os.WriteFile(file, []byte(apps), 0o600); err != nil {
		return nil, stop, err
	}
	sana, err := b.startSana(ctx, "gate", database, freePort(), "APPS_FILE="+file,
		fmt.Sprintf("GATE_ADDR=127.0.0.1:%d", gatePort))
	if err != nil {
		return nil, stop, err
	}
	servers = append(servers, sana)
	if err = appJar(ctx, database, b.path("app-cookies")); err != nil {
		return nil, stop, err
	}

	peer, err := b.startOAuth2Proxy(ctx, list)
	if err != nil {
		return nil, stop, err
	}
	servers = append(servers, peer)

	constant, err := b.startPeer(ctx, "no-content", "", nil)
	if err != nil {
		return nil, stop, err
	}
	servers = append(servers, constant)

	front, err := b.startNginx(ctx, gatePort, constant.port)
	if err != nil {
		return nil, stop, err
	}
	servers = append(servers, front)
	atApp := []string{"Host: " + appHost}
	original := []string{"X-Original-URL: https://" + appHost + "/", "X-Original-Method: GET"}
	gateURL := fmt.Sprintf("http://127.0.0.1:%d/gate/nginx/wiki", gatePort)
	app, other := b.path("app-cookies"), b.path("oauth2-cookies")
	targets = []gateTarget{
		{"gate", gateURL, app, original, http.StatusOK},
		{"oauth2-proxy", peer.url("/oauth2/auth"), other, nil, http.StatusAccepted},
		{throughNothing, front.url("/open"), app, atApp, http.StatusOK},
		{throughItself, front.url("/itself"), app, atApp, http.StatusOK},
		{throughConstant, front.url("/constant"), app, atApp, http.StatusOK},
		{throughGate, front.url("/gate"), app, atApp, http.StatusOK},
	}
	for _, t := range targets {
		if err = t.check(ctx); err != nil {
			return nil, stop, err
		}
	}
	return targets, stop, b.settle(ctx)
}

// startOAuth2Proxy starts the compared proxy, whose sessions are in cookies too, and writes the
// cookies of the users.
func (b *bench) startOAuth2Proxy(ctx context.Context, list []answer) (*server, error) {
	var addresses []string
	for _, p := range list {
		addresses = append(addresses, p.User.Email)
	}
	made, err := exec.CommandContext(ctx, b.oauth2+"-cookie",
		append([]string{oauth2Secret}, addresses...)...).
		Output()
	if err != nil {
		return nil, fmt.Errorf("cookies of oauth2-proxy: %w", err)
	}
	if err := os.WriteFile(b.path("oauth2-cookies"), made, 0o600); err != nil {
		return nil, err
	}
	port := freePort()
	return b.startServer(ctx, "oauth2-proxy", "/ping", port, nil, b.oauth2,
		"--provider=google", "--client-id=bench", "--client-secret=bench", "--email-domain=*",
		"--cookie-secret="+oauth2Secret,
		"--reverse-proxy=true", "--upstream=static://202", "--request-logging=false",
		"--auth-logging=false", fmt.Sprintf("--http-address=127.0.0.1:%d", port))
}

// appJar writes the app cookies of all signed-in users into a file for wrk.
func appJar(ctx context.Context, database, file string) error {
	ring, err := keyring.Parse(secretKeys)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `
		SELECT replace(id::text, '-', ''),
		       decode(convert_from(v, 'UTF8')::jsonb ->> 'seed', 'base64')
		FROM sessions`)
	if err != nil {
		return err
	}
	maker, now := appcookie.New(ring), time.Now()
	var lines strings.Builder
	var id string
	var seed []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &seed}, func() error {
		_, err := fmt.Fprintln(&lines, "__Host-sana_app="+maker.Make(appHost, id, seed, now))
		return err
	})
	return errors.Join(err, os.WriteFile(file, []byte(lines.String()), 0o600))
}

// decides reports whether the target refuses visitors without a session.
func (t gateTarget) decides() bool {
	return t.name != throughNothing && t.name != throughItself && t.name != throughConstant
}

// check requests a target once with its first cookie, and once without, which must be refused.
func (t gateTarget) check(ctx context.Context) error {
	text, err := os.ReadFile(t.cookies)
	if err != nil {
		return err
	}
	cookie, _, _ := strings.Cut(string(text), "\n")
	for _, value := range []string{cookie, ""} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, http.NoBody)
		if err != nil {
			return err
		}
		for _, header := range t.headers {
			if name, content, _ := strings.Cut(header, ": "); name != "Host" {
				request.Header.Set(name, content)
			}
		}
		request.Host = appHost
		request.Header.Set("Cookie", value)
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			return err
		}
		answer.Body.Close()
		want := t.status
		if value == "" && t.decides() {
			want = http.StatusUnauthorized
		}
		if answer.StatusCode != want {
			return fmt.Errorf("%s answers %d to cookie %.20q, want %d", t.name, answer.StatusCode,
				value, want)
		}
	}
	return nil
}

// nginxConfig serves one static file: checked by the gate, by constant answers, and unchecked.
const nginxConfig = `
worker_processes auto; daemon off; pid %[1]s/nginx.pid; error_log %[1]s/nginx.err warn;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 1000000; default_type text/plain;
    client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p;
    fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
    upstream gate { server 127.0.0.1:%[3]d; keepalive 64; keepalive_requests 1000000; }
    upstream constant { server 127.0.0.1:%[4]d; keepalive 64; keepalive_requests 1000000; }
    upstream itself { server 127.0.0.1:%[5]d; keepalive 64; keepalive_requests 1000000; }
    server { listen 127.0.0.1:%[5]d; location / { return 204; } }
    server {
        listen 127.0.0.1:%[2]d;
        location = /_gate {
            internal; proxy_pass http://gate/gate/nginx/wiki;
            proxy_http_version 1.1; proxy_pass_request_body off;
            proxy_set_header Connection ""; proxy_set_header Content-Length "";
            proxy_set_header X-Original-URL https://$host$request_uri;
            proxy_set_header X-Original-Method $request_method;
        }
        location = /_constant {
            internal; proxy_pass http://constant/;
            proxy_http_version 1.1; proxy_pass_request_body off;
            proxy_set_header Connection ""; proxy_set_header Content-Length "";
        }
        location = /_itself {
            internal; proxy_pass http://itself/;
            proxy_http_version 1.1; proxy_pass_request_body off;
            proxy_set_header Connection ""; proxy_set_header Content-Length "";
        }
        location /open { alias %[1]s/page; }
        location /itself { auth_request /_itself; alias %[1]s/page; }
        location /constant { auth_request /_constant; alias %[1]s/page; }
        location /gate { auth_request /_gate; alias %[1]s/page; }
    }
}
`

func (b *bench) startNginx(ctx context.Context, gatePort, constantPort int) (*server, error) {
	port, config := freePort(), b.path("nginx.conf")
	text := fmt.Sprintf(nginxConfig, b.dir, port, gatePort, constantPort, freePort())
	err := errors.Join(os.WriteFile(config, []byte(text), 0o600),
		os.WriteFile(filepath.Join(b.dir, "page"), []byte("a page\n"), 0o644))
	if err != nil {
		return nil, err
	}
	// nginx's workers must be able to read the page, which is in a folder of this user.
	return b.startServer(ctx, "nginx", "", port, nil, b.nginx, "-e", b.path("nginx.err"), "-g",
		userOfWorkers(), "-c", config, "-p", b.dir)
}

// userOfWorkers returns a directive for nginx, which as root would switch to another user.
func userOfWorkers() string {
	if os.Getuid() == 0 {
		return "user root;"
	}
	return ""
}

func (r *report) addGate(rounds []gateRound) {
	of := func(figure func(gateRound) float64) float64 {
		var all []float64
		for _, round := range rounds {
			all = append(all, figure(round))
		}
		return median(all)
	}
	perSecond := func(name string) float64 {
		return of(func(g gateRound) float64 { return g.perSecond[name] })
	}
	ratio := func(name, other string) float64 {
		return of(func(g gateRound) float64 { return g.perSecond[name] / g.perSecond[other] })
	}
	added := func(to string) float64 {
		return of(func(g gateRound) float64 { return g.p50[throughGate] - g.p50[to] })
	}
	r.add("gate: decisions", "gate_decisions", perSecond("gate"), "/s", "")
	r.add("gate: decisions of oauth2-proxy 7.15.6, cookie sessions", "gate_oauth2_proxy",
		perSecond("oauth2-proxy"), "/s", "")
	r.add("gate: decisions, as a multiple of oauth2-proxy's", "gate_ratio_oauth2_proxy",
		ratio("gate", "oauth2-proxy"), "x", "at least 3")
	r.add("gate: through nginx, relative to auth_request to a constant", "gate_ratio_constant",
		ratio(throughGate, throughConstant), "x", "at least 0.8")
	r.add("gate: through nginx, relative to auth_request to nginx itself", "gate_ratio_itself",
		ratio(throughGate, throughItself), "x", "")
	r.add("gate: p50 added to a static file of nginx", "gate_p50_added_ms",
		added(throughNothing), "ms", "under 0.3")
	r.add("gate: p50 added to auth_request to a constant", "gate_p50_added_constant_ms",
		added(throughConstant), "ms", "")
}
