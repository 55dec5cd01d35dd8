package app

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

// F-29: what panics in the background is run again until the end.
func TestWhatPanicsInTheBackgroundIsRunAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	runs := 0
	runWithRestart(ctx, slog.New(slog.NewTextHandler(&log, nil)), "flush", func(context.Context) {
		if runs++; runs == 1 {
			panic("ours")
		}
		cancel()
	})
	if runs != 2 || strings.Count(log.String(), "panic=ours") != 1 ||
		!strings.Contains(log.String(), "in=flush") {
		t.Errorf("%d runs, want 2; the log:\n%s", runs, &log)
	}
}
