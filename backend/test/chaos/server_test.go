package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sana/backend/test/harness"

	"github.com/jackc/pgx/v5"
)

// server is a Postgres of one test, which may stop, freeze and fill it.
type server struct {
	t        testing.TB
	data     string // its folder
	port     int
	settings []string
	log      *harness.Log

	process *exec.Cmd
	exited  chan struct{}
}

// binariesVariable names the folder with the programs initdb and postgres.
const binariesVariable = "SANA_POSTGRES_BIN"

// cluster is an initialized data folder that all servers of a run are copied from.
var cluster = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sana-chaos-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err == nil {
		err = giveAway(dir)
	}
	if err != nil {
		return dir, err
	}
	initdb := asPostgres("initdb", "-D", filepath.Join(dir, "data"), "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if output, err := initdb.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := harness.RunTests(m)
	if os.Getenv(binariesVariable) != "" {
		if dir, _ := cluster(); dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// newServer runs a Postgres until the test ends, with further settings as NAME=value.
func newServer(t testing.TB, settings ...string) *server {
	t.Helper()
	if os.Getenv(binariesVariable) == "" {
		t.Skip(binariesVariable + " does not name the folder of initdb and postgres; npm test does")
	}
	template, err := cluster()
	if err != nil {
		t.Fatal(err)
	}
	s := prepare(t, filepath.Join(template, "data"), settings)
	s.start()
	return s
}

// prepare copies a data folder for a server that has not started yet.
func prepare(t testing.TB, from string, settings []string) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "sana-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, data: filepath.Join(dir, "data"), port: harness.FreePort(t),
		log: &harness.Log{}}
	s.settings = append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "lc_messages=C", "fsync=off",
		"full_page_writes=off",
		"shared_buffers=32MB", "max_connections=100", "wal_sender_timeout=2s",
	}, settings...)
	t.Cleanup(func() {
		s.thaw()
		s.stop(syscall.SIGQUIT)
		if t.Failed() {
			t.Logf("Postgres on port %d says:\n%.4000s", s.port, s.log)
		}
		_ = os.RemoveAll(dir)
	})
	s.must(os.Chmod(dir, 0o711))
	output, err := exec.Command("cp", "-a", from, s.data).CombinedOutput()
	if err != nil {
		t.Fatalf("cp: %v\n%s", err, output)
	}
	return s
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// launch starts the server without waiting for it.
func (s *server) launch() {
	s.t.Helper()
	args := []string{"-D", s.data, "-p", strconv.Itoa(s.port)}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	s.process = asPostgres("postgres", args...)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	s.must(s.process.Start())
	process, exited := s.process, make(chan struct{})
	s.exited = exited
	go func() {
		_ = process.Wait()
		close(exited)
	}()
}

// start starts the server and waits until it accepts connections.
func (s *server) start() {
	s.t.Helper()
	s.launch()
	harness.Eventually(s.t, "Postgres does not start", func() error {
		select {
		case <-s.exited:
			s.t.Fatalf("Postgres has ended:\n%s", s.log)
		default:
		}
		_, err := s.query("SELECT 1")
		return err
	})
}

// stop ends the server: SIGINT is a fast shutdown, SIGQUIT an immediate one.
func (s *server) stop(how syscall.Signal) {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(how)
	<-s.exited
	s.process = nil
}

// kill ends all processes of the server at once, as a power loss does.
func (s *server) kill() {
	killAll(s.t, s.process.Process.Pid)
	<-s.exited
	s.process = nil
}

// freeze pauses all of the server's processes until thaw.
func (s *server) freeze() {
	s.t.Helper()
	s.must(s.process.Process.Signal(syscall.SIGSTOP)) // first: it would start new ones
	for _, pid := range children(s.t, s.process.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
}

func (s *server) thaw() {
	if s.process == nil {
		return
	}
	for _, pid := range append(children(s.t, s.process.Process.Pid), s.process.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// killAll kills a Postgres server by the id of its first process.
func killAll(t testing.TB, postmaster int) {
	t.Helper()
	for _, pid := range append(children(t, postmaster), postmaster) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// children lists the processes of a Postgres server except the first: each has a session of its
// own, so that no process group contains them all.
func children(t testing.TB, postmaster int) []int {
	t.Helper()
	output, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		t.Errorf("ps: %v", err)
	}
	var list []int
	for line := range strings.Lines(string(output)) {
		var pid, parent int
		if _, err := fmt.Sscan(line, &pid, &parent); err == nil && parent == postmaster {
			list = append(list, pid)
		}
	}
	return list
}

// address is the server's host and port.
func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// url returns the address of the world's database.
func (s *server) url(parameters ...string) string {
	return "postgres://postgres@" + s.address() + "/postgres?" +
		strings.Join(append([]string{"sslmode=disable"}, parameters...), "&")
}

// world returns a world whose database is on this server.
func (s *server) world() *harness.World {
	s.t.Helper()
	return harness.WorldOn(s.t, s.url())
}

// query runs a statement on a connection of its own and returns the text of its first value.
func (s *server) query(sql string, args ...any) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var value any
	err = conn.QueryRow(ctx, sql, args...).Scan(&value) // no rows of what selects nothing
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return fmt.Sprint(value), err
}

// asPostgres returns a command that runs one of Postgres's programs.
func asPostgres(name string, args ...string) *exec.Cmd {
	return asNobody(filepath.Join(os.Getenv(binariesVariable), name), args...)
}

// asNobody returns a command for a program that refuses to run as root: it then runs as the user
// "nobody", with the one capability to enter its program's folder.
func asNobody(path string, args ...string) *exec.Cmd {
	if os.Getuid() == 0 {
		// Postgres uses access(2) to check whether it may execute itself, which ignores
		// capabilities unless no_setuid_fixup is set.
		args = append([]string{
			"--reuid=nobody", "--regid=" + strconv.Itoa(nobody().gid), "--clear-groups",
			"--securebits=+no_setuid_fixup",
			"--inh-caps=+dac_override", "--ambient-caps=+dac_override", path,
		}, args...)
		path = "setpriv"
	}
	command := exec.Command(path, args...)
	command.Dir = "/"
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "PG") && !strings.HasPrefix(pair, "LC_") &&
			!strings.HasPrefix(pair, "LANG") {
			command.Env = append(command.Env, pair)
		}
	}
	return command
}

// giveAway changes the owner of a folder to the user whom Postgres runs as.
func giveAway(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody().uid, nobody().gid)
}

type account struct{ uid, gid int }

func nobody() account {
	found, err := user.Lookup("nobody")
	if err != nil {
		return account{65534, 65534}
	}
	uid, _ := strconv.Atoi(found.Uid)
	gid, _ := strconv.Atoi(found.Gid)
	return account{uid, gid}
}
