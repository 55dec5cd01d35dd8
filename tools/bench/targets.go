package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// The names of the targets in the table.
const (
	fiberConstant = "Fiber, constant JSON"
	sameChain     = "Sana's chain, constant JSON"
	secureCookie  = "Fiber, securecookie"
	fiberStorage  = "Fiber session, storage"
	scsPgx        = "scs, pgxstore"
	flaskCookie   = "Flask's cookie, gunicorn"
	sanaCached    = "Sana, cached"
	sanaUncached  = "Sana, uncached"
	sanaSealed    = "Sana, sealed"
)

//go:embed flask_peer.py
var flaskPeer []byte

// readTargets creates the tables and jars of all targets.
func (b *bench) readTargets(ctx context.Context) ([]target, error) {
	list := makeUsers(b.users)
	database, err := b.migrated(ctx, "reads")
	if err != nil {
		return nil, err
	}
	shared, err := sharedJar(ctx, database+asyncCommit, list)
	if err != nil {
		return nil, err
	}
	smtp := freePort() // an unused port: no mail is sent here
	targets := []target{
		b.sanaTarget(sanaCached, database, smtp, reuse(shared)),
		b.sanaTarget(sanaUncached, database, smtp, reuse(shared), "SESSION_CACHE=off"),
		b.sanaTarget(sanaSealed, database, smtp,
			func() (jar, error) { return sealedJar(ctx, list) }, "SESSION_STORE=cookie"),
		{
			name: sameChain,
			path: sessionPath,
			jar:  reuse(withConstant(shared)),
			start: func(ctx context.Context) (*server, error) {
				// Without a cookie only the constant answer is 200: Sana is ready a moment before
				// its handler is replaced.
				return b.startPeer(ctx, "same-chain", sessionPath, sanaEnviron(database, smtp))
			},
		},
		b.peerTarget(fiberConstant, "constant", withConstant(shared)),
	}
	peers := []struct {
		name, command string
		fill          func(context.Context, string, []answer) (jar, error)
	}{
		{secureCookie, "securecookie", secureCookieJar},
		{fiberStorage, "fiber-storage", fiberJar},
		{scsPgx, "scs", scsJar},
	}
	for _, p := range peers {
		database, err := b.newDatabase(ctx, p.command)
		if err != nil {
			return nil, err
		}
		j, err := p.fill(ctx, database+asyncCommit, list)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		targets = append(targets, b.peerTarget(p.name, p.command, j, "-database", database))
	}
	if b.gunicorn == "" {
		b.report.addText(flaskCookie, "not measured: "+b.missing)
		return targets, nil
	}
	flask, err := b.flaskTarget(ctx, list)
	return append(targets, flask), err
}

// asyncCommit is for filling tables: their rows need not be flushed one by one.
const asyncCommit = "&synchronous_commit=off"

// reuse returns a jar that is valid for the whole run.
func reuse(j jar) func() (jar, error) { return func() (jar, error) { return j, nil } }

// withConstant returns the same cookies with the constant answer.
func withConstant(j jar) jar {
	same := make(jar, len(j))
	for i := range j {
		same[i] = ticket{j[i].cookie, constantAnswer()}
	}
	return same
}

func (b *bench) sanaTarget(
	name, database string, smtp int, j func() (jar, error), further ...string,
) target {
	return target{
		name: name,
		path: sessionPath,
		jar:  j,
		start: func(ctx context.Context) (*server, error) {
			return b.startSana(ctx, name, database, smtp, further...)
		},
	}
}

func (b *bench) peerTarget(name, command string, j jar, args ...string) target {
	return target{
		name: name,
		path: "/",
		jar:  reuse(j),
		start: func(ctx context.Context) (*server, error) {
			return b.startPeer(ctx, command, "", nil, args...)
		},
	}
}

// startPeer runs this program as one of the compared servers.
func (b *bench) startPeer(
	ctx context.Context, name, ready string, environ []string, args ...string,
) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.startServer(
		ctx,
		name,
		ready,
		freePort(),
		environ,
		append([]string{self, "serve", name}, args...)...)
}

// flaskTarget has as many processes as Sana has processors, and threads for all connections: the
// other kinds of worker of Debian's gunicorn package close the connection with every answer.
func (b *bench) flaskTarget(ctx context.Context, list []answer) (target, error) {
	if err := os.WriteFile(b.path("flask_peer.py"), flaskPeer, 0o600); err != nil {
		return target{}, err
	}
	content, err := json.Marshal(list)
	if err != nil {
		return target{}, err
	}
	file := b.path("users.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return target{}, err
	}
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "flask_peer.py", file)
	cmd.Dir = b.dir
	output, err := cmd.Output()
	if err != nil {
		return target{}, fmt.Errorf("create cookies of Flask: %w", err)
	}
	var cookies []string
	if err := json.Unmarshal(output, &cookies); err != nil {
		return target{}, err
	}
	var j jar
	for i, p := range list {
		j = append(j, ticket{cookies[i], p})
	}
	return target{
		name: flaskCookie,
		path: "/",
		jar:  reuse(j),
		start: func(ctx context.Context) (*server, error) {
			port := freePort()
			return b.startServer(ctx, "flask", "", port, nil, b.gunicorn, "--worker-class=gthread",
				fmt.Sprint("--workers=", threads), fmt.Sprint("--threads=", connections/threads),
				"--keep-alive=75", fmt.Sprint("--bind=127.0.0.1:", port), "flask_peer:app")
		},
	}, nil
}
