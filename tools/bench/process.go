package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// tick is the unit of /proc/PID/stat, which is fixed for programs on Linux: USER_HZ.
const tick = 10 * time.Millisecond

// stat is the content of a process's stat file.
type stat struct {
	parent int
	// processor time; children are those that have ended and were waited for
	own, children time.Duration
}

// statOf returns false if there is no such process, or no /proc.
func statOf(pid string) (stat, bool) {
	content, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return stat{}, false
	}
	// The second field is the program's name in brackets and may contain anything.
	_, rest, _ := strings.Cut(string(content[strings.LastIndexByte(string(content), ')'):]), " ")
	fields := strings.Fields(rest)
	number := func(field int) int {
		n, _ := strconv.Atoi(fields[field-3]) // as proc_pid_stat(5) counts them
		return n
	}
	return stat{
		parent:   number(4),
		own:      time.Duration(number(14)+number(15)) * tick,
		children: time.Duration(number(16)+number(17)) * tick,
	}, true
}

// ownUse returns the processor time that this process has used so far, without its children.
func ownUse() time.Duration {
	of, _ := statOf("self")
	return of.own
}

// usedBy returns the processor time that a process and its children have used so far.
func usedBy(pid int) time.Duration {
	of, _ := statOf(strconv.Itoa(pid))
	sum := of.own + of.children
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		if child, ok := statOf(filepath.Base(entry)); ok && child.parent == pid {
			sum += child.own + child.children
		}
	}
	return sum
}

// residentMB returns a process's memory, VmRSS, in megabytes of 10^6 bytes.
func residentMB(pid int) (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kibibytes, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kibibytes * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmRSS", pid)
}

// postmasterOf returns the process id of the server behind a connection.
func postmasterOf(ctx context.Context, conn *pgx.Conn) (int, error) {
	var backend int
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return 0, err
	}
	of, ok := statOf(strconv.Itoa(backend))
	if !ok {
		return 0,
			fmt.Errorf("no process of the database in /proc: it must run on this machine, on Linux")
	}
	return of.parent, nil
}
