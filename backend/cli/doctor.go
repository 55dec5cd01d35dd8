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
	Probe bool `required:"" help:"Ask the sana serve on this machine, or in this container, whether it is ready; needs no variable but PORT."`
}

// Run asks once. It prints a line when the server is ready, and returns an error that says why when it is not.
func (doctorCommand) Run(in invocation) error {
	port, err := config.LoadPort(in.environ)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	address := fmt.Sprintf("http://127.0.0.1:%d/readyz", port)
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
		return fmt.Errorf("%w; check that sana serve runs, and PORT", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	var problem struct{ Detail string }
	_ = json.NewDecoder(io.LimitReader(answer.Body, maxProbeAnswer)).Decode(&problem) // the status alone says enough
	return errors.New(strings.Join(strings.Fields(answer.Status+" "+problem.Detail), " "))
}
