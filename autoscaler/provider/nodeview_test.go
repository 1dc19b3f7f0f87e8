// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"
	"time"

	"k8s.io/autoscaler/cluster-autoscaler/config"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Contract 3.1: minScaleDownDelayMinutes is not for replaced, never-used or reclaimed instances.
func TestHowLongAnIdleNodeIsKept(t *testing.T) {
	t.Parallel()
	const usual, longer = time.Minute, 20 * time.Minute
	use := func(w *world) { w.NoteUse(map[string]bool{w.nodes[0].Name: true}) }
	cases := map[string]struct {
		change func(*world)
		delay  time.Duration // of the environment
		want   time.Duration
	}{
		"one that ran a job":                      {use, longer, longer},
		"one that ran none":                       {func(*world) {}, longer, usual},
		"without a delay of its own":              {use, 0, usual},
		"with one that is shorter than ours":      {use, time.Second, usual},
		"one of which a restart knows nothing":    {func(w *world) { w.restart(w.ledger) }, longer, longer},
		"one of an older generation":              {func(w *world) { use(w); w.environments[0].Generation = 2 }, longer, 0},
		"one of an older generation, never used":  {func(w *world) { w.environments[0].Generation = 2 }, longer, 0},
		"one of an environment that is deleted":   {func(w *world) { use(w); w.environments[0].Status = batch.ResourceDeleting }, longer, 0},
		"one of an environment that is not known": {func(w *world) { use(w); w.environments = nil }, longer, usual},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env(func(e *computeenv.Environment) { e.ScaleDownDelay = tc.delay }))
			w.grow(large, 1)
			w.register()
			w.nodes[0].Labels[batchmeta.Generation] = "1"
			tc.change(w)
			w.refresh()
			ng, err := w.NodeGroupForNode(w.nodes[0])
			if err != nil || GroupOf(ng) != w.group(large) {
				t.Fatalf("group = %v, %v", ng, err)
			}
			o, err := ng.GetOptions(config.NodeGroupAutoscalingOptions{ScaleDownUnneededTime: usual})
			if err != nil || o.ScaleDownUnneededTime != tc.want {
				t.Errorf("kept %v, %v; want %v", o.ScaleDownUnneededTime, err, tc.want)
			}
		})
	}
}
