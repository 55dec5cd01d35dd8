package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// instance is Sana as a process of its own, configured as in production.
type instance struct {
	port    int
	command *exec.Cmd
	log     *os.File
}

func (o options) start(ctx context.Context, d *database, cache string) (*instance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &instance{port: l.Addr().(*net.TCPAddr).Port}
	l.Close()
	if i.log, err = os.CreateTemp("", "growth-sana-"); err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	rand.Read(key)
	program, err := filepath.Abs(o.sana)
	if err != nil {
		return nil, err
	}
	i.command = exec.CommandContext(ctx, program, "serve")
	i.command.Env = append(os.Environ(), "APP_ENV=production", "PUBLIC_URL=https://sana.example",
		fmt.Sprintf("PORT=%d", i.port), "DATABASE_URL="+d.url,
		"SECRET_KEYS=k1:"+base64.StdEncoding.EncodeToString(key), "TRUSTED_PROXY_HOPS=0",
		"MAIL_TRANSPORT=smtp", "SMTP_URL=smtp://127.0.0.1:9",
		"MAIL_FROM=Sana <sign-in@sana.example>", "SESSION_CACHE="+cache)
	i.command.Stdout, i.command.Stderr = i.log, i.log
	if err := i.command.Start(); err != nil {
		return nil, err
	}
	return i, i.awaitReady(ctx)
}

func (i *instance) awaitReady(ctx context.Context) error {
	var last error
	for range 200 {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", i.port))
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("readyz answers %s", answer.Status)
		}
		last = err
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("sana is not ready, its log is %s: %w", i.log.Name(), last)
}

// stop stops the process as a deployment does, so that it records the last uses of sessions.
func (i *instance) stop() error {
	defer os.Remove(i.log.Name())
	defer i.log.Close()
	if err := i.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return i.command.Wait()
}
