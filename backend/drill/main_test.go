package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"sana/backend/cli"
	"sana/backend/config"
	"sana/backend/sanatest"
	"sana/backend/session"
)

// storeVariable makes this test binary the program: with the store that it names.
const storeVariable = "SANA_DRILL_STORE"

func TestMain(m *testing.M) {
	store := os.Getenv(storeVariable)
	if store == "" {
		sanatest.Main(m)
	}
	if store == postgres || store == cookie {
		os.Exit(cli.Run(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr, "drill"))
	}
	if err := serve(store); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve is sana serve with one of the predecessor's stores.
func serve(name string) error {
	cfg, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	store, err := openPredecessor(name, session.Limits{Idle: cfg.SessionIdleTimeout, MaxAge: cfg.SessionMaxAge})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	program, err := cli.Start(ctx, cfg, cli.Options{Version: "drill", Output: os.Stdout, Sessions: store})
	if err != nil {
		return err
	}
	return errors.Join(program.Wait(ctx), program.Stop())
}
