// Package tracing tells an OpenTelemetry collector how long what took: a span for each request, its
// statements, and the mails that it led to. Spans hold routes, statements without their values, and
// no address, code or token.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options say where spans go and whose they are.
type Options struct {
	Endpoint string // base URL of the collector, OTLP over HTTP
	Headers  string // to send along, as name=value, separated by commas; they may be secret
	Version  string
	Instance string
	Log      *slog.Logger
}

// Tracer makes spans. A nil one makes none.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	log      *slog.Logger
}

// New returns a tracer that sends in the background. The library reads other settings, such
// as samplers and the service's name, from OTEL_*. The caller closes it.
func New(ctx context.Context, o Options) (*Tracer, error) {
	to, err := newCollector(o.Endpoint, o.Headers)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", "sana"),
			attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", o.Instance),
		),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: check OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	// The library has one place for all its errors; else they go to standard error, past the log.
	otel.SetErrorHandler(
		otel.ErrorHandlerFunc(func(err error) { o.Log.Warn("spans not sent", "error", err) }))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Tracer{provider: provider, tracer: provider.Tracer("sana"), log: o.Log}, nil
}

// closeTimeout bounds sending the last spans at shutdown.
const closeTimeout = time.Second

// Close sends what is left, until ctx ends. A collector that is away is logged and is no error.
func (t *Tracer) Close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.WarnContext(ctx, "spans not sent at shutdown", "error", err)
	}
}

// Span is something that takes time. The zero Span is none.
type Span struct{ span trace.Span }

// StartRequest begins the span of a request. It is the first of its trace: what a client sends as
// traceparent is its own invention, and would say what is sampled here.
func (t *Tracer) StartRequest(ctx context.Context) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	return ctx, Span{span}
}

// EndRequest ends the span of a request, whose route is known now.
func (s Span) EndRequest(method, route string, status int) {
	if s.span == nil {
		return
	}
	s.span.SetName(method + " " + route)
	s.span.SetAttributes(
		attribute.String("http.request.method", method),
		attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status),
	)
	if status >= 500 {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// TraceID is what the trace that ctx is in is found by, "" where there is none.
func TraceID(ctx context.Context) string {
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// StartMail begins the span of a try to send a mail. parent is what Traceparent returned when the
// mail was accepted.
func (t *Tracer) StartMail(ctx context.Context, parent, letter string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	if parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: parent})
	}
	ctx, span := t.tracer.Start(ctx, "mail send", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("sana.letter", letter)))
	return ctx, Span{span}
}

// End ends a span; err says that it has failed. Its text may quote whom it is about, and is not
// sent.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

const traceparent = "traceparent"

// Traceparent names the span that ctx is in, by which a later one can continue its trace (W3C Trace
// Context); "" where there is none.
func Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceparent]
}
