package metrics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout is what the database gets for its part of a scrape; Prometheus waits for 10 s.
const scrapeTimeout = 2 * time.Second

// Watched is what is looked at with each scrape.
type Watched struct {
	Pool   func() *pgxpool.Stat
	Queue  func(ctx context.Context) ([]Waiting, error)
	Attack func() bool // whether many wrong codes come to the whole service
}

// Waiting are jobs of a kind that are in the same state.
type Waiting struct {
	Kind   string
	State  string
	Jobs   int
	Oldest time.Duration // since the oldest was accepted; 0 where there is none
}

// Watch adds what is looked at with each scrape. It may be called once.
func (m *Metrics) Watch(w Watched) { m.add(&watcher{w}) }

type watcher struct{ Watched }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	databaseUp   = describe("sana_database_up", "1 when the database has answered this scrape, else 0, and then nothing is known of the queue.")
	queueJobs    = describe("sana_queue_jobs", "Jobs in the queue of all instances that are not done, by kind and state.", "kind", "state")
	queueOldest  = describe("sana_queue_oldest_job_age_seconds", "Age of the oldest job that is not done, by kind and state; 0 where there is none.", "kind", "state")
	poolSize     = describe("sana_db_pool_connections", "Connections to the database that this process has, by state.", "state")
	poolMax      = describe("sana_db_pool_max_connections", "Connections to the database that this process may have.")
	poolAcquires = describe("sana_db_pool_acquires_total", "Times that a connection was taken from the pool.")
	poolEmpty    = describe("sana_db_pool_empty_acquires_total", "Times that a connection was wanted and none was free.")
	poolCanceled = describe("sana_db_pool_canceled_acquires_total", "Times that a connection was wanted and given up waiting for.")
	poolWait     = describe("sana_db_pool_acquire_wait_seconds_total", "Time that was spent taking connections from the pool.")
	underAttack  = describe("sana_under_attack", "1 while new codes are longer because many wrong ones come to the whole service, else 0.")
)

// Describe implements prometheus.Collector.
func (*watcher) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		databaseUp, queueJobs, queueOldest, poolSize, poolMax, poolAcquires, poolEmpty, poolCanceled, poolWait, underAttack,
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
	waiting, err := w.Queue(ctx)
	send(to, databaseUp, truth(err == nil))
	for _, jobs := range waiting {
		send(to, queueJobs, float64(jobs.Jobs), jobs.Kind, jobs.State)
		send(to, queueOldest, max(0, jobs.Oldest.Seconds()), jobs.Kind, jobs.State)
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
