// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/testutil"
)

// strandedSeconds is the metric of the only environment.
func (w *world) strandedSeconds() float64 {
	w.t.Helper()
	v, err := testutil.GetCounterMetricValue(w.cfg.Metrics.idle.WithLabelValues("env"))
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestStrandedNodeSeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	metrics.NewKubeRegistry().MustRegister(w.cfg.Metrics.idle)
	pass := func(d time.Duration, busy ...string) {
		on := map[string]bool{}
		for _, name := range busy {
			on[name] = true
		}
		w.clock.Step(d)
		w.refresh()
		w.NoteUse(on)
	}
	w.grow(large, 2)
	pass(40 * time.Second) // they boot
	w.register()
	a, b := w.nodes[0].Name, w.nodes[1].Name
	for _, step := range []struct {
		busy []string
		want float64
	}{
		{nil, 20},         // neither has a pod
		{[]string{a}, 40}, // until now
		{[]string{a}, 50}, // b alone
		{[]string{b}, 60}, // a had its pod
		{nil, 60},         // idle after its pod is not stranded
	} {
		pass(10*time.Second, step.busy...)
		if got := w.strandedSeconds(); got != step.want {
			t.Errorf("%v stranded node-seconds, want %v", got, step.want)
		}
	}
	w.restart(w.ledger)
	metrics.NewKubeRegistry().MustRegister(w.cfg.Metrics.idle)
	w.refresh()
	pass(10 * time.Second)
	if got := w.strandedSeconds(); got != 0 {
		t.Errorf("%v stranded node-seconds of instances that are found", got)
	}
}
