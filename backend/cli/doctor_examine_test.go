package cli_test

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"sana/backend/diagnose"
	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// examine runs sana doctor with the variables of a deployment and trusts the certificate of its
// proxy.
func (d deployment) examine(
	t *testing.T, wantCode int, args []string, override ...string,
) (stdout, stderr string) {
	t.Helper()
	command := exec.Command("sana", append([]string{"doctor"}, args...)...)
	// Nothing listens on port 1; on the default one a developer may run another Sana.
	command.Env = append(
		d.world.Environ("PUBLIC_URL="+d.url, "SSL_CERT_FILE="+d.caFile, "PORT=1"), override...)
	var out, errs harness.Log
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); command.ProcessState.ExitCode() != wantCode {
		t.Errorf("got %v, want exit code %d\n%s%s", err, wantCode, &out, &errs)
	}
	return out.String(), errs.String()
}

// healthy is the output for a healthy deployment, with placeholders for varying parts.
const healthy = `ok    configuration   every variable is valid; APP_ENV is production
ok    database        PostgreSQL V at H:P, database D as U
ok    database-tls    without TLS, on this machine or a private network
ok    primary         accepts writes
ok    schema          at version N, the newest
ok    rights          the role may read and write every table
ok    migrate-rights  U may migrate
ok    clock           this machine's clock is T the database's
ok    connections     up to 3 an instance; Postgres has N free, enough for N instances
ok    pooler          none
ok    keys            1 key; the current one is k1; age unknown: its id has no date
warn  mail-sender     sign-in@mg.sana.example is of another domain than the site, 127.0.0.1: users
                      and filters may treat it as fraud
                      -> send from a domain below 127.0.0.1, or serve PUBLIC_URL below sana.example
ok    mail-provider   Mailgun: mg.sana.example is active
ok    mail-events     Mailgun posts delivery events to https://H:P/api/webhooks/mailgun
ok    suppression     sign-in@mg.sana.example is on none of Mailgun's lists of blocked addresses
ok    public-url      https://H:P, with the cookie __Host-sana_session
warn  reachable       instance I answers with version test, and this is 1.2.3
                      -> wait for the running deployment, or run the doctor of the same version
ok    host            the server accepts the host H:P
ok    client-address  the server received the address 127.0.0.1; TRUSTED_PROXY_HOPS=1, and 1 proxy
                      adds to X-Forwarded-For; a forged entry is ignored
ok    port            H:P does not bypass the proxy
warn  passkeys        there are no passkeys at this PUBLIC_URL
                      -> use https and a host name, not an IP address
`

// steady replaces the varying parts with placeholders.
func steady(output string) string {
	for pattern, replacement := range map[string]string{
		`PostgreSQL [0-9.]+ at \S+, database\s+\S+\s+as\s+\S+`: "PostgreSQL V at H:P, database D as U",
		`\S+ may migrate`:                    "U may migrate",
		`at version [0-9]+,`:                 "at version N,",
		`clock is \S+ (behind|ahead of)`:     "clock is T",
		`has [0-9]+ free, enough for [0-9]+`: "has N free, enough for N",
		`127\.0\.0\.1:[0-9]+`:                "H:P",
		`instance [a-z0-9]+ answers`:         "instance I answers",
	} {
		output = regexp.MustCompile(pattern).ReplaceAllString(output, replacement)
	}
	return output
}

func TestDoctor_HealthyDeploymentPasses(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.world.DatabaseURL += "&pool_max_conns=1"
	hooks := map[string][]string{}
	for _, kind := range []string{"delivered", "permanent_fail", "temporary_fail"} {
		hooks[kind] = []string{d.url + "/api/webhooks/mailgun"}
	}
	d.world.Mailgun.SetState(mailgunfake.State{Webhooks: hooks})
	stdout, stderr := d.examine(t, 0, nil)
	harness.WantEqual(t, "stdout", steady(stdout), healthy)
	harness.WantEqual(t, "stderr", stderr, "")
	harness.WantEqual(t, "mails", len(d.world.Mailgun.Messages()), 0)
}

// report is the output of --json.
type report struct {
	Checks []diagnose.Result `json:"checks"`
	OK     bool              `json:"ok"`
}

func (r report) find(t *testing.T, name string) diagnose.Result {
	t.Helper()
	for _, check := range r.Checks {
		if check.Name == name {
			return check
		}
	}
	t.Errorf("there is no %s in %+v", name, r)
	return diagnose.Result{}
}

func readReport(t *testing.T, output string) (r report) {
	t.Helper()
	if err := json.Unmarshal([]byte(output), &r); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return r
}

func TestDoctor_RoundTripSendsOneMail(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.world.Mailgun.AddEvent(mailgunfake.Event{Event: "delivered"})
	stdout, _ := d.examine(t, 0, []string{"--json", "--roundtrip", " Ada@sana.EXAMPLE"})
	r := readReport(t, stdout)
	trip := r.find(t, "roundtrip")
	if !r.OK || trip.State != diagnose.Passed ||
		!strings.Contains(trip.Detail,
			"to ada@sana.example (1@mg.sana.example), and the recipient's server accepted it") {
		t.Errorf("got %t, %+v", r.OK, trip)
	}
	mails := d.world.Mails(t, "test", "ada@sana.example", 1)
	word := strings.TrimPrefix(mails[0].Subject, "Sana test mail ")
	if len(mails) != 1 || len(word) != 6 || !strings.Contains(trip.Detail, word) ||
		!strings.Contains(mails[0].HTML, word) {
		t.Errorf("got %d mails, the last with the word %q, want one with that of %+v", len(mails),
			word, trip)
	}
}

func TestDoctor_ExitsWithOneAndNamesFailedChecks(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.world.Mailgun.SetState(mailgunfake.State{State: "unverified"})
	stdout, stderr := d.examine(t, 1, []string{"--json", "--roundtrip", "ada@sana.example"},
		"CODE_LENGTH=5")
	harness.WantEqual(t, "stderr", stderr, "sana: failed: configuration, mail-provider\n")
	r := readReport(t, stdout)
	harness.WantEqual(t, "ok", r.OK, false)
	harness.WantEqual(t, "a mail", r.find(t, "roundtrip").Detail, "needs mail-provider")
	harness.WantEqual(t, "what does not depend on it", r.find(t, "client-address").State,
		diagnose.Passed)
}

// The doctor runs where the deployment's secrets are; its output must not have them.
func TestDoctor_PrintsNoSecret(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	for _, override := range [][]string{nil, {"MAILGUN_API_KEY=key-canary-wrong"},
		{"DATABASE_URL=postgres://sana:canary@127.0.0.1:1/sana"}} {
		for _, args := range [][]string{nil, {"--json"}} {
			code := 1
			if override == nil {
				code = 0
			}
			stdout, stderr := d.examine(t, code, args, override...)
			_, key, _ := strings.Cut(harness.SecretKeys, ":")
			for _, secret := range []string{"canary", key, "sana-test-password"} {
				if strings.Contains(stdout+stderr, secret) {
					t.Errorf("%q shows %s:\n%s%s", override, secret, stdout, stderr)
				}
			}
		}
	}
}
