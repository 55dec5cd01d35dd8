package tracing

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Statements returns a pgx.QueryTracer and pgx.BatchTracer that makes a span for each statement and
// batch of a trace. Polls of the queue belong to no trace. For a nil Tracer it is nil, which pgx
// ignores.
func (t *Tracer) Statements() pgx.QueryTracer {
	if t == nil {
		return nil
	}
	return statements{t.tracer}
}

type statements struct{ tracer trace.Tracer }

// start returns ctx as it is where there is no span to belong to.
func (s statements) start(
	ctx context.Context, name string, attributes ...attribute.KeyValue,
) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	ctx, span := s.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			append(attributes, attribute.String("db.system.name", "postgresql"))...))
	return context.WithValue(ctx, spanKey{}, span)
}

// spanKey is where start leaves its span: the context of a statement without one holds that of the
// caller, which goes on.
type spanKey struct{}

func end(ctx context.Context, err error) {
	span, ok := ctx.Value(spanKey{}).(trace.Span)
	if !ok {
		return
	}
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// TraceQueryStart implements pgx.QueryTracer.
func (s statements) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData,
) context.Context {
	words := strings.Fields(data.SQL)
	if len(words) == 0 {
		return ctx
	}
	return s.start(ctx, strings.ToUpper(words[0]),
		attribute.String("db.query.text", strings.Join(words, " ")))
}

// TraceQueryEnd implements pgx.QueryTracer.
func (statements) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	end(ctx, data.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (s statements) TraceBatchStart(
	ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData,
) context.Context {
	return s.start(ctx, "batch", attribute.Int("db.operation.batch.size", data.Batch.Len()))
}

// TraceBatchQuery implements pgx.BatchTracer.
func (statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (statements) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	end(ctx, data.Err)
}
