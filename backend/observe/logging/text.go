package logging

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
)

// textHandler writes log lines for a terminal: time of day, level and message in columns, then the
// attributes in the format of slog.TextHandler, those of the request first.
type textHandler struct {
	attributes slog.Handler // writes to shared.line
	last       []slog.Attr  // of With
	*shared
}

// shared is the state that a handler shares with those that With makes of it.
type shared struct {
	mu     sync.Mutex
	line   bytes.Buffer
	output io.Writer
}

// NewTextHandler returns a handler that writes lines from this level on to output.
func NewTextHandler(output io.Writer, level slog.Leveler) *textHandler {
	s := &shared{output: output}
	inColumns := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 &&
			(a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}
	return &textHandler{
		slog.NewTextHandler(&s.line, &slog.HandlerOptions{Level: level, ReplaceAttr: inColumns}),
		nil, s}
}

// Enabled implements slog.Handler.
func (h *textHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.attributes.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *textHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return &textHandler{h.attributes, slices.Concat(attributes, h.last), h.shared}
}

// WithGroup implements slog.Handler.
func (h *textHandler) WithGroup(name string) slog.Handler {
	return &textHandler{h.attributes.WithAttrs(h.last).WithGroup(name), nil, h.shared}
}

// Handle implements slog.Handler.
func (h *textHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.line.Reset()
	fmt.Fprintf(&h.line, "%s %-5s %-16s ", r.Time.Format("15:04:05.000"), r.Level, r.Message)
	r.AddAttrs(h.last...)
	if err := h.attributes.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.output.Write(h.line.Bytes())
	return err
}
