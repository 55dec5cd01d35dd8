package app

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// restartPause is the pause after a panic.
const restartPause = time.Second

// runWithRestart calls run, which returns when ctx ends. After a panic it is called again: a defect
// in background work must not end the process and all its requests.
func runWithRestart(
	ctx context.Context, log *slog.Logger, name string, run func(ctx context.Context),
) {
	for !runRecovering(ctx, log, name, run) {
		select {
		case <-time.After(restartPause):
		case <-ctx.Done():
			return
		}
	}
}

func runRecovering(
	ctx context.Context, log *slog.Logger, name string, run func(ctx context.Context),
) (ended bool) {
	defer func() {
		if cause := recover(); cause != nil {
			log.Error("panic", "in", name, "panic", fmt.Sprint(cause),
				"stack", string(debug.Stack()))
		}
	}()
	run(ctx)
	return true
}
