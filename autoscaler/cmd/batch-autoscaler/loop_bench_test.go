// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// BenchmarkLoop looks at full nodes and at pods of 10 shapes that wait for vCPUs which are all in use.
func BenchmarkLoop(b *testing.B) {
	for _, size := range []struct{ nodes, pods int }{{0, 1000}, {100, 1000}, {1000, 10_000}} {
		b.Run(fmt.Sprintf("nodes=%d,pods=%d", size.nodes, size.pods), func(b *testing.B) {
			r := newRig(b, environment(0, int32(4*size.nodes)))
			if size.nodes > 0 {
				fill(r, size.nodes)
			}
			for i := range size.pods {
				r.create(pod(fmt.Sprint("waiting-", i), func(p *corev1.Pod) { p.Labels[batchmeta.Shape] = strconv.Itoa(i % 10) }))
			}
			r.loops("all pods to be seen", func() bool { return waiting(r) == size.pods })
			now := r.clock.Now()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				if err := r.runOnce(now); err != nil {
					b.Fatal(err)
				}
			}
			if got := r.launched(); got != size.nodes {
				b.Errorf("launched %d instances, want %d", got, size.nodes)
			}
		})
	}
}

// fill buys nodes for as many pods and binds one to each.
func fill(r *rig, nodes int) {
	for i := range nodes {
		r.create(pod(fmt.Sprint("running-", i), cpus(3)))
	}
	r.loops("all nodes", func() bool { return r.instances() == nodes })
	r.provider.Wait()
	for i, node := range r.nodeNames() {
		r.change(fmt.Sprint("running-", i), func(p *corev1.Pod) { p.Spec.NodeName, p.Status.Phase = node, corev1.PodRunning })
	}
	r.loops("all pods to be bound", func() bool { return waiting(r) == 0 })
	list, err := r.client.CoreV1().Pods("jobs").List(r.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != nodes {
		r.Fatalf("%d pods, %v", len(list.Items), err)
	}
}

func waiting(r *rig) int {
	n := 0
	for _, d := range r.index.Demands() {
		for _, p := range d.Parts {
			n += p.Count
		}
	}
	return n
}
