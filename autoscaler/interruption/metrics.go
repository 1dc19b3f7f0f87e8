// SPDX-License-Identifier: Apache-2.0

package interruption

import (
	"k8s.io/component-base/metrics"
)

// Metrics are a Watcher's. Register them once a process.
type Metrics struct {
	messages *metrics.CounterVec
	marked   *metrics.CounterVec
	reaction *metrics.Histogram
	failures *metrics.Counter
}

const subsystem = "batch_autoscaler"

// NewMetrics makes metrics that nobody sees until they are registered.
func NewMetrics() *Metrics {
	counter := func(name, help string) *metrics.CounterVec {
		return metrics.NewCounterVec(&metrics.CounterOpts{
			Subsystem: subsystem, Name: name, Help: help, StabilityLevel: metrics.ALPHA,
		}, []string{"kind"})
	}
	return &Metrics{
		messages: counter("interruption_messages_total", "Messages of the interruption queue that were acted on, by what they announce."),
		marked:   counter("interrupted_nodes_total", "Nodes that were marked because of what was announced of their instance."),
		reaction: metrics.NewHistogram(&metrics.HistogramOpts{
			Subsystem: subsystem, Name: "interruption_reaction_seconds", StabilityLevel: metrics.ALPHA,
			Help:    "Time from an announcement to the mark on the node.",
			Buckets: metrics.ExponentialBuckets(0.25, 2, 10),
		}),
		failures: metrics.NewCounter(&metrics.CounterOpts{
			Subsystem: subsystem, Name: "interruption_failures_total", StabilityLevel: metrics.ALPHA,
			Help: "Calls of the interruption queue, and messages, that failed. A message that failed comes again.",
		}),
	}
}

// Register makes the metrics visible through register, as legacyregistry.MustRegister.
func (m *Metrics) Register(register func(...metrics.Registerable)) {
	register(m.messages, m.marked, m.reaction, m.failures)
}
