// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/plugins/gang"
)

func TestWaitingCountsByReason(t *testing.T) {
	l := gang.NewLedger()
	pods := members(3, 3)
	none := map[gang.Wait]gang.Count{gang.WaitIncomplete: {}, gang.WaitMalformed: {}, gang.WaitRefused: {}, gang.WaitReady: {}}
	want := func(step string, why gang.Wait, n int) {
		t.Helper()
		counts := map[gang.Wait]gang.Count{}
		for w := range none {
			counts[w] = gang.Count{}
		}
		if why != "" {
			counts[why] = gang.Count{Gangs: 1, Members: n}
		}
		if diff := cmp.Diff(counts, l.Waiting()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	want("nothing", "", 0)
	l.Observe(pods[0])
	l.Observe(pods[1])
	want("two of three exist", gang.WaitIncomplete, 2)
	l.Observe(pods[2])
	want("complete", gang.WaitReady, 3)
	turn := l.Turn(pods[0])
	l.Refuse(turn.Draft, pods[0].UID, "no room")
	want("refused", gang.WaitRefused, 3)
	for _, pod := range pods {
		bound := pod.DeepCopy()
		bound.Spec.NodeName = "a"
		l.Observe(bound)
	}
	want("bound", "", 0)
}
