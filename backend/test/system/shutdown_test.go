package system_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"sana/backend/test/harness"
)

// F-28: load balancers and browsers open connections in advance. An unused connection must not
// delay the shutdown.
func TestShutdown_IgnoresUnusedConnections(t *testing.T) {
	t.Parallel()
	app := harness.NewWorld(t).Run(t)
	unused, err := net.Dial("tcp", strings.TrimPrefix(app.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer unused.Close()
	app.Open(t).Get("/livez").Want(http.StatusOK) // connections are accepted in order
	if err := app.Terminate(t); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
}
