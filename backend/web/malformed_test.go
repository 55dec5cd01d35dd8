package web_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// flatHeap is the allowed growth of the heap during the run.
const flatHeap = 16 << 20

// no input causes a 5xx, a leak or a crash. SANA_FUZZ_REQUESTS is
// the number of requests, SANA_FUZZ_SEED the seed.
func TestMalformedRequests_CauseNo5xxAndNoLeak(t *testing.T) { // not parallel: it counts goroutines
	requests, seed := setting(t, "SANA_FUZZ_REQUESTS", 5000), setting(t, "SANA_FUZZ_SEED", 1)
	t.Logf("SANA_FUZZ_REQUESTS=%d SANA_FUZZ_SEED=%d", requests, seed)
	t.Run("warm-up", func(t *testing.T) { storm(t, 100, seed+1) })
	before := goroutines()
	t.Run("run", func(t *testing.T) { storm(t, requests, seed) })
	harness.Eventually(t, "goroutines are left behind", func() error {
		if now := goroutines(); now > before {
			return fmt.Errorf("got %d, %d before", now, before)
		}
		return nil
	})
}

// goroutines counts goroutines, without those that fasthttp leaves asleep for ten seconds after a
// server has shut down.
func goroutines() (count int) {
	stacks := make([]byte, 4<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if !strings.Contains(stack, "fasthttp.(*workerPool).Start") ||
			!strings.Contains(stack, "time.Sleep") {
			count++
		}
	}
	return count
}

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}

// storm starts the program, sends it requests, and stops it.
func storm(t *testing.T, requests, seed int) {
	app := harness.NewWorld(t).Start(t, "LOG_LEVEL=error")
	b := app.Open(t)
	b.RequestCode(ada).Want(http.StatusAccepted)
	valid := validRequests(b.Cookies()[browserToken])
	send(t, app, valid, requests/10, uint64(seed)+1000)
	before := heap()
	start := time.Now()
	counts := send(t, app, valid, requests, uint64(seed))
	after := heap()
	t.Logf("%d requests in %v; answers by status: %v; heap: %d kB before, %d kB after", requests,
		time.Since(start).Round(time.Millisecond), counts, before>>10, after>>10)
	if after > before+flatHeap {
		t.Errorf("the heap has grown from %d to %d bytes", before, after)
	}
	for _, status := range []string{"200", "400", "404", "405", "413", "415", "421", "431"} {
		if requests >= 5000 && counts[status] == 0 {
			t.Errorf("no answer was %s: the requests are not as different as they should be",
				status)
		}
	}
	b.Get("/readyz").Want(http.StatusOK)
	http.DefaultClient.CloseIdleConnections()
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// send sends mutated requests on four connections at a time and returns the number of answers of
// each status.
func send(
	t *testing.T, app *harness.Instance, valid []string, requests int, seed uint64,
) map[string]int {
	t.Helper()
	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		counts = map[string]int{}
	)
	const senders = 4
	for i := range senders {
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for range requests / senders {
				request := mutate(random, valid)
				statuses, err := exchange(app, request, random.IntN(250)+1)
				mu.Lock()
				for _, status := range statuses {
					counts[status]++
				}
				mu.Unlock()
				if err != nil ||
					slices.ContainsFunc(statuses, func(s string) bool { return s[0] == '5' }) {
					t.Errorf("got %v, %v for %.3000q", statuses, err, request)
					return
				}
			}
		})
	}
	group.Wait()
	return counts
}

var statusLine = regexp.MustCompile(`HTTP/1\.1 ([0-9]{3}) `)

// exchange sends one request from one of this machine's many addresses, so that ports suffice, and
// returns the answers.
func exchange(app *harness.Instance, request string, host int) ([]string, error) {
	dialer := net.Dialer{Timeout: harness.Deadline,
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(host))}}
	if runtime.GOOS != "linux" {
		dialer.LocalAddr = nil // other systems have 127.0.0.1 only
	}
	conn, err := dialer.Dial("tcp", strings.TrimPrefix(app.URL, "http://"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(harness.Deadline)); err != nil {
		return nil, err
	}
	// The server may close first; its answers until then count.
	_, _ = io.WriteString(conn, request)
	_ = conn.(*net.TCPConn).CloseWrite()
	answers, err := io.ReadAll(conn)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return nil, err
	}
	var statuses []string
	for _, match := range statusLine.FindAllSubmatch(answers, -1) {
		statuses = append(statuses, string(match[1]))
	}
	return statuses, nil
}

// validRequests are requests of a browser with this token.
func validRequests(token string) []string {
	fields := head + "Cookie: " + browserToken + "=" + token + "; " + cookie + "=" +
		strings.Repeat("A", 43) + "\r\nUser-Agent: storm\r\nAccept: text/html\r\n"
	post := func(path, body string) string {
		return "POST " + path + " HTTP/1.1\r\n" + fields +
			"Content-Type: application/json\r\nContent-Length: " +
			strconv.Itoa(len(body)) + "\r\n\r\n" + body
	}
	return []string{
		"GET / HTTP/1.1\r\n" + fields + "\r\n",
		"GET /api/auth/session HTTP/1.1\r\n" + fields + "\r\n",
		"HEAD /api/auth/code HTTP/1.1\r\n" + fields + "\r\n",
		"GET /livez HTTP/1.1\r\n" + fields + "\r\n",
		"OPTIONS /api/auth/verify HTTP/1.1\r\n" + fields + "\r\n",
		post("/api/auth/verify", `{"code":"12345"}`),
		post("/api/auth/code", `{"email":"nobody"}`),
		post("/api/auth/code/resend", `{}`),
		"GET /api/auth/code?id=0b4b2f0e-7d1c-4a3e-9c55-1f2e3d4c5b6a HTTP/1.1\r\n" + fields + "\r\n",
		"POST /api/auth/sign-out HTTP/1.1\r\n" + head +
			"Content-Type: application/json\r\nTransfer-Encoding: " +
			"chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	}
}
