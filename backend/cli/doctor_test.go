package cli_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sana/backend/cli"
	"sana/backend/test/harness"
)

// probe runs sana doctor --probe against the port of this address.
func probe(t *testing.T, address string) (code int, stdout, stderr string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = cli.Run([]string{"doctor", "--probe"}, []string{"PORT=" + u.Port(), "CODE_LENGTH=six"},
		strings.NewReader(""), &out, &errs, "test")
	return code, out.String(), errs.String()
}

func assertProbe(t *testing.T, address string, wantCode int, wantOut, wantErr string) {
	t.Helper()
	code, stdout, stderr := probe(t, address)
	if code != wantCode || stdout != wantOut || stderr != wantErr {
		t.Errorf("got %d, %q, %q\nwant %d, %q, %q", code, stdout, stderr, wantCode, wantOut,
			wantErr)
	}
}

func TestProbe_PrintsOneLine(t *testing.T) {
	t.Parallel()
	world := harness.NewWorld(t)
	app := world.Start(t)
	assertProbe(t, app.URL, 0, app.URL+"/readyz: ready\n", "")
	world.Exec(t, `DELETE FROM goose_db_version WHERE version_id > 1`)
	assertProbe(t, app.URL, 1, "", "sana: "+app.URL+"/readyz: 503 Service Unavailable "+
		"Not ready: the database does not answer or takes no writes, or its schema is older "+
		"than this version needs.\n")
}

func TestProbe_AcceptsSanasAnswerOnly(t *testing.T) {
	t.Parallel()
	ready := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(ready.Close)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a redirect to one that is ready": {
			http.RedirectHandler(ready.URL, http.StatusFound).ServeHTTP,
			"302 Found"},
		"a text of many lines": {
			func(w http.ResponseWriter,
				_ *http.Request) {
				http.Error(w, "a\nb", http.StatusBadGateway)
			},
			"502 Bad Gateway"},
		"a detail of many lines": {
			func(w http.ResponseWriter, _ *http.Request) { problem(w, "a\nsana: b") },
			"500 Internal Server Error a sana: b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.answer)
			defer server.Close()
			assertProbe(t, server.URL, 1, "", "sana: "+server.URL+"/readyz: "+test.want+"\n")
		})
	}
}

func problem(w http.ResponseWriter, detail string) {
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = fmt.Fprintf(w, `{"detail":%q}`, detail)
}

func TestProbe_DoesNotWaitForAHangingServer(t *testing.T) {
	t.Parallel()
	// the system accepts connections, but no program reads from them
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := "http://" + listener.Addr().String()
	assertProbe(t, address, 1, "", "sana: "+address+"/readyz: no answer within 2s\n")
}
