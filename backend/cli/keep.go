package cli

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// restartPause is how long what has panicked is left alone.
const restartPause = time.Second

// keepRunning calls run, which returns when ctx ends. When it panics it is called again, after a pause: a defect in what
// happens in the background must not end the process, and everybody's requests with it.
func keepRunning(ctx context.Context, log *slog.Logger, name string, run func(ctx context.Context)) {
	for !endsInOrder(ctx, log, name, run) {
		select {
		case <-time.After(restartPause):
		case <-ctx.Done():
			return
		}
	}
}

func endsInOrder(ctx context.Context, log *slog.Logger, name string, run func(ctx context.Context)) (ended bool) {
	defer func() {
		if cause := recover(); cause != nil {
			log.Error("panic", "in", name, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
		}
	}()
	run(ctx)
	return true
}
