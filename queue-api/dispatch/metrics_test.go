// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-batch/muster/queue-api/fairshare"
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

// A head that waits for room is told of until it goes.
func TestHeadsAreTold(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	heads := func() map[string]float64 {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			if f.GetName() != "muster_queue_head_blocked_seconds" {
				continue
			}
			for _, m := range f.GetMetric() {
				got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetGauge().GetValue()
			}
		}
		return got
	}
	expect := func(want map[string]float64) {
		t.Helper()
		if diff := cmp.Diff(want, heads()); diff != "" {
			t.Errorf("heads mismatch (-want +got):\n%s", diff)
		}
	}
	metrics.head("a", fairshare.Head{JobID: "j", Since: now.Add(-time.Minute), Environment: "ce"}, now)
	metrics.head("b", fairshare.Head{JobID: "k", Since: now.Add(-time.Second)}, now)
	expect(map[string]float64{"a environment_full": 60, "b share_reserve": 1})
	metrics.head("a", fairshare.Head{JobID: "j", Since: now.Add(-time.Minute)}, now)
	metrics.head("b", fairshare.Head{}, now)
	expect(map[string]float64{"a share_reserve": 60})
	metrics.forgetQueues(map[string]bool{"b": true})
	expect(map[string]float64{})
	metrics.head("a", fairshare.Head{JobID: "j", Since: now}, now)
	metrics.noHeads()
	expect(map[string]float64{})
	Metrics{}.head("a", fairshare.Head{JobID: "j"}, now)
}
