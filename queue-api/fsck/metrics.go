// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Metrics count what checkers find, one after the other in a process. The zero value counts for nobody.
type Metrics struct {
	violations *prometheus.CounterVec
	seconds    prometheus.Gauge
	records    prometheus.Gauge
}

// NewMetrics registers the metrics, with a 0 for every check.
func NewMetrics(registry prometheus.Registerer) (Metrics, error) {
	m := Metrics{
		violations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_invariant_violations_total",
			Help: "Rules that were found broken, by check. Must stay 0.",
		}, []string{"check"}),
		seconds: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "muster_fsck_pass_seconds",
			Help: "How long the last pass over all that is stored took, rests included.",
		}),
		records: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "muster_fsck_pass_records",
			Help: "How many records the last pass over all that is stored saw.",
		}),
	}
	for _, c := range []prometheus.Collector{m.violations, m.seconds, m.records} {
		if err := registry.Register(c); err != nil {
			return Metrics{}, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, check := range batch.Checks {
		m.violations.WithLabelValues(string(check))
	}
	return m, nil
}

// Found counts a rule that was found broken.
func (m Metrics) Found(check batch.Check) {
	if m.violations != nil {
		m.violations.WithLabelValues(string(check)).Inc()
	}
}

func (m Metrics) pass(seconds float64, records int) {
	if m.seconds != nil {
		m.seconds.Set(seconds)
		m.records.Set(float64(records))
	}
}
