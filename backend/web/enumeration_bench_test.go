package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/visitor"
)

const (
	timedPairs   = 500 // of one known and one unknown address, in random order
	untimedPairs = 50  // before them, while caches and connections are cold
)

// the duration of a code request and of a wrong code, for addresses with an account of each
// kind, blocked or not, and without one. It prints medians and their ratio, and never fails. On a
// quiet machine the ratio should be within 5 %.
//
//	go test ./backend/web -run xxx -bench KnownAndUnknown -benchtime 1x
func BenchmarkKnownAndUnknown(b *testing.B) {
	for _, c := range []struct {
		name, setting, blocked, codesFor string
		passkeys                         int // of each account
	}{
		{"SIGN_UP=open", "SIGN_UP=open", "NULL", "sign_in", 0},
		{"SIGN_UP=closed", "SIGN_UP=closed", "NULL", "sign_in", 0},
		{"blocked", "SIGN_UP=open", "now()", "sign_in", 0},
		{"passkeys", "SIGN_UP=open", "NULL", "sign_in", 2},
		{"recovery only", "SIGN_UP=open", "NULL", "recovery", 2},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := harness.NewWorld(b)
			app := w.Run(b, "TRUSTED_PROXY_HOPS=1", "LOG_LEVEL=error", c.setting)
			w.Exec(b, `
				WITH known AS (
				    INSERT INTO users (email, blocked_at, codes_for)
				    SELECT 'known' || i || '@sana.example', `+c.blocked+`, $2
				    FROM generate_series(0, $1 - 1) AS i
				    RETURNING id, email
				)
				INSERT INTO passkeys (
				    id, user_id, rp_id, public_key, sign_count, backup_eligible, backed_up,
				    aaguid, name)
				SELECT convert_to(email || n, 'UTF8'), id, 'sana.example', 'key', 0, false, false,
				       gen_random_uuid(), 'Passkey'
				FROM known
				CROSS JOIN generate_series(1, $3) AS n`, timedPairs+untimedPairs, c.codesFor,
				c.passkeys)
			b.ResetTimer()
			for range b.N {
				w.Exec(b, `TRUNCATE challenges`)
				asked, wrong := timePairs(b, app.Instance)
				asked.report(b, "code")
				wrong.report(b, "verify")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// samples are durations of one call, for known and for unknown addresses.
type samples struct{ known, unknown []time.Duration }

func (s *samples) add(known bool, took time.Duration) {
	if known {
		s.known = append(s.known, took)
	} else {
		s.unknown = append(s.unknown, took)
	}
}

func (s *samples) report(b *testing.B, call string) {
	known, unknown := median(s.known), median(s.unknown)
	b.ReportMetric(float64(known.Microseconds()), call+"-known-µs")
	b.ReportMetric(float64(unknown.Microseconds()), call+"-unknown-µs")
	b.ReportMetric(float64(known)/float64(unknown), call+"-ratio")
}

// timePairs measures a code request and a wrong code. Each sample has its own email address,
// browser and IP address.
func timePairs(b *testing.B, app *harness.Instance) (asked, wrong samples) {
	b.Helper()
	client := &http.Client{Timeout: harness.Deadline}
	for i := range untimedPairs + timedPairs {
		knownFirst := rand.IntN(2) == 0
		for _, known := range []bool{knownFirst, !knownFirst} {
			p := person{client: client, base: app.URL, browser: visitor.NewBrowser(),
				email: fmt.Sprintf("unknown%d@sana.example", i),
				ip:    fmt.Sprintf("198.18.%d.%d", i/250, i%250+1)}
			if known {
				p.email, p.ip = fmt.Sprintf("known%d@sana.example", i),
					fmt.Sprintf("198.19.%d.%d", i/250, i%250+1)
			}
			first, second, err := p.walk()
			if err != nil {
				b.Fatal(err)
			}
			if i >= untimedPairs {
				asked.add(known, first)
				wrong.add(known, second)
			}
		}
	}
	return asked, wrong
}

// person requests a code and sends a wrong one.
type person struct {
	client          *http.Client
	base, email, ip string
	browser         visitor.Browser
}

// walk returns how long the two calls took.
func (p *person) walk() (asked, wrong time.Duration, err error) {
	body, asked, err := p.post("/api/auth/code", `{"email":"`+p.email+`"}`, http.StatusAccepted)
	if err != nil {
		return 0, 0, err
	}
	var request harness.CodeRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return 0, 0, err
	}
	if request.Code == nil {
		return 0, 0, fmt.Errorf("no code was sent: %s", body)
	}
	_, wrong, err = p.post("/api/auth/verify",
		`{"code":"`+strings.Repeat("0", request.Code.CodeLength)+`"}`, http.StatusUnauthorized)
	return asked, wrong, err
}

func (p *person) post(path, body string, want int) ([]byte, time.Duration, error) {
	request, err := http.NewRequest(http.MethodPost, p.base+path, strings.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", harness.PublicURL)
	request.Header.Set("X-Forwarded-For", p.ip)
	request.Host = strings.TrimPrefix(harness.PublicURL, "https://")
	request.AddCookie(&http.Cookie{Name: browserToken, Value: string(p.browser)})
	start := time.Now()
	response, err := p.client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	took := time.Since(start)
	if err == nil && response.StatusCode != want {
		err = fmt.Errorf("%s: got %d, want %d: %s", path, response.StatusCode, want, content)
	}
	return content, took, err
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
