package system_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"sana/backend/test/harness"
)

// lines returns the log's lines with this message, as JSON.
func lines(t *testing.T, log *harness.Log, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("the line is no JSON: %s", text)
		}
		if line["msg"] == message {
			found = append(found, line)
		}
	}
	return found
}

func TestLog_RequestHasRouteAndNoPath(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Start(t)
	id := app.Open(t).Do("DELETE", "/api/sessions/ffffffffffffffffffffffffffffffff",
		"").Header.Get("X-Request-Id")
	var found []map[string]any
	harness.Eventually(t, "the request has its line", func() error {
		found = lines(t, app.Log, "request")
		return harness.CountError(len(found), 1)
	})
	line := found[0]
	if line["request_id"] != id || line["method"] != "DELETE" ||
		line["route"] != "/api/sessions/:id" || line["status"] != 401.0 ||
		line["code"] != "not_signed_in" {
		t.Errorf("got %v", line)
	}
	if took, ok := line["duration_ms"].(float64); !ok || took <= 0 || line["instance"] == "" ||
		line["level"] != "INFO" {
		t.Errorf("duration, instance or level: got %v", line)
	}
}

func TestLog_OmitsSuccessfulReadsAndFiles(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	b := app.Open(t)
	b.SignIn(w, "ada@sana.example")
	b.Get("/api/auth/session").Want(http.StatusOK)
	b.Get("/").Want(http.StatusOK)
	// otherwise the lines of the other requests would come before it
	b.Get("/livez").Want(http.StatusOK)
	b.Get("/missing.js").Want(http.StatusNotFound)
	harness.Eventually(t, "the last request has its line", func() error {
		if !strings.Contains(app.Log.String(), `"route":"/*","status":404`) {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	if log := app.Log.String(); strings.Contains(log, `"route":"/api/auth/session"`) ||
		strings.Contains(log, `"route":"/*","status":200`) {
		t.Errorf("got lines for what comes with every page:\n%s", log)
	}
}

// failregex returns the fail2ban pattern of docs/metrics.md, with a group for the address.
func failregex(t *testing.T) *regexp.Regexp {
	t.Helper()
	document, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(document), "failregex = ")
	pattern, _, _ := strings.Cut(rest, "\n")
	return regexp.MustCompile(strings.Replace(pattern, "<ADDR>", `([0-9a-f:.]+)`, 1))
}

func TestLog_SignInFailuresHaveTheClientsAddress(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t, "LOG_LEVEL=warn")
	b := app.Open(t).At("192.0.2.7")
	b.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	code := w.Code(t, "ada@sana.example", 1)
	b.Verify("not a code").Want(http.StatusBadRequest)
	for range 5 {
		b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized)
	}
	b.Verify(code).Want(http.StatusTooManyRequests)
	failure := failregex(t)
	var got [][]string
	harness.Eventually(t, "the failures are logged", func() error {
		got = failure.FindAllStringSubmatch(app.Log.String(), -1)
		return harness.CountError(len(got), 6)
	})
	for i, line := range got {
		want := "wrong_code"
		if i == 5 {
			want = "too_many_tries"
		}
		if !strings.Contains(line[0], want) || line[1] != "192.0.2.7" {
			t.Errorf("failure %d: got %s, want %s from 192.0.2.7", i+1, line[0], want)
		}
	}
	b.UsePasskey(harness.NewAuthenticator(t)).Want(http.StatusUnauthorized)
	harness.Eventually(t, "a passkey that is unknown is no failure to sign in", func() error {
		if !strings.Contains(app.Log.String(),
			`"signin_failure":"unknown_passkey","client_ip":"192.0.2.7"`) {
			return fmt.Errorf("got\n%s", app.Log)
		}
		return nil
	})
	if strings.Contains(app.Log.String(), code) || strings.Contains(app.Log.String(), "ada@") {
		t.Error("a line contains the code or the user's address")
	}
}

// atTerminal matches a line in text format: time of day, level, message, and the request's
// attributes before the instance's.
var atTerminal = regexp.MustCompile(
	`(?m)^\d\d:\d\d:\d\d\.\d{3} INFO  request          method=GET route=/livez status=200 ` +
		`duration_ms=[\d.]+ request_id=\w+ instance=\w+$`)

func TestLog_TextFormatIsReadable(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Start(t, "LOG_FORMAT=text")
	app.Open(t).Get("/livez").Want(http.StatusOK)
	harness.Eventually(t, "the line is as people want it", func() error {
		if !atTerminal.MatchString(app.Log.String()) {
			return fmt.Errorf("got\n%s", app.Log)
		}
		return nil
	})
}
