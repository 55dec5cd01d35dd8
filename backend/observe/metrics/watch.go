package metrics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout bounds the database's part of a scrape. Prometheus waits for 10 s.
const scrapeTimeout = 2 * time.Second

// Watched is read with each scrape.
type Watched struct {
	Pool   func() *pgxpool.Stat
	Mails  func(ctx context.Context) ([]Waiting, error)
	Attack func() bool // whether many wrong codes come to the whole service
	// MailAlarm returns whether more mails were queued in the last hour than the operator expects.
	MailAlarm func(ctx context.Context) (bool, error)
}

// Waiting counts the mails in the queue that have the same state.
type Waiting struct {
	State  string // "queued" or "delayed"
	Mails  int
	Oldest time.Duration // since the oldest was queued, by the database's clock; 0 if there is none
}

// Watch adds the metrics that are read with each scrape. It may be called once.
func (m *Metrics) Watch(w Watched) { m.add(&watcher{w}) }

type watcher struct{ Watched }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	databaseUp = describe("sana_database_up",
		"1 if the database answered this scrape. Otherwise the mail queue's metrics are missing.")
	queueSize = describe("sana_mail_queue_size",
		"Mails in the shared queue: queued, or delayed after a failed attempt.",
		"state")
	queueOldest = describe("sana_mail_queue_oldest_age_seconds",
		"Age of the oldest mail in the queue, or 0.", "state")
	poolSize = describe("sana_db_pool_connections",
		"Connections of this process.", "state")
	poolMax = describe("sana_db_pool_max_connections",
		"Connections that this process may open.")
	poolAcquires = describe("sana_db_pool_acquires_total", "Connections taken from the pool.")
	poolEmpty    = describe("sana_db_pool_empty_acquires_total",
		"Acquires that waited for a connection.")
	poolCanceled = describe("sana_db_pool_canceled_acquires_total",
		"Acquires that were canceled while waiting.")
	poolWait = describe("sana_db_pool_acquire_wait_seconds_total",
		"Time spent waiting for connections.")
	mailAlarm = describe("sana_mail_alarm",
		"1 if more than MAIL_ALARM mails were enqueued in the last hour.")
	underAttack = describe("sana_under_attack",
		"1 while new codes are longer because of many wrong codes.")
)

// Describe implements prometheus.Collector.
func (*watcher) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		databaseUp, queueSize, queueOldest,
		poolSize, poolMax, poolAcquires, poolEmpty, poolCanceled, poolWait,
		underAttack, mailAlarm,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (w *watcher) Collect(to chan<- prometheus.Metric) {
	send(to, underAttack, truth(w.Attack()))
	w.collectPool(to)
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	w.sendMailAlarm(ctx, to)
	waiting, err := w.Mails(ctx)
	send(to, databaseUp, truth(err == nil))
	for _, mails := range waiting {
		send(to, queueSize, float64(mails.Mails), mails.State)
		send(to, queueOldest, max(0, mails.Oldest.Seconds()), mails.State)
	}
}

// sendMailAlarm sends nothing if the database does not answer.
func (w *watcher) sendMailAlarm(ctx context.Context, to chan<- prometheus.Metric) {
	if isRaised, err := w.MailAlarm(ctx); err == nil {
		send(to, mailAlarm, truth(isRaised))
	}
}

func (w *watcher) collectPool(to chan<- prometheus.Metric) {
	pool := w.Pool()
	send(to, poolMax, float64(pool.MaxConns()))
	send(to, poolSize, float64(pool.AcquiredConns()), "acquired")
	send(to, poolSize, float64(pool.IdleConns()), "idle")
	send(to, poolSize, float64(pool.ConstructingConns()), "constructing")
	count(to, poolAcquires, float64(pool.AcquireCount()))
	count(to, poolEmpty, float64(pool.EmptyAcquireCount()))
	count(to, poolCanceled, float64(pool.CanceledAcquireCount()))
	count(to, poolWait, pool.AcquireDuration().Seconds())
}

func send(to chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func count(to chan<- prometheus.Metric, d *prometheus.Desc, value float64) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value)
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
