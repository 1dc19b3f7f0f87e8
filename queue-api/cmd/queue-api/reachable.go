// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// reachable is the metric of which registered clusters answer.
type reachable struct{ gauge *prometheus.GaugeVec }

func newReachable(registry prometheus.Registerer) (reachable, error) {
	r := reachable{prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "muster_cluster_reachable",
		Help: "Whether the API server of a registered cluster answers (1) or not (0). Only the leader tells.",
	}, []string{"cluster"})}
	if err := registry.Register(r.gauge); err != nil {
		return r, fmt.Errorf("register metrics: %w", err)
	}
	return r, nil
}

func (r reachable) set(cluster string, open bool) {
	value := 0.0
	if open {
		value = 1
	}
	r.gauge.WithLabelValues(cluster).Set(value)
}

// forget is for clusters that are not registered any more, or led by others.
func (r reachable) forget(cluster string) { r.gauge.DeleteLabelValues(cluster) }
