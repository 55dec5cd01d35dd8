package web_test

import (
	"context"
	"net"
	"testing"

	"sana/backend/test/harness"
	"sana/backend/web"
)

// serve runs a server that needs no database until the test ends.
func serve(t testing.TB, server *web.Server) *harness.Instance {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, server, listener)
}

// serveOn is serve on a listener of the test.
func serveOn(t testing.TB, server *web.Server, listener net.Listener) *harness.Instance {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return &harness.Instance{URL: "http://" + listener.Addr().String(), Log: &harness.Log{}}
}
