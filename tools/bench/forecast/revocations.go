package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sana/backend/observe/metrics"
	"sana/backend/postgres"
	"sana/backend/session"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// measureRevocations revokes sessions at several rates while several numbers of stores poll the
// revocation log.
func measureRevocations(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("revocations", flag.ExitOnError)
	url := flags.String("postgres", "",
		"URL of a superuser of a server on this machine, in a database that Sana has migrated")
	length := flags.Duration("length", 10*time.Second, "duration of each measurement")
	_ = flags.Parse(args)
	if _, err := postgres.Migrate(ctx, *url); err != nil {
		return err
	}
	fmt.Println("| instances | revocations/s | polls/s | of each instance | CPU of the server, " +
		"% of a core |")
	for _, instances := range []int{2, 10, 30} {
		for _, rate := range []int{0, 10, 100} {
			if err := measure(ctx, *url, instances, rate, *length); err != nil {
				return err
			}
		}
	}
	return nil
}

func measure(
	ctx context.Context, url string, instances, rate int, length time.Duration,
) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	var polls atomic.Int64
	defer all.Wait()
	defer cancel()
	var stores []*session.Shared
	for range instances {
		s, err := openStore(ctx, url, &polls)
		if err != nil {
			return err
		}
		stores = append(stores, s)
		all.Go(func() {
			s.Run(ctx)
			s.Close()
		})
	}
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	if err := wait(ctx, time.Second); err != nil {
		return err
	}
	cpu, err := serverCPU(ctx, db)
	if err != nil {
		return err
	}
	before, began := polls.Load(), time.Now()
	if err := revoke(ctx, db, rate, length); err != nil {
		return err
	}
	elapsed := time.Since(began).Seconds()
	perSecond := float64(polls.Load()-before) / elapsed
	after, err := serverCPU(ctx, db)
	fmt.Printf("| %d | %d | %.0f | %.1f | %.1f |\n", instances, rate, perSecond,
		perSecond/float64(instances), 100*(after-cpu).Seconds()/elapsed)
	return err
}

// openStore opens a store with a cache whose polls of the revocation log are counted.
func openStore(
	ctx context.Context, url string, polls *atomic.Int64,
) (*session.Shared, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 1
	config.ConnConfig.Tracer = counter{polls}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	limits := session.Limits{Idle: 24 * time.Hour, MaxAge: 30 * 24 * time.Hour}
	return session.NewCached(ctx, pool, limits, 64<<20, slog.New(slog.DiscardHandler),
		metrics.New("forecast"))
}

// counter counts polls of the revocation log.
type counter struct{ polls *atomic.Int64 }

func (c counter) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData,
) context.Context {
	if strings.Contains(data.SQL, "session_revocations_swept") {
		c.polls.Add(1)
	}
	return ctx
}

func (counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// revoke writes the given number of revocations a second to the log, each in its own transaction,
// as separate users would.
func revoke(ctx context.Context, db *pgx.Conn, rate int, length time.Duration) error {
	if rate == 0 {
		return wait(ctx, length)
	}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for range int(length.Seconds() * float64(rate)) {
		<-tick.C
		_, err := db.Exec(ctx, `
			INSERT INTO session_revocations (k)
			VALUES (encode(sha256(gen_random_uuid()::text::bytea), 'hex'))`)
		if err != nil {
			return err
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serverCPU returns the processor time that the server's backend processes have used so far.
func serverCPU(ctx context.Context, db *pgx.Conn) (total time.Duration, err error) {
	rows, err := db.Query(
		ctx,
		`SELECT pid FROM pg_stat_activity WHERE datname = current_database()`,
	)
	if err != nil {
		return 0, err
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		_, fields, _ := strings.Cut(string(text), ") ")
		var user, system int
		var state string
		var skipped [10]int
		_, err = fmt.Sscan(fields, &state, &skipped[0], &skipped[1], &skipped[2], &skipped[3],
			&skipped[4], &skipped[5], &skipped[6], &skipped[7], &skipped[8], &skipped[9], &user,
			&system)
		if err != nil {
			return 0, err
		}
		total += time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
	}
	return total, nil
}
