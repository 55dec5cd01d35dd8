package cli_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sana/backend/diagnose"
	"sana/backend/test/harness"
)

// deployment is an instance behind a proxy with TLS.
type deployment struct {
	world  *harness.World
	url    string
	caFile string // of the proxy's certificate
}

func deploy(t *testing.T) deployment {
	t.Helper()
	w := harness.NewWorld(t)
	proxy := httptest.NewUnstartedServer(nil)
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail on purpose
	publicURL := "https://" + proxy.Listener.Addr().String()
	target, err := url.Parse(w.Start(t, "PUBLIC_URL="+publicURL).URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy.Config.Handler = &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host
		p.SetXForwarded()
	}}
	proxy.StartTLS()
	t.Cleanup(proxy.Close)
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(
		&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})
	if err := os.WriteFile(caFile, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return deployment{world: w, url: publicURL, caFile: caFile}
}

// The program runs as a process with a pipe for its input, as an operator uses it who has the code
// at hand.
func TestCheck_ReadsTheCodeFromItsInput(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	command := exec.Command("sana", "check", d.url, "--cacert", d.caFile, "--to",
		"ada@sana.example")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr harness.Log
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	code := d.world.Code(t, "ada@sana.example", 1)
	if _, err := fmt.Fprintf(input, "%s\n%s\n", harness.WrongCode(code), code); err != nil {
		t.Fatal(err)
	}
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("%v\n%s\n%s", err, &stdout, &stderr)
	}
	for _, line := range []string{
		"ok    sign-in         signed in as ada@sana.example, with a new cookie\n",
		"ok    session         known to 20 of 20 requests on new connections\n",
		"ok    sign-out        signed out, and the cookie is cleared\n",
		"ok    old-cookie      refused after the sign-out\n",
	} {
		if !strings.Contains(stdout.String(), line) {
			t.Errorf("missing: %s", line)
		}
	}
	harness.WantEqual(t, "prompts", stderr.String(),
		"Code from the mail to ada@sana.example: That is not the code. Again: ")
	if t.Failed() {
		t.Logf("printed:\n%s", &stdout)
	}
}

func TestCheck_PrintsJSON(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	output, err := exec.Command("sana", "check", d.url, "--cacert", d.caFile, "--json", "-n",
		"2").Output()
	if err != nil {
		t.Errorf("exit code: %v", err)
	}
	var report diagnose.Report
	if err := json.Unmarshal(output, &report); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	harness.WantEqual(t, "ok", report.OK, true)
	harness.WantEqual(t, "checks", len(report.Checks), 15)
	for _, r := range report.Checks {
		if r.Name == "" || r.State != diagnose.Passed || r.Detail == "" {
			t.Errorf("got %+v, want ok", r)
		}
	}
}

func TestCheck_ExitsWithOneAndNamesFailedChecks(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	command := exec.Command("sana", "check", d.url, "--json") // the certificate is unknown
	var stderr harness.Log
	command.Stderr = &stderr
	output, err := command.Output()
	if command.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", err)
	}
	harness.WantEqual(t, "stderr", stderr.String(), "sana: "+d.url+" failed: reachable\n")
	if !strings.Contains(string(output),
		`"hint": "renew the certificate or name its authority with --cacert"`) {
		t.Errorf("no hint:\n%s", output)
	}
}
