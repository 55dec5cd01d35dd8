package tracing

import (
	"strings"
	"testing"
)

func TestHeadersForTheCollectorAreReadAsOpenTelemetryWritesThem(t *testing.T) {
	t.Parallel()
	c, err := newCollector("http://127.0.0.1:4318/", "x-key=a%20b, authorization=Basic c2Vj=,")
	if err != nil {
		t.Fatal(err)
	}
	if c.url != "http://127.0.0.1:4318/v1/traces" || c.headers.Get("X-Key") != "a b" ||
		c.headers.Get("Authorization") != "Basic c2Vj=" {
		t.Errorf("got %s with %v", c.url, c.headers)
	}
	for _, wrong := range []string{"canary", "x-key=%zcanary"} {
		_, err := newCollector("http://127.0.0.1:4318", wrong)
		if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_HEADERS") ||
			strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got %v, want an error that names the variable and not what it holds",
				wrong, err)
		}
	}
}
