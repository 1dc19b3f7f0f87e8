// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/muster-batch/muster/hack/metricsdoc"
	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/gangfit"
)

//go:generate go test -run ^TestMetricsReference$ -update .

func TestMetricsReference(t *testing.T) {
	t.Parallel()
	r := metricsdoc.NewRecorder()
	r.Kubernetes(newBuildInfo())
	r.Kubernetes(gangfit.NewMetrics(gang.NewLedger()).Registerables()...)
	r.Stable(gangfit.NewMetrics(gang.NewLedger()).Waiting())
	metricsdoc.Hold(t, "../../../docs/metrics.md", "batch-scheduler", r.Metrics)
}
