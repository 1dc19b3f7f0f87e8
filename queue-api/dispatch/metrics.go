// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-batch/muster/queue-api/fairshare"
)

// Metrics count what dispatchers do, one after the other in a process. The zero value counts for nobody.
type Metrics struct {
	admitted *prometheus.CounterVec
	rounds   prometheus.Histogram
	moved    prometheus.Counter
	held     *prometheus.GaugeVec
	queues   *sync.Map // names of queues with a head
}

// Why the head of a queue is not admitted.
const (
	heldByRoom  = "environment_full"
	heldByShare = "share_reserve" // its environments have room that is kept for shares that are not active
)

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (Metrics, error) {
	m := Metrics{
		admitted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_dispatch_admitted_total",
			Help: "Attempts of jobs that were admitted, by job queue.",
		}, []string{"job_queue"}),
		rounds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "muster_dispatch_round_duration_seconds",
			Help:    "Time that a round over all job queues takes.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15), // 0.5 ms to 8 s
		}),
		moved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "muster_dispatch_no_capacity_withdrawn_total",
			Help: "Admissions taken back because no node could be launched, to be tried in another compute environment.",
		}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "muster_queue_head_blocked_seconds",
			Help: "For how long the head of a job queue has been waiting for room, by reason: environment_full or share_reserve. Told by the leader while there is one.",
		}, []string{"job_queue", "reason"}),
		queues: &sync.Map{},
	}
	for _, c := range []prometheus.Collector{m.admitted, m.rounds, m.moved, m.held} {
		if err := registry.Register(c); err != nil {
			return Metrics{}, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m Metrics) admit(queue string) {
	if m.admitted != nil {
		m.admitted.WithLabelValues(queue).Inc()
	}
}

func (m Metrics) round(seconds float64) {
	if m.rounds != nil {
		m.rounds.Observe(seconds)
	}
}

func (m Metrics) move() {
	if m.moved != nil {
		m.moved.Inc()
	}
}

// head tells of the head of a queue, if it has one.
func (m Metrics) head(queue string, head fairshare.Head, now time.Time) {
	if m.held == nil {
		return
	}
	if head.JobID == "" {
		m.forget(queue)
		return
	}
	is, not := heldByRoom, heldByShare
	if head.Environment == "" {
		is, not = not, is
	}
	m.queues.Store(queue, true)
	m.held.DeleteLabelValues(queue, not)
	m.held.WithLabelValues(queue, is).Set(max(0, now.Sub(head.Since).Seconds()))
}

func (m Metrics) forget(queue string) {
	if _, ok := m.queues.LoadAndDelete(queue); ok {
		m.held.DeletePartialMatch(prometheus.Labels{"job_queue": queue})
	}
}

// forgetQueues drops what is told of heads of queues that are gone.
func (m Metrics) forgetQueues(known map[string]bool) {
	if m.held == nil {
		return
	}
	m.queues.Range(func(name, _ any) bool {
		if queue, ok := name.(string); ok && !known[queue] {
			m.forget(queue)
		}
		return true
	})
}

// noHeads drops all: another leader will tell.
func (m Metrics) noHeads() { m.forgetQueues(nil) }
