// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Loops tell how the leader's rounds go: those that look at everything again and again.
type Loops struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
}

// NewLoops registers the metrics, with a 0 for each loop.
func NewLoops(registry prometheus.Registerer, names ...string) (*Loops, error) {
	l := &Loops{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "muster_reconcile_duration_seconds",
			Help:    "How long the leader's rounds take, by loop.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8), // 1 ms to 16 s
		}, []string{"loop"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_reconcile_errors_total",
			Help: "Rounds of the leader that ended with an error and were done again, by loop.",
		}, []string{"loop"}),
	}
	for _, c := range []prometheus.Collector{l.seconds, l.errors} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, name := range names {
		l.seconds.WithLabelValues(name)
		l.errors.WithLabelValues(name)
	}
	return l, nil
}

// Of gives what a loop calls after each round.
func (l *Loops) Of(name string) func(took time.Duration, err error) {
	seconds, errors := l.seconds.WithLabelValues(name), l.errors.WithLabelValues(name)
	return func(took time.Duration, err error) {
		seconds.Observe(took.Seconds())
		if err != nil {
			errors.Inc()
		}
	}
}
