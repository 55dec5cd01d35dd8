package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// script makes wrk request the session of one of many tokens with each request, and print the
// result.
//
//go:embed reads.lua
var script string

// load is wrk's result of one round.
type load struct {
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Failed    int     `json:"failed"`
	Sana      float64 `json:"sana_us"`     // processor time of Sana for one read, microseconds
	Postgres  float64 `json:"postgres_us"` // the same of Postgres
}

const connections = 32

// read makes wrk read the sessions of the tokens in a file, on two threads.
func (i *instance) read(ctx context.Context, tokens string, length time.Duration) (load, error) {
	lua, err := os.CreateTemp("", "growth-*.lua")
	if err != nil {
		return load{}, err
	}
	defer os.Remove(lua.Name())
	defer lua.Close()
	if _, err := lua.WriteString(script); err != nil {
		return load{}, err
	}
	command := exec.CommandContext(ctx, "wrk", "-t2", fmt.Sprint("-c", connections),
		fmt.Sprintf("-d%ds", int(length.Seconds())), "-s", lua.Name(),
		fmt.Sprintf("http://127.0.0.1:%d/api/auth/session", i.port))
	command.Env = append(os.Environ(), "TOKENS="+tokens)
	output, err := command.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("wrk: %w\n%s", err, output)
	}
	_, text, found := strings.Cut(string(output), "RESULT ")
	var l load
	if !found || json.Unmarshal([]byte(text), &l) != nil {
		return load{}, fmt.Errorf("parse the output of wrk:\n%s", output)
	}
	return l, nil
}
