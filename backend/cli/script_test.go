package cli_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"sana/backend/cli"
	"sana/backend/postgres/postgrestest"
	"sana/backend/sanatest"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts in testdata expect to see")

// TestMain makes the program a command of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sana": func() { os.Exit(cli.Run(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr, "1.2.3")) },
	})
}

// Each script in testdata is the specification of a command: what is typed, what is printed, how it ends.
func TestCommands(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(sanatest.Deadline), // for a serve that should have refused
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":          exits,
			"empty-database": emptyDatabase,
		},
		Setup: func(e *testscript.Env) error {
			e.Values["t"] = e.T()
			return nil
		},
	})
}

// exits is `exits 2 sana …`: the program must end with this code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits code program [argument…]")
	}
	code := "0"
	if failed, ok := errors.AsType[*exec.ExitError](ts.Exec(args[1], args[2:]...)); ok {
		code = strconv.Itoa(failed.ExitCode())
	}
	if code != args[0] {
		ts.Fatalf("exit code: got %s, want %s", code, args[0])
	}
}

// emptyDatabase is `empty-database`: DATABASE_URL names a new database from here on.
func emptyDatabase(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Setenv("DATABASE_URL", postgrestest.EmptyURL(ts.Value("t").(testing.TB)))
}
