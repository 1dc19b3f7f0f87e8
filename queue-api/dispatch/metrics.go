// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what dispatchers do, one after the other in a process. The zero value counts for nobody.
type Metrics struct {
	admitted *prometheus.CounterVec
	rounds   prometheus.Histogram
	moved    prometheus.Counter
}

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
	}
	for _, c := range []prometheus.Collector{m.admitted, m.rounds, m.moved} {
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
