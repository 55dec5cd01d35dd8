package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
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
// kind, blocked or not, and without one. It prints medians, their ratio, and the p of the
// Mann-Whitney test, and never fails. On a quiet machine the ratio should be within 5 % and p above
// 0.01.
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
	b.ReportMetric(mannWhitney(s.known, s.unknown), call+"-p")
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

// mannWhitney returns the two-sided p of the hypothesis that neither sample tends to be larger, by
// the normal approximation with the correction for ties.
func mannWhitney(a, b []time.Duration) float64 {
	all := slices.Sorted(slices.Values(slices.Concat(a, b)))
	n, rankOf, ties := float64(len(all)), map[time.Duration]float64{}, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		rankOf[all[i]] = float64(i+j+1) / 2
		ties += math.Pow(float64(j-i), 3) - float64(j-i)
		i = j
	}
	ranks := 0.0
	for _, t := range a {
		ranks += rankOf[t]
	}
	na, nb := float64(len(a)), float64(len(b))
	u := ranks - na*(na+1)/2
	deviation := math.Sqrt(na * nb / 12 * (n + 1 - ties/(n*(n-1))))
	return math.Erfc(math.Abs(u-na*nb/2) / deviation / math.Sqrt2)
}

// The benchmark never fails, so this tests that its statistics detect a difference.
func TestMannWhitney_DetectsADifference(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(shift time.Duration) []time.Duration {
		times := make([]time.Duration, timedPairs)
		for i := range times {
			times[i] = time.Millisecond + shift +
				time.Duration(random.NormFloat64()*float64(200*time.Microsecond))
		}
		return times
	}
	if p := mannWhitney(draw(0), draw(0)); p < 0.01 {
		t.Errorf("two alike have p = %g", p)
	}
	if p := mannWhitney(draw(0), draw(50*time.Microsecond)); p > 0.01 {
		t.Errorf("two that differ by 5 %% have p = %g", p)
	}
	small := []time.Duration{1, 2, 3}
	if p := mannWhitney(small, []time.Duration{4, 5, 6}); math.Abs(p-0.0495) > 0.0005 {
		t.Errorf("the p of 1 2 3 and 4 5 6 is %g, want 0.0495", p)
	}
	harness.WantEqual(t, "median", median([]time.Duration{4, 1, 3, 2}), time.Duration(2))
}
