package gate_test

import (
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

// traffic repeats a request of an app's client.
type traffic struct {
	responses, refused, failed atomic.Int64 // failed: without a response
	// sending time of the newest request with status 200, in nanoseconds
	newestAllowed atomic.Int64
}

// start repeats requests, each at the same time as the others, until stop or the end of the test.
func (tr *traffic) start(
	t *testing.T, requests ...func() (*http.Response, error),
) (stop func()) {
	var stopped atomic.Bool
	var group sync.WaitGroup
	for _, request := range requests {
		group.Go(func() {
			for !stopped.Load() {
				tr.send(request)
			}
		})
	}
	stop = func() {
		stopped.Store(true)
		group.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func (tr *traffic) send(request func() (*http.Response, error)) {
	sent := time.Now().UnixNano()
	response, err := request()
	tr.responses.Add(1)
	if err != nil {
		tr.failed.Add(1)
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if response.StatusCode == http.StatusOK {
		tr.newestAllowed.Store(max(sent, tr.newestAllowed.Load()))
	} else {
		tr.refused.Add(1)
	}
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

// measure logs the number of requests a second.
func (tr *traffic) measure(t *testing.T) {
	t.Helper()
	began, before := time.Now(), tr.responses.Load()
	tr.await(t, 500)
	t.Logf("%.0f requests a second",
		float64(tr.responses.Load()-before)/time.Since(began).Seconds())
}

// wantRefusals waits until fifty requests in a row are refused. It fails the test if a request was
// allowed that was sent more than two seconds after the revocation.
func (tr *traffic) wantRefusals(t *testing.T, revoked time.Time) {
	t.Helper()
	harness.Eventually(t, "requests are still allowed", func() error {
		before := tr.refused.Load()
		if tr.await(t, 50); tr.refused.Load()-before < 50 {
			return fmt.Errorf("%d of 50 requests refused", tr.refused.Load()-before)
		}
		return nil
	})
	if late := time.Unix(0, tr.newestAllowed.Load()).Sub(revoked); late > 2*time.Second {
		t.Errorf("a request that was sent %s after the revocation was allowed", late)
	}
}

// browse returns requests of four connections of a browser for a page of the wiki.
func browse(b proxiedBrowser, cookie string) (requests []func() (*http.Response, error)) {
	for range 4 {
		requests = append(requests, func() (*http.Response, error) {
			request, err := http.NewRequest(http.MethodGet, "https://"+wiki+"/page", http.NoBody)
			if err != nil {
				return nil, err
			}
			request.AddCookie(&http.Cookie{Name: "__Host-sana_app", Value: cookie})
			return b.through.RoundTrip(request)
		})
	}
	return requests
}

// addresses returns the hosts and ports of an instance and of its gate.
func (i *instance) addresses() (sana, gate string) {
	return strings.TrimPrefix(i.URL, "http://"), strings.TrimPrefix(i.gate, "http://")
}

// Two instances behind nginx are replaced at their addresses while pages of an app are requested.
func TestFleet_RollingRestartFailsNoRequest(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := run(t, w, appsFile), run(t, w, appsFile)
	hereSana, hereGate := here.addresses()
	thereSana, thereGate := there.addresses()
	config := here.printedConfig(t, proxytest.Nginx, "wiki", newUpstream(t).URL)
	// docs/your-app.md sets max_fails=0: otherwise nginx would treat both as dead after a fast
	// restart.
	config = strings.ReplaceAll(config, "server "+hereGate+";",
		"server "+hereGate+" max_fails=0; server "+thereGate+" max_fails=0;")
	config = "upstream sana { server " + hereSana + " max_fails=0; server " + thereSana +
		" max_fails=0; }\n" + strings.ReplaceAll(config, "http://"+hereSana, "http://sana")
	b := newProxiedBrowser(t, here, proxytest.Nginx.Start(t, config, wiki, "*.preview.example.net"))
	id, _ := here.signIn(t, ada)

	var load traffic
	stop := load.start(t, browse(b, here.cookie(t, wiki, id))...)
	load.await(t, 50)
	for _, i := range []*instance{here, there} {
		sana, gate := i.addresses()
		if err := i.Terminate(t); err != nil {
			t.Errorf("terminate: %v", err)
		}
		var port int
		if _, err := fmt.Sscanf(sana, "127.0.0.1:%d", &port); err != nil {
			t.Fatal(err)
		}
		i.Process = w.SpawnAt(t, port, "APPS_FILE="+i.file, "GATE_ADDR="+gate)
		i.WaitReady(t)
		load.await(t, 50)
	}
	stop()
	if n := load.refused.Load() + load.failed.Load(); n != 0 {
		t.Errorf("%d of %d requests failed during a rolling restart", n, load.responses.Load())
	}
}

// A session is revoked at one instance while pages are requested through a proxy in front of the
// other one, which in some of the subtests cannot be notified, or is stalled.
func TestFleet_RevocationsHoldUnderLoad(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := run(t, w, appsFile), run(t, w, appsFile)
	proxy := there.startProxy(t, proxytest.Caddy, "wiki", newUpstream(t).URL)
	proxied := newProxiedBrowser(t, there, proxy)
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
			w.Pass(t, 24*time.Hour) // limits on mails
			id, b := here.signIn(t, ada)
			var load traffic
			load.start(t, browse(proxied, here.cookie(t, wiki, id))...)
			harness.Eventually(t, "no request is allowed", func() error {
				if load.newestAllowed.Load() == 0 {
					return fmt.Errorf("%d responses", load.responses.Load())
				}
				return nil
			})
			load.measure(t)
			disturb()
			b.Post("/api/auth/sign-out", `{}`).Want(http.StatusNoContent)
			revoked := time.Now()
			if name == "instance stopped" {
				// it resumes after two seconds
				<-time.After(time.Until(revoked.Add(2 * time.Second)))
				there.Resume(t)
			}
			load.wantRefusals(t, revoked)
		})
	}
}
