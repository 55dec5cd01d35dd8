package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sana/backend/config"
)

const (
	probeTimeout   = 2 * time.Second
	maxProbeAnswer = 64 << 10 // bytes
)

type doctorCommand struct {
	Probe     bool   `xor:"probe,probe-json" help:"Only check whether sana serve on this machine or in this container is ready; needs no variable but PORT or LISTEN_ADDR."`
	Roundtrip string `xor:"probe" placeholder:"ADDRESS" help:"Send a test mail to this address as codes are sent, and print its delivery status; takes up to a minute."`
	JSON      bool   `name:"json" xor:"probe-json" help:"Print a JSON object {ok, checks: [{name, state, detail, hint}]}."`
}

// Help returns the long text of --help.
func (doctorCommand) Help() string {
	return "It needs the configuration of sana serve, and checks the database, the keys, the " +
		"mail provider, PUBLIC_URL and the proxies in front. Each check is a line: ok, warn " +
		"or FAIL, the result, and what to do. The exit code is 1 if a check failed, else 0. " +
		"It changes nothing, and sends no mail except with --roundtrip.\n\n" +
		"Run it where sana serve runs, with the same variables. sana check examines the " +
		"deployment from outside and needs none."
}

// Run runs all checks, or with --probe one request.
func (d doctorCommand) Run(in invocation) error {
	if d.Probe {
		return runProbe(in)
	}
	return d.examine(in)
}

// runProbe sends one request. It prints a line if the server is ready, and otherwise returns the
// reason as an error.
func runProbe(in invocation) error {
	listening, err := config.LoadListenAddr(in.environ)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	address := "http://" + listening + "/readyz"
	if err := probe(ctx, address); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	_, err = fmt.Fprintf(in.stdout, "%s: ready\n", address)
	return err
}

// probe returns nil if the address answers 200.
func probe(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	// no proxy, no redirect: only this server is asked
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", probeTimeout)
	}
	if err != nil {
		return fmt.Errorf("%w; check that sana serve runs, and PORT or LISTEN_ADDR", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	var problem struct{ Detail string }
	// Without a problem the status alone is enough.
	_ = json.NewDecoder(io.LimitReader(answer.Body, maxProbeAnswer)).Decode(&problem)
	return errors.New(strings.Join(strings.Fields(answer.Status+" "+problem.Detail), " "))
}
