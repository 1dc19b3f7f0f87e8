// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
)

// BenchmarkPreemption is the cycle of a gang that makes room on 5,000 nodes full of four pods each: the plan that fails, the
// choice, and the plan that it is tried by.
func BenchmarkPreemption(b *testing.B) {
	for _, size := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("%d members", size), func(b *testing.B) {
			var nodes []*corev1.Node
			var running []*corev1.Pod
			for i := range 5000 {
				node := plugintest.Node(fmt.Sprintf("n%d", i), 4)
				nodes = append(nodes, node)
				for k := range 4 {
					pod := plugintest.On(plugintest.Pod(fmt.Sprintf("low-%d-%d", i, k), 1), node.Name)
					pod.Status.StartTime = &metav1.Time{Time: time.Date(2025, 1, 1, 0, (7*i+k)%1000, 0, 0, time.UTC)}
					running = append(running, pod)
				}
			}
			for b.Loop() {
				b.StopTimer()
				members := job(10, true, plugintest.Gang("g", size, 4)...)
				c := plugintest.NewCycles(b, members...)
				c.Set(nodes, job(20, false, running...)...)
				b.StartTimer()
				if _, status := c.Cycle(members[0]).PreFilter(); !status.IsRejected() {
					b.Fatal(status)
				}
			}
		})
	}
}
