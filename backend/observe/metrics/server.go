package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// answerTimeout is what one scrape gets, the database's part included.
const answerTimeout = 10 * time.Second

// NewServer returns a server with /metrics and nothing else, for a listener that only the operator
// reaches. The caller calls Serve and Shutdown.
func (m *Metrics) NewServer() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics",
		promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	return &http.Server{
		Handler:        mux,
		ReadTimeout:    answerTimeout,
		WriteTimeout:   answerTimeout,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
}
