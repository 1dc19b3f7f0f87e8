// SPDX-License-Identifier: Apache-2.0

package gangsort_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/gangsort"
	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func queued(pod *corev1.Pod) *framework.QueuedPodInfo {
	return &framework.QueuedPodInfo{PodInfo: &framework.PodInfo{Pod: pod}}
}

func TestLessAsksTheLedger(t *testing.T) {
	ledger := gang.NewLedger()
	members := plugintest.Gang("g", 2, 1)
	members[0].Annotations[batchmeta.Rank] = "0001"
	for _, pod := range members {
		ledger.Observe(pod)
	}
	single := plugintest.Pod("single", 1)
	single.Annotations = map[string]string{batchmeta.Rank: "0002"}
	s := gangsort.New(ledger)
	if !s.Less(queued(members[1]), queued(single)) {
		t.Error("a member does not go by its gang's rank")
	}
	if s.Less(queued(single), queued(members[1])) {
		t.Error("both go before each other")
	}
}

// BenchmarkLess holds the cost of a comparison, of which a queue of n pods makes about n log n.
func BenchmarkLess(b *testing.B) {
	ledger := gang.NewLedger()
	members := plugintest.Gang("g", 2, 1)
	for _, pod := range members {
		ledger.Observe(pod)
	}
	s := gangsort.New(ledger)
	cases := map[string][2]*framework.QueuedPodInfo{
		"members": {queued(members[0]), queued(members[1])},
		"singles": {queued(plugintest.Pod("a", 1)), queued(plugintest.Pod("b", 1))},
	}
	for name, pair := range cases {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Less(pair[0], pair[1])
			}
		})
	}
}
