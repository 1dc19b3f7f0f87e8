// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/buildinfo"
	"github.com/muster-batch/muster/queue-api/meter"
	"github.com/muster-batch/muster/queue-api/podwatch"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

// Names of the leader's loops.
const (
	loopDispatch  = "dispatch"
	loopSettle    = "settle"
	loopRelease   = "release"
	loopResources = "resources"
)

// meters are what counts in all of the program.
type meters struct {
	jobs    *meter.Jobs
	state   *meter.State
	pending *meter.Pending
	loops   *meter.Loops
	store   *redisstore.Metrics
	leading prometheus.Gauge
}

func newMeters(registry prometheus.Registerer) (*meters, error) {
	m := &meters{pending: meter.NewPending(), leading: prometheus.NewGauge(prometheus.GaugeOpts{Name: "muster_is_leader", Help: "1 if this process leads."})}
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: buildinfo.MetricName, Help: buildinfo.MetricHelp}, buildinfo.Labels())
	info.WithLabelValues(buildinfo.Get().Values("queue-api")...).Set(1)
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.leading, info,
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	var err error
	if m.jobs, err = meter.NewJobs(registry); err != nil {
		return nil, err
	}
	if m.state, err = meter.NewState(registry, meter.StateConfig{Paused: isPaused, Pending: m.pending}); err != nil {
		return nil, err
	}
	if m.loops, err = meter.NewLoops(registry, loopDispatch, loopSettle, loopRelease, loopResources); err != nil {
		return nil, err
	}
	m.store, err = redisstore.NewMetrics(registry)
	return m, err
}

// admitted passes on what the attempts of a cluster wait for.
func (m *meters) admitted(cluster string, counts map[podwatch.Waits]int) {
	out := make(map[meter.AdmittedAs]int, len(counts))
	for w, n := range counts {
		out[meter.AdmittedAs(w)] = n
	}
	m.pending.Admitted(cluster, out)
}

// isPaused reports whether a queue admits nothing until somebody says so.
func isPaused(q batch.JobQueue) bool { return batchmeta.IsPaused(q.Tags) }
