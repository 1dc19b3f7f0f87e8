// SPDX-License-Identifier: Apache-2.0

package scaleup

import "k8s.io/component-base/metrics"

// Metrics are the orchestrator's. Register them once a process.
type Metrics struct {
	pods *metrics.GaugeVec
}

// NewMetrics makes metrics that nobody sees until they are registered.
func NewMetrics() *Metrics {
	return &Metrics{pods: metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem: "batch_autoscaler", Name: "pending_pods", StabilityLevel: metrics.ALPHA,
		Help: "Pending Batch pods: placed on nodes that exist or are on their way, or left without a node.",
	}, []string{"state"})}
}

// Register makes the metrics visible through register, as legacyregistry.MustRegister.
func (m *Metrics) Register(register func(...metrics.Registerable)) { register(m.pods) }

func (m *Metrics) observe(placed, left int) {
	m.pods.WithLabelValues("placed").Set(float64(placed))
	m.pods.WithLabelValues("left").Set(float64(left))
}
