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
		fmt.Println("A QUICK RUN, for whoever develops: too short for figures to be quoted.")
		fmt.Println()
	}
	fmt.Printf(
		`Method, %s
- Machine: %s, %d processors, %s; everything on it, over loopback: server, Postgres and load share the processors.
- Load: wrk, %d connections, %d threads, the cookies of %d people one after the other, only Host and Cookie as headers.
- Reads: %d rounds, each server in each round, in another order each time, after %s of warming up, for %s; then the median of the
  rounds. A ratio is made within each round. Before that every cookie was answered with 200 and its own person by every
  server; one refusal, timeout or broken connection during the run would have ended it.
- Sana is the built binary in production's configuration with every default, whole chain. The others have nothing around the
  session, up to %d connections to the database, as Sana has, and the same %d people with the same JSON.
- Whole sign-ins: %s of each kind and round, every one of another person and address, mail by SMTP to a server in the load
  program; all mails that were asked for came, none twice.
- CPU is user and system time of the server's processes, and of all processes of Postgres; a ratio by CPU is what one read costs of
  both together, which other work on the machine changes less.
- Postgres: %s. %s
`,
		time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		processor(),
		runtime.NumCPU(),
		kernel(ctx),
		connections,
		threads,
		b.people,
		b.rounds,
		b.warm,
		b.lengths.read,
		poolSize,
		b.people,
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
		return "How long a commit takes is not known: " + err.Error()
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE TABLE bench_commits (n int)"); err != nil {
		return "How long a commit takes is not known: " + err.Error()
	}
	var times []float64
	for n := range 200 {
		began := time.Now()
		if _, err := conn.Exec(ctx, "INSERT INTO bench_commits VALUES ($1)", n); err != nil {
			return "How long a commit takes is not known: " + err.Error()
		}
		times = append(times, float64(time.Since(began).Microseconds())/1000)
	}
	return fmt.Sprintf("A commit of one row takes %s ms here (median of %d).", digits(median(times)),
		len(times))
}
