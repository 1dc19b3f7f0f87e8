// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"time"

	cametrics "k8s.io/autoscaler/cluster-autoscaler/metrics"
	"k8s.io/component-base/metrics"

	"github.com/muster-batch/muster/autoscaler/interruption"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/autoscaler/report"
	"github.com/muster-batch/muster/autoscaler/scaleup"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/buildinfo"
)

// metricSet is all metrics that are ours.
type metricSet struct {
	provider *provider.Metrics
	scaleup  *scaleup.Metrics
	notices  *interruption.Metrics
	loop     *metrics.Histogram
	failures *metrics.Counter
	leader   *metrics.Gauge
	invalid  *metrics.GaugeVec
	build    *metrics.GaugeVec
}

func newMetricSet() *metricSet {
	const subsystem = "batch_autoscaler"
	return &metricSet{
		provider: provider.NewMetrics(),
		scaleup:  scaleup.NewMetrics(),
		notices:  interruption.NewMetrics(),
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
		invalid: metrics.NewGaugeVec(&metrics.GaugeOpts{
			Subsystem: subsystem, Name: "environment_invalid", StabilityLevel: metrics.ALPHA,
			Help: "1 if the compute environment is INVALID as no instance of it can be launched or joins the cluster.",
		}, []string{"compute_environment"}),
		build: metrics.NewGaugeVec(&metrics.GaugeOpts{
			Name: buildinfo.MetricName, StabilityLevel: metrics.ALPHA, Help: buildinfo.MetricHelp,
		}, buildinfo.Labels()),
	}
}

// register makes the metrics visible, cluster-autoscaler's own too. It may be called once a process.
func (m *metricSet) register(register func(...metrics.Registerable)) {
	m.registerOurs(register)
	cametrics.RegisterAll(false)
}

func (m *metricSet) registerOurs(register func(...metrics.Registerable)) {
	m.provider.Register(register)
	m.scaleup.Register(register)
	m.notices.Register(register)
	register(m.loop, m.failures, m.leader, m.invalid, m.build)
	m.build.WithLabelValues(buildinfo.Get().Values("batch-autoscaler")...).Set(1)
}

func (m *metricSet) looked(took time.Duration, err error) {
	m.loop.Observe(took.Seconds())
	if err != nil {
		m.failures.Inc()
	}
}

// judged says how the environments stand.
func (m *metricSet) judged(environments []report.Environment) {
	m.invalid.Reset()
	for i := range environments {
		bad := 0.
		if environments[i].Verdict.Status == batch.ResourceInvalid {
			bad = 1
		}
		m.invalid.WithLabelValues(environments[i].Name).Set(bad)
	}
}
