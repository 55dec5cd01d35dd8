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
	Probe     bool   `xor:"probe,probe-json" help:"Only ask sana serve on this machine or in this container whether it is ready; needs no variable but PORT or LISTEN_ADDR."`
	Roundtrip string `xor:"probe" placeholder:"ADDRESS" help:"Send a test mail to this address in the way of codes, and print its delivery status; takes up to a minute."`
	JSON      bool   `name:"json" xor:"probe-json" help:"Print a JSON object {ok, checks: [{name, state, detail, hint}]}."`
}

// Help is the long text of --help.
func (doctorCommand) Help() string {
	return `It needs the configuration of sana serve, and checks the database, the keys, the mail provider, PUBLIC_URL and the proxies in front. ` +
		`Each check is a line: ok, warn or FAIL, the result, and what to do. The exit code is 1 if a check failed, else 0. It changes nothing, and sends no mail except with --roundtrip.

Run it where sana serve runs, with the same variables. sana check examines the deployment from outside and needs none.`
}

// Run looks at everything, or with --probe at one thing.
func (d doctorCommand) Run(in invocation) error {
	if d.Probe {
		return runProbe(in)
	}
	return d.examine(in)
}

// runProbe asks once. It prints a line when the server is ready, and returns an error that says why when it is not.
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

// probe returns nil when the address answers 200.
func probe(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request) // no proxy, no redirect: nobody else is asked
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
	_ = json.NewDecoder(io.LimitReader(answer.Body, maxProbeAnswer)).Decode(&problem) // the status alone says enough
	return errors.New(strings.Join(strings.Fields(answer.Status+" "+problem.Detail), " "))
}
