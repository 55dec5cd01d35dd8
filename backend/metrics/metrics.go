// Package metrics counts what this process does, for Prometheus: a registry of its own and a method for each event. No
// label holds what a client has sent.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics counts. It is safe for concurrent use, and a nil one counts nothing: for tests, and for commands that do not
// serve.
type Metrics struct {
	registry *prometheus.Registry
	ours     []prometheus.Collector // what is registered, without Go's and the process's own

	requests     *prometheus.CounterVec
	durations    *prometheus.HistogramVec
	codesAsked   prometheus.Counter
	codesRight   prometheus.Counter
	codesWrong   prometheus.Counter
	refused      *prometheus.CounterVec
	mails        *prometheus.CounterVec
	mailLatency  *prometheus.HistogramVec
	sessionReads [len(sources)]prometheus.Counter
}

// Source is where a session was found.
type Source int

// The sources of sessions.
const (
	Store  Source = iota // the database
	Cache                // this process's memory
	Cookie               // the cookie that came with the request
)

// sources are their names in labels.
var sources = [...]string{Store: "store", Cache: "cache", Cookie: "cookie"}

// Bounds of histograms, in seconds: of a request, which has 5 s at the most, and of a mail, whose code is good for 600.
var (
	requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	mailBuckets    = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
)

// New returns metrics that count from zero.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.requests = m.counters("sana_http_requests_total",
		"Requests that were answered, by method, route as it is declared, and status.", "method", "route", "status")
	m.durations = m.histograms("sana_http_request_duration_seconds",
		"Time from a request's arrival to its answer.", requestBuckets, "method", "route")
	m.codesAsked = m.counters("sana_codes_asked_total",
		"Codes that were asked for, those included that a limit refused; a repeated wish that comes too early is none.").WithLabelValues()
	tries := m.counters("sana_code_tries_total", "Codes that were typed and compared, by whether they were right.", "result")
	m.codesRight, m.codesWrong = tries.WithLabelValues("right"), tries.WithLabelValues("wrong")
	m.refused = m.counters("sana_limit_refusals_total",
		"Wishes for codes and typed codes that a limit refused, and mails that it held, by limit.", "limit")
	m.mails = m.counters("sana_mails_total",
		"Tries to send mails, by kind and outcome: sent (the provider took it), delayed (will be tried again), failed (given up).", "letter", "outcome")
	m.mailLatency = m.histograms("sana_mail_latency_seconds",
		"Time from a mail's acceptance into the queue to the provider's taking it.", mailBuckets, "letter")
	reads := m.counters("sana_session_reads_total", "Sessions that were looked up, by where: store, cache or cookie.", "source")
	for source, name := range sources {
		m.sessionReads[source] = reads.WithLabelValues(name)
	}
	m.gauges("sana_build_info", "1, with the version of this program and of Go.", "version", "go_version").
		WithLabelValues(version, runtime.Version()).Set(1)
	return m
}

func (m *Metrics) add(c prometheus.Collector) {
	m.registry.MustRegister(c)
	m.ours = append(m.ours, c)
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.add(v)
	return v
}

func (m *Metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.add(v)
	return v
}

func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.add(v)
	return v
}

// CodeAsked counts that somebody asked for a code.
func (m *Metrics) CodeAsked() {
	if m != nil {
		m.codesAsked.Inc()
	}
}

// CodeTried counts a typed code that was compared.
func (m *Metrics) CodeTried(right bool) {
	switch {
	case m == nil:
	case right:
		m.codesRight.Inc()
	default:
		m.codesWrong.Inc()
	}
}

// Refused counts what a limit refused. limit is one of a few names.
func (m *Metrics) Refused(limit string) {
	if m != nil {
		m.refused.WithLabelValues(limit).Inc()
	}
}

// Outcome is how a try to send a mail ended.
type Outcome string

// The outcomes.
const (
	Sent    Outcome = "sent"
	Delayed Outcome = "delayed"
	Failed  Outcome = "failed"
)

// MailTried counts a try to send a mail of a kind; one that was sent has waited so long since it was accepted.
func (m *Metrics) MailTried(letter string, outcome Outcome, waited time.Duration) {
	if m == nil {
		return
	}
	m.mails.WithLabelValues(letter, string(outcome)).Inc()
	if outcome == Sent {
		m.mailLatency.WithLabelValues(letter).Observe(max(0, waited.Seconds())) // two clocks say how long
	}
}

// SessionRead counts that a session was looked up.
func (m *Metrics) SessionRead(from Source) {
	if m != nil {
		m.sessionReads[from].Inc()
	}
}
