package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// printMethod prints the environment of the figures.
func (b *bench) printMethod(ctx context.Context) {
	if b.quick {
		fmt.Println("A QUICK RUN for development: too short for figures to be quoted.")
		fmt.Println()
	}
	fmt.Printf(
		`Method, %s
- Machine: %s, %d processors, %s. Server, Postgres and load share the processors
  and communicate over loopback.
- Load: wrk, %d connections, %d threads, the cookies of %d users in turn, only Host and Cookie as
  headers.
- Reads: %d rounds with every server, in another order each time; %s of warm-up, then %s. Figures
  are medians of the rounds, ratios are computed within a round. Before the rounds every server
  answered every cookie with 200 and its user. One error status, timeout or broken connection fails
  the run.
- Sana is the built binary in production's configuration, with defaults. Peers have no middleware
  around the session, at most %d connections to the database, as Sana, and the same %d users and
  JSON.
- Whole sign-ins: %s of each kind and round, each by another user from another IP address. Mail goes
  by SMTP to a server in the load program; each requested mail arrived exactly once.
- CPU is user and system time of the server's processes, and of all processes of Postgres. A ratio
  by CPU compares the cost of one read in both together; other work on the machine affects it less.
- Postgres: %s. %s
`,
		time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		processor(),
		runtime.NumCPU(),
		kernel(ctx),
		connections,
		threads,
		b.users,
		b.rounds,
		b.warm,
		b.lengths.read,
		poolSize,
		b.users,
		b.signIns,
		b.settings,
		b.commitTime(ctx),
	)
}

// processor returns the name of the first processor.
func processor() string {
	content, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(content)) {
		if name, ok := strings.CutPrefix(line, "model name\t: "); ok {
			return strings.TrimSpace(name)
		}
	}
	return runtime.GOARCH
}

func kernel(ctx context.Context) string {
	output, _ := exec.CommandContext(ctx, "uname", "-sr").Output()
	return strings.TrimSpace(string(output))
}

// commitTime measures how long a commit takes to be on the disk. If it is close to nothing, fsync
// has no effect here.
func (b *bench) commitTime(ctx context.Context) string {
	conn, err := pgx.Connect(ctx, b.database)
	if err != nil {
		return "The duration of a commit is unknown: " + err.Error()
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE TABLE bench_commits (n int)"); err != nil {
		return "The duration of a commit is unknown: " + err.Error()
	}
	var times []float64
	for n := range 200 {
		began := time.Now()
		if _, err := conn.Exec(ctx, "INSERT INTO bench_commits VALUES ($1)", n); err != nil {
			return "The duration of a commit is unknown: " + err.Error()
		}
		times = append(times, float64(time.Since(began).Microseconds())/1000)
	}
	return fmt.Sprintf("A commit of one row takes %s ms here (median of %d).",
		digits(median(times)), len(times))
}
