package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	connections = 32
	threads     = 2
)

//go:embed jar.lua
var jarScript []byte

// load is wrk's result.
type load struct {
	Requests     int
	Microseconds float64
	P50, P99     float64 // microseconds
	Errors       int     // of the connection
	Refused      int     // answers of 400 and more
}

func (l load) perSecond() float64 { return float64(l.Requests) / (l.Microseconds / 1e6) }

// fault returns why the figures are invalid, nil if they are valid.
func (l load) fault() error {
	if l.Errors == 0 && l.Refused == 0 && l.Requests > 0 {
		return nil
	}
	return fmt.Errorf("wrk counted %d requests, %d broken connections or timeouts and %d error "+
		"statuses", l.Requests, l.Errors, l.Refused)
}

// wrk reads with the cookies of a file for the given time. headers are additional ones, "Name:
// value".
func (b *bench) wrk(
	ctx context.Context, url, cookies string, length time.Duration, headers ...string,
) (load, error) {
	return b.wrkOver(ctx, connections, url, cookies, length, headers...)
}

// wrkOver is wrk over the given number of connections, each of which has one request in flight.
func (b *bench) wrkOver(
	ctx context.Context, connections int, url, cookies string, length time.Duration,
	headers ...string,
) (load, error) {
	script := b.path("jar.lua")
	if err := os.WriteFile(script, jarScript, 0o600); err != nil {
		return load{}, err
	}
	args := []string{
		fmt.Sprint("-t", min(threads, connections)), fmt.Sprint("-c", connections),
		fmt.Sprintf("-d%.0f", max(1, length.Seconds())),
		"--timeout", "5", "-s", filepath.Base(script), url, "--", cookies, publicHost,
	}
	cmd := exec.CommandContext(ctx, "wrk", append(args, headers...)...)
	cmd.Dir = b.dir
	output, err := cmd.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("wrk: %w\n%s", err, output)
	}
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	var counted load
	if err := json.Unmarshal(lines[len(lines)-1], &counted); err != nil {
		return load{}, fmt.Errorf("parse the output of wrk: %w\n%s", err, output)
	}
	return counted, nil
}
