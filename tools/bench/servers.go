package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// publicHost is the host of every request.
const publicHost = "sana.example"

// server is a running program.
type server struct {
	name string
	port int
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  string        // file with its output
}

func (s *server) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path)
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// startServer starts a command that listens on PORT. It returns when the command answers GET of the
// path ready with 200, or, if ready is "", when it accepts connections.
func (b *bench) startServer(
	ctx context.Context, name, ready string, port int, environ []string, command ...string,
) (*server, error) {
	s := &server{name: name, port: port, done: make(chan struct{}), log: b.path(name + ".log")}
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s.cmd = exec.Command(command[0], command[1:]...)
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), fmt.Sprint("PORT=", port)}, environ...)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.Dir = out, out, b.dir
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait()
	}()
	if err := s.awaitReady(ctx, ready); err != nil {
		s.stop()
		b.failed = true
		return nil, fmt.Errorf("%s: %w; its log is %s", name, err, s.log)
	}
	return s, nil
}

func (s *server) awaitReady(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.port)); err == nil {
			_ = conn.Close()
			if path == "" {
				return nil
			}
			if status, _, err := get(ctx, client, s.url(path), ""); err == nil &&
				status == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.done:
			return errors.New("it exited during startup")
		case <-ctx.Done():
			return errors.New("it was not ready within 30 s")
		case <-time.After(500 * time.Microsecond):
		}
	}
}

// stop ends the program, and kills it if it does not end.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(15 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// get requests an address with a cookie, "" for none.
func get(
	ctx context.Context, client *http.Client, url, cookie string,
) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Host = publicHost
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// freePort returns a free port, below those that systems use for outgoing connections.
func freePort() int {
	for {
		port := 20_000 + rand.IntN(12_000)
		if l, err := net.Listen("tcp",
			net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close()
			return port
		}
	}
}
