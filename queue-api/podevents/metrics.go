// SPDX-License-Identifier: Apache-2.0

package podevents

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Values of the label result.
const (
	resultWritten = "written"
	resultDropped = "dropped"
	resultFailed  = "failed"
)

// Metrics count the Events of all Recorders of a process. The zero value counts for nobody.
type Metrics struct {
	events *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (Metrics, error) {
	m := Metrics{events: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "muster_pod_events_total",
		Help: "Kubernetes Events for pods of jobs, by result: written, dropped because there were too many at once, or failed.",
	}, []string{"result"})}
	if err := registry.Register(m.events); err != nil {
		return Metrics{}, fmt.Errorf("register metrics: %w", err)
	}
	for _, result := range []string{resultWritten, resultDropped, resultFailed} {
		m.events.WithLabelValues(result)
	}
	return m, nil
}

func (m Metrics) count(result string) {
	if m.events != nil {
		m.events.WithLabelValues(result).Inc()
	}
}
