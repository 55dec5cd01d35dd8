package system_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"sana/backend/test/harness"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is an OpenTelemetry collector.
type collector struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []*tracepb.Span
	about  string // the first resource, as text
	header http.Header
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(
		http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
			body, err := io.ReadAll(request.Body)
			var data tracepb.TracesData
			if err == nil {
				err = proto.Unmarshal(body, &data)
			}
			if err != nil || request.URL.Path != "/v1/traces" ||
				request.Header.Get("Content-Type") != "application/x-protobuf" {
				t.Errorf("got %s of %s: %v", request.Header.Get("Content-Type"), request.URL.Path,
					err)
				answer.WriteHeader(http.StatusBadRequest)
				return
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.header = request.Header
			for _, resource := range data.GetResourceSpans() {
				c.about = resource.GetResource().String()
				for _, scope := range resource.GetScopeSpans() {
					c.spans = append(c.spans, scope.GetSpans()...)
				}
			}
		}))
	t.Cleanup(c.Close)
	return c
}

// find waits for the first span of this name.
func (c *collector) find(t *testing.T, name string) *tracepb.Span {
	t.Helper()
	var found *tracepb.Span
	harness.Eventually(t, "the collector has no span "+name, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, span := range c.spans {
			if span.GetName() == name {
				found = span
				return nil
			}
		}
		return fmt.Errorf("it has %d others", len(c.spans))
	})
	return found
}

func TestTraces_ConnectRequestStatementsAndMail(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	to := startCollector(t)
	p := w.Run(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+to.URL,
		"OTEL_EXPORTER_OTLP_HEADERS=x-key=canary%20header", "OTEL_SERVICE_NAME=sana-here",
		"OTEL_BSP_SCHEDULE_DELAY=50")
	b := p.Open(t)
	b.Get("/").Want(http.StatusOK) // gives it a browser token
	b.Get("/verify%23c=canary")    // the link of the mail, as programs that rewrite links change it
	b.RequestCode("canary@sana.example").Want(http.StatusAccepted)
	w.Code(t, "canary@sana.example", 1)

	request, mail := to.find(t, "POST /api/auth/code"), to.find(t, "mail send")
	if trace := fmt.Sprintf("%x", request.GetTraceId()); fmt.Sprintf("%x",
		mail.GetTraceId()) != trace || !strings.Contains(p.Log.String(), `"trace_id":"`+trace+`"`) {
		t.Errorf("the mail is in the trace %x, the request in %s, and the log has\n%s",
			mail.GetTraceId(), trace, p.Log)
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	batches := 0
	for _, span := range to.spans {
		if string(span.GetParentSpanId()) == string(request.GetSpanId()) &&
			strings.Contains(span.String(), "batch.size") {
			batches++
		}
		if strings.Contains(span.String(), "canary") {
			t.Errorf("a span holds the address: %s", span)
		}
	}
	if batches != 1 {
		t.Errorf("got %d batches of statements below the request, want that of a code request",
			batches)
	}
	if !strings.Contains(to.about, "sana-here") ||
		!strings.Contains(to.about, "service.instance.id") ||
		to.header.Get("X-Key") != "canary header" {
		t.Errorf("the spans are about %s, sent with the key %q", to.about, to.header.Get("X-Key"))
	}
}

func TestTraces_UnavailableCollectorBlocksNothing(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	away := startCollector(t)
	away.Close()
	p := w.Run(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+away.URL)
	p.Open(t).RequestCode("ada@sana.example").Want(http.StatusAccepted)
	if err := p.Terminate(t); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if !strings.Contains(p.Log.String(), "spans") {
		t.Errorf("lost spans are not reported:\n%s", p.Log)
	}
}
