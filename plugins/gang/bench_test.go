// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/plugins/gang"
)

// BenchmarkLifeOfAGang is all that the ledger does for a gang from its first member to the last one's bind and deletion. The
// time of each member must not depend on how many there are.
func BenchmarkLifeOfAGang(b *testing.B) {
	for _, size := range []int{50, 500, 5000} {
		pods := members(size, size)
		bound := make([]*corev1.Pod, size)
		for i, pod := range pods {
			bound[i] = on(pod, "node")
		}
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			for range b.N {
				live(b, pods, bound)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/member")
		})
	}
}

func live(b *testing.B, pods, bound []*corev1.Pod) {
	b.Helper()
	l := gang.NewLedger()
	for _, pod := range pods {
		l.Observe(pod)
		l.Obstacle(pod)
	}
	draft := l.Turn(pods[0]).Draft
	seats := make(map[types.UID]string, len(pods))
	for _, pod := range draft.Members {
		seats[pod.UID] = "node"
	}
	plan := l.Adopt(draft, seats)
	for _, pod := range pods {
		l.Obstacle(pod)
		if l.Turn(pod).Pin == nil || !l.Reserve(plan, pod.UID) {
			b.Fatal("a member has no seat")
		}
		l.Arrive(plan)
	}
	for _, pod := range bound {
		l.Observe(pod)
	}
	for _, pod := range bound {
		l.Forget(pod.UID)
	}
}

// BenchmarkEvent is an event that helps none of a thousand gangs that were refused.
func BenchmarkEvent(b *testing.B) {
	l := gang.NewLedger()
	for i := range 1000 {
		pods := pair(fmt.Sprintf("g%04d", i))
		observe(l, pods...)
		l.Refuse(l.Turn(pods[0]).Draft, pods[0].UID, "too big")
	}
	for b.Loop() {
		l.Help(gang.Key{}, func([]*corev1.Pod) int { return 0 })
	}
}

// BenchmarkOrder is a comparison of two members of ranked gangs in the scheduling queue.
func BenchmarkOrder(b *testing.B) {
	l := gang.NewLedger()
	pods := slices.Concat(pair("a"), pair("b"))
	observe(l, pods...)
	for b.Loop() {
		l.Order(pods[0]).Before(l.Order(pods[3]))
	}
}
