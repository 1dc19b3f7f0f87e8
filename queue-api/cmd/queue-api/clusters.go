// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/dispatch"
	"github.com/muster-batch/muster/queue-api/podwatch"
	"github.com/muster-batch/muster/queue-api/reports"
)

// clusterSet is the clusters of one leadership.
type clusterSet struct {
	home     dispatch.Pods
	homePods clusterView
}

// clusterView is what environments are looked after by.
type clusterView struct {
	*podwatch.Cluster
	*reports.Watcher
}

var (
	_ dispatch.Clusters = (*clusterSet)(nil)
	_ dispatch.Hosts    = (*clusterSet)(nil)
)

// Of implements dispatch.Clusters.
func (s *clusterSet) Of(batch.ComputeEnvironment) string { return "" }

// Pods implements dispatch.Clusters.
func (s *clusterSet) Pods(cluster string) (dispatch.Pods, bool) { return s.home, cluster == "" }

// Host implements dispatch.Hosts.
func (s *clusterSet) Host(batch.ComputeEnvironment) (dispatch.Cluster, error) { return s.homePods, nil }
