package drill

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"sana/backend/cli"
	"sana/backend/test/harness"
)

// storeVariable makes this test binary run as the program, with the store of the variable.
const storeVariable = "SANA_DRILL_STORE"

func TestMain(m *testing.M) {
	store := os.Getenv(storeVariable)
	if store == "" {
		harness.Main(m)
	}
	if store == postgres || store == cookie {
		os.Exit(cli.Run(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr, "drill"))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, store); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
