// Package metrics counts events of this process for Prometheus. It has its own registry and a
// method for each event. No label contains data that a client sent.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics counts events. It is safe for concurrent use. A nil Metrics counts nothing: for tests,
// and for commands that do not serve.
type Metrics struct {
	registry *prometheus.Registry
	ours     []prometheus.Collector // without those of Go and of the process

	requests     *prometheus.CounterVec
	durations    *prometheus.HistogramVec
	codeRequests prometheus.Counter
	codesRight   prometheus.Counter
	codesWrong   prometheus.Counter
	passkeys     *prometheus.CounterVec
	refused      *prometheus.CounterVec
	mails        *prometheus.CounterVec
	mailLatency  *prometheus.HistogramVec
	sessionReads [len(sources)]prometheus.Counter
	decisions    *prometheus.CounterVec
	decisionTime prometheus.Observer
}

// Source is where a session was found.
type Source int

// The sources of sessions.
const (
	Store  Source = iota // the database
	Cache                // this process's memory
	Cookie               // the cookie that came with the request
)

// sources are the names of sources in labels.
var sources = [...]string{Store: "store", Cache: "cache", Cookie: "cookie"}

// Bounds of histograms, in seconds. A request takes at most 5 s, and the code in a mail is valid
// for 600.
var (
	requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	gateBuckets    = []float64{.00005, .0001, .0002, .0005, .001, .0025, .005, .01, .05, .25, 1, 5}
	mailBuckets    = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
)

// New returns metrics that count from zero.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.requests = m.counters("sana_http_requests_total",
		"Requests that were answered.", "method", "route", "status")
	m.durations = m.histograms("sana_http_request_duration_seconds",
		"Time from a request's arrival to its answer.", requestBuckets, "method", "route")
	m.codeRequests = m.counters("sana_code_requests_total",
		"Code requests, including rate-limited ones, without early resends.").WithLabelValues()
	attempts := m.counters("sana_code_attempts_total",
		"Codes that were compared: right or wrong.", "result")
	m.codesRight, m.codesWrong = attempts.WithLabelValues("right"),
		attempts.WithLabelValues("wrong")
	m.passkeys = m.counters("sana_passkey_sign_ins_total",
		"Passkeys presented to sign in: right, wrong or unknown.", "result")
	m.refused = m.counters("sana_limit_refusals_total",
		"Requests and mails that a limit refused.", "limit")
	m.mails = m.counters("sana_mails_total",
		"Attempts to send a mail: sent, delayed (to be retried) or failed (permanently).",
		"template", "outcome")
	m.mailLatency = m.histograms("sana_mail_latency_seconds",
		"Time from enqueuing a mail until the provider accepted it.", mailBuckets, "template")
	reads := m.counters("sana_session_reads_total",
		"Session lookups: store, cache or cookie.", "source")
	for source, name := range sources {
		m.sessionReads[source] = reads.WithLabelValues(name)
	}
	m.decisions = m.counters("sana_gate_decisions_total",
		"Decisions of the gate. The app is empty if it is unknown.", "app", "outcome")
	m.decisionTime = m.histograms("sana_gate_decision_duration_seconds",
		"Time from a proxy's request to the gate's decision.", gateBuckets).WithLabelValues()
	m.gauges("sana_build_info", "Always 1.", "version",
		"go_version").
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

func (m *Metrics) histograms(
	name, help string, buckets []float64, labels ...string,
) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.add(v)
	return v
}

// CodeRequested counts a code request.
func (m *Metrics) CodeRequested() {
	if m != nil {
		m.codeRequests.Inc()
	}
}

// CodeCompared counts a code that was entered and compared.
func (m *Metrics) CodeCompared(right bool) {
	switch {
	case m == nil:
	case right:
		m.codesRight.Inc()
	default:
		m.codesWrong.Inc()
	}
}

// PasskeyResult is the outcome of a passkey that was presented.
type PasskeyResult string

// The results of passkeys.
const (
	RightPasskey   PasskeyResult = "right"
	WrongPasskey   PasskeyResult = "wrong"
	UnknownPasskey PasskeyResult = "unknown"
)

// PasskeyTried counts a passkey that a browser presented to sign in.
func (m *Metrics) PasskeyTried(result PasskeyResult) {
	if m != nil {
		m.passkeys.WithLabelValues(string(result)).Inc()
	}
}

// Refused counts a refusal by a limit, which is one of a few names.
func (m *Metrics) Refused(limit string) {
	if m != nil {
		m.refused.WithLabelValues(limit).Inc()
	}
}

// GateDecided counts a decision of the gate. app and outcome are of a few names.
func (m *Metrics) GateDecided(app, outcome string, took time.Duration) {
	if m != nil {
		m.decisions.WithLabelValues(app, outcome).Inc()
		m.decisionTime.Observe(took.Seconds())
	}
}

// Outcome is the result of an attempt to send a mail.
type Outcome string

// The outcomes.
const (
	Sent    Outcome = "sent"
	Delayed Outcome = "delayed"
	Failed  Outcome = "failed"
)

// MailAttempted counts an attempt to send a mail that was enqueued the time waited ago.
func (m *Metrics) MailAttempted(template string, outcome Outcome, waited time.Duration) {
	if m == nil {
		return
	}
	m.mails.WithLabelValues(template, string(outcome)).Inc()
	if outcome == Sent {
		m.mailLatency.WithLabelValues(template).Observe(max(0, waited.Seconds()))
	}
}

// SessionRead counts the lookup of a session.
func (m *Metrics) SessionRead(from Source) {
	if m != nil {
		m.sessionReads[from].Inc()
	}
}
