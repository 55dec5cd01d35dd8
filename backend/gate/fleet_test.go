package gate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/test/proxytest"
)

// traffic repeats the requests of an app's browser.
type traffic struct {
	responses, refused atomic.Int64
	// sending time of the newest request with status 200, in nanoseconds
	newestAllowed atomic.Int64
}

// send requests pages of the app with a browser's cookie through a proxy until ctx ends.
func (tr *traffic) send(ctx context.Context, through http.RoundTripper, cookie string) {
	for ctx.Err() == nil {
		request, err := http.NewRequest(http.MethodGet, "https://"+wiki+"/page", http.NoBody)
		if err != nil {
			panic(err)
		}
		request.AddCookie(&http.Cookie{Name: "__Host-sana_app", Value: cookie})
		sent := time.Now().UnixNano()
		response, err := through.RoundTrip(request)
		tr.responses.Add(1)
		if err != nil {
			tr.refused.Add(1)
			continue
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			tr.newestAllowed.Store(max(sent, tr.newestAllowed.Load()))
		} else {
			tr.refused.Add(1)
		}
	}
}

// start sends traffic from four connections. stop ends it.
func (tr *traffic) start(through http.RoundTripper, cookie string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { tr.send(ctx, through, cookie) })
	}
	return func() { cancel(); group.Wait() }
}

// await waits for n more responses.
func (tr *traffic) await(t *testing.T, n int64) {
	t.Helper()
	want := tr.responses.Load() + n
	harness.Eventually(t, "no traffic", func() error {
		if tr.responses.Load() < want {
			return fmt.Errorf("%d responses", tr.responses.Load())
		}
		return nil
	})
}

// Two instances behind nginx, and one of them behind Caddy.
func TestFleet_RestartsAndRevocations(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := run(t, w, appsFile), run(t, w, appsFile)
	bare := func(i *instance) (sana, gate string) {
		return strings.TrimPrefix(i.URL, "http://"), strings.TrimPrefix(i.gate, "http://")
	}
	hereSana, hereGate := bare(here)
	thereSana, thereGate := bare(there)
	app := newUpstream(t)
	var both, one proxiedBrowser
	for _, p := range proxytest.All() {
		switch p.Kind {
		case "nginx":
			config := here.printedConfig(t, p, "wiki", app.URL)
			// docs/your-app.md sets max_fails=0: otherwise nginx would treat both as dead after a
			// fast restart.
			config = strings.ReplaceAll(config, "server "+hereGate+";",
				"server "+hereGate+" max_fails=0; server "+thereGate+" max_fails=0;")
			config = "upstream sana { server " + hereSana + " max_fails=0; server " + thereSana +
				" max_fails=0; }\n" +
				strings.ReplaceAll(config, "http://"+hereSana, "http://sana")
			both = newProxiedBrowser(t, here, p.Start(t, config, wiki, "*.preview.example.net"))
		case "caddy":
			one = newProxiedBrowser(t, there, there.startProxy(t, p, "wiki", app.URL))
		}
	}
	signIn := func() (b *harness.Browser, cookie string) {
		t.Helper()
		w.Pass(t, 24*time.Hour) // limits on mails
		id, b := here.signIn(t, ada)
		return b, here.cookie(t, wiki, id)
	}
	_, cookie := signIn()

	// A rolling restart: each instance is replaced at its address while pages are requested.
	var rolling traffic
	stop := rolling.start(both.through, cookie)
	rolling.await(t, 50)
	for _, i := range []*instance{here, there} {
		sana, gate := bare(i)
		if err := i.Terminate(t); err != nil {
			t.Errorf("terminate: %v", err)
		}
		var port int
		if _, err := fmt.Sscanf(sana, "127.0.0.1:%d", &port); err != nil {
			t.Fatal(err)
		}
		i.Process = w.SpawnAt(t, port, "APPS_FILE="+i.file, "GATE_ADDR="+gate)
		i.WaitReady(t)
		rolling.await(t, 50)
	}
	stop()
	if n := rolling.refused.Load(); n != 0 {
		t.Errorf("%d of %d requests failed during a rolling restart", n, rolling.responses.Load())
	}

	// The session is revoked at one instance, under load through the other proxy. In the subtests
	// the other instance cannot be notified, or is stalled.
	for name, disturb := range map[string]func(){
		"undisturbed": func() {},
		"polls cut": func() {
			w.Exec(t, `
				SELECT pg_terminate_backend(pid)
				FROM pg_stat_activity
				WHERE datname = current_database() AND query LIKE '%pg_current_snapshot%'
				  AND pid <> pg_backend_pid()`)
		},
		"instance stopped": func() { there.Pause(t) },
	} {
		t.Run(name, func(t *testing.T) {
			b, cookie := signIn()
			var load traffic
			stop := load.start(one.through, cookie)
			defer stop()
			harness.Eventually(t, "no request is allowed", func() error {
				if load.newestAllowed.Load() == 0 {
					return fmt.Errorf("%d responses", load.responses.Load())
				}
				return nil
			})
			began, before := time.Now(), load.responses.Load()
			load.await(t, 500)
			t.Logf("%.0f requests a second",
				float64(load.responses.Load()-before)/time.Since(began).Seconds())
			disturb()
			b.Post("/api/auth/sign-out", `{}`).Want(http.StatusNoContent)
			revoked := time.Now()
			if name == "instance stopped" {
				// it resumes after two seconds
				<-time.After(time.Until(revoked.Add(2 * time.Second)))
				there.Resume(t)
			}
			refused := load.refused.Load()
			harness.Eventually(t, "the session is not refused", func() error {
				if n := load.refused.Load() - refused; n < 20 {
					return fmt.Errorf("%d refusals", n)
				}
				return nil
			})
			stop()
			if late := time.Unix(0, load.newestAllowed.Load()).Sub(revoked); late > 2*time.Second {
				t.Errorf("a request that was sent %s after the sign-out was allowed", late)
			}
		})
	}
}
