// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"time"

	cametrics "k8s.io/autoscaler/cluster-autoscaler/metrics"
	"k8s.io/component-base/metrics"

	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/autoscaler/scaleup"
)

// metricSet is all metrics that are ours.
type metricSet struct {
	provider *provider.Metrics
	scaleup  *scaleup.Metrics
	loop     *metrics.Histogram
	failures *metrics.Counter
	leader   *metrics.Gauge
}

func newMetricSet() *metricSet {
	const subsystem = "batch_autoscaler"
	return &metricSet{
		provider: provider.NewMetrics(),
		scaleup:  scaleup.NewMetrics(),
		loop: metrics.NewHistogram(&metrics.HistogramOpts{
			Subsystem: subsystem, Name: "loop_seconds", StabilityLevel: metrics.ALPHA,
			Help:    "How long it takes to look at everything once.",
			Buckets: metrics.ExponentialBuckets(0.001, 2, 14),
		}),
		failures: metrics.NewCounter(&metrics.CounterOpts{
			Subsystem: subsystem, Name: "loop_failures_total", StabilityLevel: metrics.ALPHA, Help: "Loops that ended with an error.",
		}),
		leader: metrics.NewGauge(&metrics.GaugeOpts{
			Subsystem: subsystem, Name: "leader", StabilityLevel: metrics.ALPHA, Help: "1 if this process is the leader.",
		}),
	}
}

// register makes the metrics visible, cluster-autoscaler's own too. It may be called once a process.
func (m *metricSet) register(register func(...metrics.Registerable)) {
	m.provider.Register(register)
	m.scaleup.Register(register)
	register(m.loop, m.failures, m.leader)
	cametrics.RegisterAll(false)
}

func (m *metricSet) looked(took time.Duration, err error) {
	m.loop.Observe(took.Seconds())
	if err != nil {
		m.failures.Inc()
	}
}
