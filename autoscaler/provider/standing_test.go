// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"
	"time"
)

func TestStandingTellsHowLongTheLastNodeTook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	if s := w.Standing("u-1"); s.NodeAfter != 0 || s.DesiredvCPUs != 0 {
		t.Errorf("before anything was launched: %+v", s)
	}
	w.grow(large, 1)
	w.clock.Step(42 * time.Second)
	w.register()
	w.refresh()
	if s := w.Standing("u-1"); s.NodeAfter != 42*time.Second || s.DesiredvCPUs != 2 {
		t.Errorf("after the first: %+v", s)
	}
	w.environments = nil
	w.refresh()
	if len(w.nodeAfter) > len(w.siblings) {
		t.Errorf("%d environments are remembered of which %d are there", len(w.nodeAfter), len(w.siblings))
	}
}
