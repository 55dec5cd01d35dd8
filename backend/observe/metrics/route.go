package metrics

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Route counts the requests of one method and route, without an allocation: its counters are looked
// up with the first request that needs them, and those that none needs do not exist.
type Route struct {
	method   string
	pattern  string
	metrics  *Metrics
	byStatus [statuses]atomic.Pointer[prometheus.Counter]
	duration atomic.Pointer[prometheus.Observer]
}

// The three-digit statuses of HTTP.
const (
	firstStatus = 100
	statuses    = 500
)

// Route returns the counters of a route, by its pattern as it is declared. Routes of a nil Metrics
// are nil.
func (m *Metrics) Route(method, pattern string) *Route {
	if m == nil {
		return nil
	}
	return &Route{method: method, pattern: pattern, metrics: m}
}

// Answered counts a request. A nil Route counts nothing.
func (r *Route) Answered(status int, took time.Duration) {
	if r == nil || status < firstStatus || status >= firstStatus+statuses {
		return
	}
	found(&r.duration,
		func() prometheus.Observer {
			return r.metrics.durations.WithLabelValues(r.method, r.pattern)
		}).Observe(took.Seconds())
	found(&r.byStatus[status-firstStatus], func() prometheus.Counter {
		return r.metrics.requests.WithLabelValues(r.method, r.pattern, strconv.Itoa(status))
	}).Inc()
}

// found returns what is in place, and puts it there before, if nothing is. Two that do so at once
// find the same.
func found[T any](place *atomic.Pointer[T], find func() T) T {
	known := place.Load()
	if known == nil {
		first := find()
		known = &first
		place.Store(known)
	}
	return *known
}
