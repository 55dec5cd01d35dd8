package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is the program as another process.
type Process struct {
	*Instance
	command *exec.Cmd
	exited  chan struct{} // closed when the process has exited
	err     error         // of Wait; read after exited is closed
}

// Run starts the built program in production's configuration with further NAME=value pairs, waits
// until it is ready, and kills it when the test ends.
func (w *World) Run(t testing.TB, override ...string) *Process {
	t.Helper()
	p := w.Spawn(t, override...)
	p.WaitReady(t)
	return p
}

// Spawn is Run without waiting.
func (w *World) Spawn(t testing.TB, override ...string) *Process {
	t.Helper()
	return w.SpawnAt(t, FreePort(t), override...)
}

// SpawnAt is Spawn on a port.
func (w *World) SpawnAt(t testing.TB, port int, override ...string) *Process {
	t.Helper()
	return w.spawn(t, port, nil, override...)
}

// SpawnInto is Spawn with the log written to a file; Log stays empty.
func (w *World) SpawnInto(t testing.TB, log *os.File, override ...string) *Process {
	t.Helper()
	return w.spawn(t, FreePort(t), log, override...)
}

func (w *World) spawn(t testing.TB, port int, log *os.File, override ...string) *Process {
	t.Helper()
	p := &Process{
		Instance: &Instance{URL: fmt.Sprintf("http://127.0.0.1:%d", port), Log: &Log{}},
		command:  exec.Command(w.program(t), "serve", "--migrate"),
		exited:   make(chan struct{}),
	}
	p.command.Env = append(w.Environ(fmt.Sprintf("PORT=%d", port)), override...)
	p.command.Dir = t.TempDir()
	p.command.Stdout, p.command.Stderr = p.Log, p.Log
	if log != nil {
		p.command.Stdout, p.command.Stderr = log, log
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.Kill(t)
		if t.Failed() {
			t.Logf("log of the process at %s:\n%s", p.URL, p.Log)
		}
	})
	return p
}

// WaitReady waits until /readyz answers 200.
func (p *Process) WaitReady(t testing.TB) {
	t.Helper()
	client := &http.Client{Timeout: 2 * time.Second}
	Eventually(t, "the process does not get ready", func() error {
		select {
		case <-p.exited:
			t.Fatalf("the process ended before it was ready: %v\n%s", p.err, p.Log)
		default:
		}
		answer, err := client.Get(p.URL + "/readyz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz answers %d", answer.StatusCode)
		}
		return nil
	})
}

// CLI runs a command of the program, which must succeed, and returns its output.
func (w *World) CLI(t testing.TB, args ...string) string {
	t.Helper()
	command := exec.Command(w.program(t), args...)
	command.Env = w.Environ()
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("sana %v: %v\n%s", args, err, output)
	}
	return string(output)
}

// Launch runs another program, such as a proxy, until the test ends. The test's log has its output
// if the test fails.
func Launch(t testing.TB, name string, command *exec.Cmd) {
	t.Helper()
	log := &Log{}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(5*time.Second, func() { _ = command.Process.Kill() })
		_ = command.Wait()
		kill.Stop()
		if t.Failed() {
			t.Logf("output of %s:\n%.6000s", name, log)
		}
	})
}

// AwaitListener waits until a program listens at an address.
func AwaitListener(t testing.TB, address string) {
	t.Helper()
	Eventually(t, "no program listens at "+address, func() error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// Signal sends the process a signal.
func (p *Process) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		t.Errorf("%v: %v", signal, err)
	}
}

// Exited returns a channel that is closed when the process has exited.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Kill sends SIGKILL and waits until the process has exited.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("kill -9: %v", err)
	}
	<-p.exited
}

// Pause stops the process (SIGSTOP) until Resume: its connections stay open without answers. The
// signal takes effect with a delay: until every thread has stopped, the others continue and accept
// requests.
func (p *Process) Pause(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGSTOP)
	Eventually(t, "the process does not stop", func() error {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(p.command.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG,
			nil)
		if err == nil && !status.Stopped() {
			err = errors.New("it runs")
		}
		return err
	})
}

// Resume reverts Pause.
func (p *Process) Resume(t testing.TB) { p.Signal(t, syscall.SIGCONT) }

// Terminate sends SIGTERM and waits until the process has exited. It returns its error, nil for
// exit code 0.
func (p *Process) Terminate(t testing.TB) error {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	return p.AwaitExit(t)
}

// AwaitExit waits until the process has exited on its own. It returns its error, nil for exit code
// 0.
func (p *Process) AwaitExit(t testing.TB) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	select {
	case <-p.exited:
		return p.err
	case <-ctx.Done():
		t.Fatal("the process does not end")
		return nil
	}
}

// reserved are the sockets that keep FreePort from returning a port twice, also to other processes.
var reserved struct {
	sync.Mutex
	sockets []net.PacketConn
}

// FreePort returns a free port, below those that the system uses for outgoing connections. A UDP
// socket, 20,000 ports higher, reserves it until this process ends: packages are tested side by
// side. The tests of the pages use ports from 20,000 on.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(10_000)
		socket, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port+20_000))
		if err != nil {
			continue
		}
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			l.Close()
			reserved.Lock()
			defer reserved.Unlock()
			reserved.sockets = append(reserved.sockets, socket)
			return port
		}
		socket.Close()
	}
	t.Fatal("no port is free")
	return 0
}

// built is the program that was built for this test run.
var built struct {
	sync.Once
	dir string
	err error
}

// program returns the file that Spawn runs.
func (w *World) program(t testing.TB) string {
	t.Helper()
	if w.Program != "" {
		return w.Program
	}
	return builtProgram(t)
}

// builtProgram builds the program once, as it is released. The race detector runs in the instances
// of the test processes only.
func builtProgram(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "sana-harness-"); built.err != nil {
			return
		}
		args := []string{"build", "-ldflags", "-X main.version=test", "-o",
			filepath.Join(built.dir, "sana")}
		command := exec.Command("go", append(args, "sana/backend")...)
		// These are the settings of npm run build, so that its build cache is used.
		command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
		output, err := command.CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, output)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "sana")
}

// Main runs a package's tests, removes the program that they built, and exits.
func Main(m *testing.M) { os.Exit(RunTests(m)) }

// RunTests is Main without the exit; it returns the exit code.
func RunTests(m *testing.M) (code int) {
	code = m.Run()
	if built.dir != "" {
		if err := os.RemoveAll(built.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return code
}
