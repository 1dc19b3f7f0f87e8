// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"time"

	"k8s.io/component-base/metrics"
)

// Metrics are the provider's. Register them once a process.
type Metrics struct {
	launches     *metrics.CounterVec
	failures     *metrics.CounterVec
	terminations *metrics.CounterVec
	idle         *metrics.CounterVec
	unjoined     *metrics.CounterVec
	launching    *metrics.HistogramVec
	joining      *metrics.HistogramVec
	nodes        *metrics.GaugeVec
	vcpus        *metrics.GaugeVec
	machines     *metrics.GaugeVec
	prices       *metrics.GaugeVec
}

const subsystem = "batch_autoscaler"

// NewMetrics makes metrics that nobody sees until they are registered.
func NewMetrics() *Metrics {
	counter := func(name, help string, labels ...string) *metrics.CounterVec {
		return metrics.NewCounterVec(&metrics.CounterOpts{
			Subsystem: subsystem, Name: name, Help: help, StabilityLevel: metrics.ALPHA,
		}, append([]string{"compute_environment", "instance_type"}, labels...))
	}
	gauge := func(name, help string, labels ...string) *metrics.GaugeVec {
		return metrics.NewGaugeVec(&metrics.GaugeOpts{
			Subsystem: subsystem, Name: name, Help: help, StabilityLevel: metrics.ALPHA,
		}, append([]string{"compute_environment"}, labels...))
	}
	histogram := func(name, help string, buckets []float64) *metrics.HistogramVec {
		return metrics.NewHistogramVec(&metrics.HistogramOpts{
			Subsystem: subsystem, Name: name, Help: help, StabilityLevel: metrics.ALPHA, Buckets: buckets,
		}, []string{"compute_environment"})
	}
	return &Metrics{
		launches:     counter("launched_instances_total", "Instances that the fleet launched."),
		failures:     counter("failed_instances_total", "Instances that were asked for and not launched, by reason.", "reason"),
		terminations: counter("terminated_instances_total", "Instances that were ended."),
		idle: metrics.NewCounterVec(&metrics.CounterOpts{
			Subsystem: subsystem, Name: "stranded_node_seconds_total", StabilityLevel: metrics.ALPHA,
			Help: "Time that bought nodes were ready before the first pod was on them.",
		}, []string{"compute_environment"}),
		unjoined: counter("unjoined_instances_total", "Instances that were ended as they did not become nodes in time."),
		launching: histogram("launch_seconds", "How long the fleet took to answer launches, those that failed too.",
			metrics.ExponentialBuckets(0.05, 2, 12)),
		joining:  histogram("join_seconds", "How long instances that were launched took to become nodes.", metrics.ExponentialBuckets(1, 2, 11)),
		nodes:    gauge("instances", "Instances by state.", "state"),
		machines: gauge("instance_vcpus", "vCPUs of the instances that there are.", "capacity_type"),
		prices: gauge("price_per_hour", "What the instances that there are cost an hour, in the currency of the fleet's prices: US dollars, in China yuan. "+
			"Those of unknown price count as nothing.", "capacity_type"),
		vcpus: gauge("vcpus", "vCPUs of the environment: in use, and its limits minvCpus and maxvCpus.", "kind"),
	}
}

// Register makes the metrics visible through register, as legacyregistry.MustRegister.
func (m *Metrics) Register(register func(...metrics.Registerable)) {
	register(m.launches, m.failures, m.terminations, m.idle, m.unjoined, m.launching, m.joining, m.nodes, m.vcpus, m.machines, m.prices)
}

func (m *Metrics) launched(environment, instanceType string) {
	m.launches.WithLabelValues(environment, instanceType).Inc()
	m.unjoined.WithLabelValues(environment, instanceType) // from 0, or an alert does not see the first one
}

func (m *Metrics) failed(environment, instanceType, reason string, n int) {
	m.failures.WithLabelValues(environment, instanceType, reason).Add(float64(n))
}

func (m *Metrics) terminated(environment, instanceType string) {
	m.terminations.WithLabelValues(environment, instanceType).Inc()
}

func (m *Metrics) stranded(environment string, d time.Duration) {
	m.idle.WithLabelValues(environment).Add(d.Seconds())
}

func (m *Metrics) notJoined(environment, instanceType string) {
	m.unjoined.WithLabelValues(environment, instanceType).Inc()
}

func (m *Metrics) answered(environment string, d time.Duration) {
	m.launching.WithLabelValues(environment).Observe(d.Seconds())
}

func (m *Metrics) joined(environment string, d time.Duration) {
	m.joining.WithLabelValues(environment).Observe(d.Seconds())
}

// observe counts instances; it is called with mu held.
func (p *Provider) observe() {
	type key struct{ environment, state string }
	counts := map[key]int{}
	for _, i := range p.instances {
		counts[key{i.group.environmentName(), string(i.state)}]++
	}
	p.observeMachines()
	m := p.cfg.Metrics
	m.nodes.Reset()
	m.vcpus.Reset()
	done := map[string]bool{}
	for _, g := range p.groups {
		name := g.environmentName()
		if done[name] {
			continue
		}
		done[name] = true
		for _, s := range states {
			m.nodes.WithLabelValues(name, string(s)).Set(float64(counts[key{name, string(s)}]))
		}
		m.vcpus.WithLabelValues(name, "used").Set(float64(p.usedVCPUs(g.key.environmentUUID)))
		if g.env != nil {
			m.vcpus.WithLabelValues(name, "min").Set(float64(g.env.Floor()))
			m.vcpus.WithLabelValues(name, "max").Set(float64(g.env.MaxvCPUs))
		}
	}
}

// observeMachines adds up what there is and what it costs; it is called with mu held.
func (p *Provider) observeMachines() {
	m := p.cfg.Metrics
	m.machines.Reset()
	m.prices.Reset()
	for _, g := range p.groups { // what is gone is nought, once its group is known
		labels := []string{g.environmentName(), g.key.capacityType}
		machines, prices := m.machines.WithLabelValues(labels...), m.prices.WithLabelValues(labels...)
		for _, i := range g.instances {
			if i.isReal() {
				machines.Add(float64(g.typ.VCPUs))
				prices.Add(i.cost())
			}
		}
	}
}
