// Package cli has the program's commands.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"sana/backend/app"
	"sana/backend/config"
	"sana/backend/diagnose"
	"sana/backend/fault"
	"sana/backend/observe/logging"
	"sana/backend/postgres"

	"github.com/alecthomas/kong"
)

// Exit codes: of a failed command, and of an invalid command line.
const (
	exitFailed = 1
	exitUsage  = 2
)

// commandPatience bounds a command that queries the database or the mail provider.
const commandPatience = 30 * time.Second

// invocation is the input and output of a command.
type invocation struct {
	environ []string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	version string
}

// operatorLog returns the log of commands that print a result: text for the operator, on stderr.
func (in invocation) operatorLog() *slog.Logger {
	return slog.New(logging.NewTextHandler(in.stderr, slog.LevelInfo))
}

type commands struct {
	Serve      serveCommand      `cmd:"" help:"Answer requests and send mail until SIGTERM or SIGINT."`
	Migrate    migrateCommand    `cmd:"" help:"Migrate the database's schema to this version. Safe to run on several machines at once."`
	Check      checkCommand      `cmd:"" help:"Check a deployment from outside, over HTTP only."`
	Doctor     doctorCommand     `cmd:"" help:"Check this deployment from inside."`
	People     peopleCommand     `cmd:"" help:"Manage accounts."`
	Sessions   sessionsCommand   `cmd:"" help:"List users' sessions, and revoke them."`
	AccessKeys accessKeysCommand `cmd:"" help:"List, create and revoke the keys with which programs use apps."`
	Mail       mailCommand       `cmd:"" help:"Find out why mail does not arrive."`
	Apps       appsCommand       `cmd:"" help:"Check the apps behind the gate, and print the configuration of their proxy."`
	Keys       keysCommand       `cmd:"" help:"Create secret keys."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// Run runs one command and returns the process's exit code.
func Run(args, environ []string, stdin io.Reader, stdout, stderr io.Writer, version string) int {
	exited, code := false, 0
	parser, err := kong.New(&commands{}, kong.Name("sana"),
		kong.Description(
			"Sign-in by a six-digit e-mail code, with sessions in Postgres.\n\n"+variablesInHelp()),
		kong.Writers(stdout, stderr), kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: helpWidth}))
	if err != nil {
		panic("cli: the command definitions are wrong: " + err.Error())
	}
	command, err := parser.Parse(args)
	if exited { // after --help
		return code
	}
	if err != nil {
		fmt.Fprintf(stderr, "sana: %v\nRun sana --help for the commands.\n", err)
		return exitUsage
	}
	if err := command.Run(invocation{environ, stdin, stdout, stderr, version}); err != nil {
		fmt.Fprintf(stderr, "sana: %s\n", strings.ReplaceAll(inWords(err), "\n", "\nsana: "))
		return exitFailed
	}
	return 0
}

// inWords returns the text of an error for an operator. For a fault without another cause it is the
// fault's message, because its code alone does not help.
func inWords(err error) string {
	if found, ok := errors.AsType[*fault.Error](err); ok && found.Unwrap() == nil {
		return found.Message
	}
	return err.Error()
}

// helpWidth is the width of --help in columns, also on a wider terminal.
const helpWidth = 80

// variablesInHelp lists the configuration for --help: names on the left, descriptions on the right.
func variablesInHelp() string {
	// kong indents lines that begin with a space, and does not reflow them
	const nameWidth, indent = 22, 4
	var b strings.Builder
	b.WriteString("Configuration comes from the environment; a secret can also be given as " +
		"NAME_FILE, the path of a file with it:\n")
	for _, v := range config.Variables() {
		meaning := v.Help
		if v.Default != "" {
			meaning += " [" + v.Default + "]"
		}
		name := v.Name
		if len(name) >= nameWidth {
			fmt.Fprintf(&b, "\n %s", name)
			name = ""
		}
		for _, line := range diagnose.Wrap(meaning, helpWidth-indent-nameWidth) {
			fmt.Fprintf(&b, "\n %-*s%s", nameWidth, name, line)
			name = ""
		}
	}
	return b.String()
}

// reloadOnHangup reads APPS_FILE again on each SIGHUP, until stop is called.
func reloadOnHangup(cfg config.Config, program *app.Program) (stop func()) {
	if cfg.AppsFile == "" {
		return func() {}
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			program.ReloadApps()
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
	}
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(in invocation) error {
	_, err := fmt.Fprintln(in.stdout, in.version)
	return err
}

type migrateCommand struct{}

// Run migrates and prints the applied migrations.
func (migrateCommand) Run(in invocation) error {
	url, err := config.LoadMigrateDatabaseURL(in.environ)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	applied, err := app.Migrate(ctx, url, in.operatorLog())
	if err != nil {
		return err
	}
	if len(applied) == 0 {
		_, err = fmt.Fprintf(in.stdout, "The schema is at version %d already; nothing to do.\n",
			postgres.Head)
	} else {
		_, err = fmt.Fprintf(in.stdout, "Applied %v; the schema is at version %d.\n", applied,
			postgres.Head)
	}
	return err
}

type serveCommand struct {
	Migrate bool `help:"Migrate first, in production too. In development this happens anyway."`
}

// Run serves until a signal arrives. A second signal ends the process immediately.
func (s serveCommand) Run(in invocation) error {
	cfg, err := config.Load(in.environ)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // the log's reader may have exited
	output := logging.NewAsyncWriter(in.stdout)
	defer output.Close()
	program, err := app.Start(ctx, cfg,
		app.Options{Version: in.version, Output: output, Migrate: s.Migrate})
	if err != nil {
		return err
	}
	defer reloadOnHangup(cfg, program)()
	served := program.Wait(ctx)
	stop()
	if served == nil && cfg.Env == config.Production {
		program.Retire()
	}
	return errors.Join(served, program.Stop())
}
