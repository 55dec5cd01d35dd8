package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector sends spans by OTLP over HTTP as binary protobuf. It implements otlptrace.Client,
// because the library's own client links gRPC, which is not used here and enlarges the program by
// an eighth. Spans that cannot be sent are lost: they are not worth a queue.
type collector struct {
	url     string
	headers http.Header
	client  *http.Client
}

// uploadTimeout is OpenTelemetry's default.
const uploadTimeout = 10 * time.Second

// newCollector reads headers as OTEL_EXPORTER_OTLP_HEADERS has them: name=value pairs,
// percent-encoded, with commas between.
func newCollector(endpoint, headers string) (*collector, error) {
	c := &collector{
		url:     strings.TrimSuffix(endpoint, "/") + "/v1/traces",
		headers: http.Header{"Content-Type": {"application/x-protobuf"}},
		client:  &http.Client{Timeout: uploadTimeout},
	}
	for pair := range strings.SplitSeq(headers, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, errors.New(
				"check OTEL_EXPORTER_OTLP_HEADERS: it is a list of name=value, separated by commas")
		}
		c.headers.Set(strings.TrimSpace(name), value)
	}
	return c, nil
}

// Start implements otlptrace.Client.
func (*collector) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collector) Stop(context.Context) error {
	c.client.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. TracesData is on the wire what OTLP calls
// ExportTraceServiceRequest.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("tracing: encode spans: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	request.Header = c.headers.Clone()
	answer, err := c.client.Do(request)
	if err != nil {
		return fmt.Errorf("tracing: the collector does not answer: %w", err)
	}
	defer answer.Body.Close()
	// so that the connection can be used again
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("tracing: the collector answers %s", answer.Status)
	}
	return nil
}
