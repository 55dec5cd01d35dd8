package system_test

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sana/backend/test/harness"
)

// series are the lines of a scrape: metrics with labels, and their values.
type series map[string]float64

// scrape requests the metrics as Prometheus does.
func scrape(t *testing.T, app *harness.Instance) series {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		app.MetricsURL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("the scrape is answered %d, %v", answer.StatusCode, err)
	}
	found := series{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if name == strings.TrimSpace(line) {
			name, value, _ = strings.Cut(name, " ")
		} else {
			name += "}"
		}
		if number, err := strconv.ParseFloat(value, 64); err == nil &&
			!strings.HasPrefix(line, "#") {
			found[name] = number
		}
	}
	return found
}

// want compares the series with the expected ones.
func (s series) want(t *testing.T, want series) {
	t.Helper()
	for name, value := range want {
		if got, is := s[name]; !is || got != value {
			t.Errorf("%s: got %v (there: %t), want %v", name, got, is, value)
		}
	}
}

func startWithMetrics(t *testing.T, w *harness.World, override ...string) *harness.Instance {
	t.Helper()
	return w.Start(t, append([]string{"METRICS_ADDR=127.0.0.1:0"}, override...)...)
}

func TestMetrics_CountRequestsAndRefusals(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startWithMetrics(t, w)
	b := app.Open(t)
	b.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	code := w.Code(t, "ada@sana.example", 1)
	b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized)
	b.Verify(code).Want(http.StatusOK)
	b.Get("/api/auth/session").Want(http.StatusOK)
	b.Get("/api/auth/session").Want(http.StatusOK)
	// The same mailbox within a minute gets no mail.
	app.Open(t).RequestCode("ada+again@sana.example").Want(http.StatusAccepted)

	locked := app.Open(t)
	locked.RequestCode("bob@sana.example").Want(http.StatusAccepted)
	code = w.Code(t, "bob@sana.example", 1)
	for range 5 {
		locked.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized)
	}
	locked.Verify(code).Want(http.StatusTooManyRequests)
	w.AwaitMails(t)

	scrape(t, app).want(t, series{
		`sana_code_requests_total`:                                                         3,
		`sana_mails_total{outcome="sent",template="sign_in_code"}`:                         2,
		`sana_mail_latency_seconds_count{template="sign_in_code"}`:                         2,
		`sana_code_attempts_total{result="wrong"}`:                                         6,
		`sana_code_attempts_total{result="right"}`:                                         1,
		`sana_limit_refusals_total{limit="codes_sent_by_address"}`:                         1,
		`sana_limit_refusals_total{limit="attempts_at_a_code"}`:                            1,
		`sana_http_requests_total{method="POST",route="/api/auth/code",status="202"}`:      3,
		`sana_http_requests_total{method="POST",route="/api/auth/code",status="409"}`:      3,
		`sana_http_requests_total{method="POST",route="/api/auth/verify",status="401"}`:    6,
		`sana_http_requests_total{method="POST",route="/api/auth/verify",status="429"}`:    1,
		`sana_http_requests_total{method="GET",route="/api/auth/session",status="200"}`:    2,
		`sana_http_request_duration_seconds_count{method="GET",route="/api/auth/session"}`: 2,
		`sana_database_up`:                     1,
		`sana_mail_queue_size{state="queued"}`: 0,
		`sana_db_pool_max_connections`:         6,
	})
	found := scrape(t, app)
	store := found[`sana_session_reads_total{source="store"}`]
	cache := found[`sana_session_reads_total{source="cache"}`]
	if store < 1 || store+cache != 2 {
		t.Errorf("got %v sessions from the store, %v from the cache; want 2, one stored", store,
			cache)
	}
}

func TestMetrics_CountSealedSessions(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startWithMetrics(t, w, "SESSION_STORE=cookie")
	b := app.Open(t)
	b.SignIn(w, "ada@sana.example")
	before := scrape(t, app)[`sana_session_reads_total{source="cookie"}`]
	b.Get("/api/auth/session").Want(http.StatusOK)
	app.Open(t).Get("/api/auth/session").Want(http.StatusUnauthorized)
	scrape(t, app).want(t, series{
		`sana_session_reads_total{source="cookie"}`: before + 1,
		`sana_session_reads_total{source="store"}`:  0,
	})
}

