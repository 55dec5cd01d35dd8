package jobs

import (
	"context"
	"log/slog"
)

// calm takes River's news, which come every few seconds, for what they are to an operator: details.
type calm struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h calm) Enabled(ctx context.Context, level slog.Level) bool {
	if level == slog.LevelInfo {
		level = slog.LevelDebug
	}
	return h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h calm) WithAttrs(attributes []slog.Attr) slog.Handler {
	return calm{h.Handler.WithAttrs(attributes)}
}

// WithGroup implements slog.Handler.
func (h calm) WithGroup(name string) slog.Handler { return calm{h.Handler.WithGroup(name)} }
