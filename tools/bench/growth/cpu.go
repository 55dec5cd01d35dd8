package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: USER_HZ is 100.
const tick = 10 * time.Millisecond

// used is the processor time used so far: by Sana, and by all processes of Postgres.
type used struct{ sana, postgres time.Duration }

// cpu reads it from /proc, so the server must be on this machine.
func (i *instance) cpu(ctx context.Context, d *database) (used, error) {
	var backend int
	if err := d.db.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		return used{}, err
	}
	server, _, err := process(strconv.Itoa(backend))
	if err != nil {
		return used{}, fmt.Errorf("find the server on this machine: %w", err)
	}
	var u used
	if _, u.sana, err = process(strconv.Itoa(i.command.Process.Pid)); err != nil {
		return used{}, err
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	for _, path := range all {
		if parent, time, err := process(filepath.Base(path)); err == nil && parent == server {
			u.postgres += time
		}
	}
	return u, err
}

// process returns the parent of a process and its used processor time.
func process(pid string) (parent int, used time.Duration, err error) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name before it may contain anything
	fields := strings.Fields(after)
	var ticks [2]int
	if parent, err = strconv.Atoi(fields[1]); err == nil {
		if ticks[0], err = strconv.Atoi(fields[11]); err == nil {
			ticks[1], err = strconv.Atoi(fields[12])
		}
	}
	return parent, time.Duration(ticks[0]+ticks[1]) * tick, err
}