func TestMetrics_ShowQueuedMailAndAge(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startWithMetrics(t, w)
	w.Exec(t, `
		INSERT INTO mails (ref, number, template, state, next_at, created_at)
		SELECT gen_random_uuid(), 1, 'sign_in_code', 'delayed', now() + interval '1 hour',
		       now() - i * interval '1 minute'
		FROM generate_series(1, 3) AS i`)
	found := scrape(t, app)
	found.want(t, series{
		`sana_mail_queue_size{state="delayed"}`: 3,
		`sana_mail_queue_size{state="queued"}`:  0,
	})
	age := found[`sana_mail_queue_oldest_age_seconds{state="delayed"}`]
	if age < 180 || age > 180+harness.Deadline.Seconds() {
		t.Errorf("the oldest is %v s old, want about 180", age)
	}
}

func TestMetrics_WorkWithoutDatabase(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startWithMetrics(t, w)
	w.StopDatabase(t)
	defer w.BringBack(t)
	app.Open(t).Get("/").Want(http.StatusOK)
	found := scrape(t, app)
	found.want(t, series{
		`sana_database_up`: 0,
		`sana_http_requests_total{method="GET",route="/*",status="200"}`: 1,
	})
	for name := range found {
		if strings.HasPrefix(name, "sana_mail_queue_size") {
			t.Errorf("%s has a value, though it is unknown", name)
		}
	}
}

func TestMetrics_HaveTheirOwnAddress(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startWithMetrics(t, w)
	app.Open(t).Get("/metrics").Want(http.StatusNotFound)
	for _, path := range []string{"/", "/api/auth/session", "/readyz", "/debug/pprof/"} {
		answer, err := client.Get(app.MetricsURL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s of the metrics' address: got %d, want 404", path, answer.StatusCode)
		}
	}
	if without := w.Start(t); without.MetricsURL != "" {
		t.Errorf("without METRICS_ADDR the metrics are at %s", without.MetricsURL)
	}
}

// harmlessLabel matches labels: fixed words, declared routes, versions and numbers.
var harmlessLabel = regexp.MustCompile(
	`^([a-z_]+|GET|HEAD|POST|DELETE|/[a-z/*:.-]*|[0-9.e+-]+|\+Inf|go[0-9.]+|test)$`)

// Client input never becomes a label.
func TestMetrics_LabelsHaveNoClientInput(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startWithMetrics(t, w)
	b := app.Open(t)
	b.RequestCode("canary@sana.example").Want(http.StatusAccepted)
	code := w.Code(t, "canary@sana.example", 1)
	b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized)
	b.Verify(code).Want(http.StatusOK)
	b.Get("/canary-path/x.js?canary-query").Want(http.StatusNotFound)
	b.Get("/CANARY").Want(http.StatusNotFound)
	b.Do("DELETE", "/api/sessions/canary", "")
	b.Do("PATCH", "/api/auth/code", "")
	b.Do("CANARYMETHOD", "/", "")
	w.AwaitMails(t)
	label := regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
	for name := range scrape(t, app) {
		for _, found := range label.FindAllStringSubmatch(name, -1) {
			if !harmlessLabel.MatchString(found[2]) ||
				strings.Contains(strings.ToLower(found[2]), "canary") {
				t.Errorf("%s: the label %s holds %q", name, found[1], found[2])
			}
		}
	}
}

func TestMetrics_PortInUseIsReported(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	taken := startWithMetrics(t, w)
	err := w.StartError(t, "METRICS_ADDR="+strings.TrimPrefix(taken.MetricsURL, "http://"))
	if err == nil || !strings.Contains(err.Error(), "METRICS_ADDR") {
		t.Errorf("got %v, want an error that names METRICS_ADDR", err)
	}
}

func TestMailAlarm_RisesAboveItsSetting(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := startWithMetrics(t, w, "MAIL_ALARM=1")
	app.Open(t).GetCode(w, "ada@sana.example")
	scrape(t, app).want(t, series{`sana_mail_alarm`: 0})
	app.Open(t).GetCode(w, "bob@sana.example")
	scrape(t, app).want(t, series{`sana_mail_alarm`: 1})
	w.Exec(t, `UPDATE mails SET created_at = created_at - interval '1 hour'`)
	scrape(t, app).want(t, series{`sana_mail_alarm`: 0})
}
