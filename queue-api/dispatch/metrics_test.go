// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestMetricsCount(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	b := newBenchWith(t, Config{Metrics: metrics})
	job := b.submit(t, b.queue(t, "q", 1, "ce-a", "ce-b"), 1000)
	b.round(t)
	b.starve(t, job.ID)
	b.round(t)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	want := map[string]float64{
		"muster_dispatch_admitted_total": 1, "muster_dispatch_round_duration_seconds": 2, "muster_dispatch_no_capacity_withdrawn_total": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics mismatch (-want +got):\n%s", diff)
	}
	if _, err := NewMetrics(registry); err == nil {
		t.Error("metrics are registered twice")
	}
}
