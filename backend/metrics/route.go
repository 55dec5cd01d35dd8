package metrics

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Route counts the requests of one method and route, without a look-up or an allocation: its counters are found once.
type Route struct {
	method   string
	pattern  string
	requests *prometheus.CounterVec
	byStatus [statuses]atomic.Pointer[prometheus.Counter]
	duration prometheus.Observer
}

// The three-digit statuses of HTTP.
const (
	firstStatus = 100
	statuses    = 500
)

// Route returns the counters of a route, by its pattern as it is declared. Routes of a nil Metrics are nil.
func (m *Metrics) Route(method, pattern string) *Route {
	if m == nil {
		return nil
	}
	return &Route{method: method, pattern: pattern, requests: m.requests, duration: m.durations.WithLabelValues(method, pattern)}
}

// Answered counts a request. A nil Route counts nothing.
func (r *Route) Answered(status int, took time.Duration) {
	if r == nil || status < firstStatus || status >= firstStatus+statuses {
		return
	}
	r.duration.Observe(took.Seconds())
	place := &r.byStatus[status-firstStatus]
	counter := place.Load()
	if counter == nil {
		found := r.requests.WithLabelValues(r.method, r.pattern, strconv.Itoa(status))
		counter = &found
		place.Store(counter)
	}
	(*counter).Inc()
}
