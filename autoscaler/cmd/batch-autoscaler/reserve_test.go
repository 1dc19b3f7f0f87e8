// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// keptFor are the nodes that are kept for a gang now.
func (r *rig) keptFor(gang string) []string {
	r.Helper()
	list, err := r.client.CoreV1().Nodes().List(r.Context(), metav1.ListOptions{})
	if err != nil {
		r.Fatal(err)
	}
	var names []string
	for i := range list.Items {
		kept, ok := batchmeta.ReservationOf(list.Items[i].Annotations[batchmeta.Reserved])
		if ok && kept.Gang == gang && r.clock.Now().Before(kept.Until) {
			names = append(names, list.Items[i].Name)
		}
	}
	slices.Sort(names)
	return names
}

// spend lets d pass in steps, of which each is written before the next.
func (r *rig) spend(d time.Duration) {
	r.Helper()
	const step = 10 * time.Second
	for range d / step {
		r.elapse(step)
		r.provider.Wait()
	}
}

// TestANewLeaderKeepsNodesForTheirGangs has an autoscaler end while a gang has its nodes and has not started. The next one
// neither gives them to a gang that goes first, nor lets what was said of them run out, before the gang has started.
func TestANewLeaderKeepsNodesForTheirGangs(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	for _, name := range []string{"a", "b"} {
		r.create(pod(name, gang("g", 2), cpus(3)))
	}
	r.loops("the gang's nodes are kept for it", func() bool { return len(r.keptFor("jobs/g")) == 2 })
	before := r.keptFor("jobs/g")
	r.end()
	r.provider.Wait()
	r.restart()
	for _, name := range []string{"c", "d"} {
		r.create(pod(name, gang("h", 2), cpus(3), func(p *corev1.Pod) { p.Annotations[batchmeta.Rank] = "1" }))
	}
	r.loops("the gang that goes first has nodes of its own", func() bool { return len(r.keptFor("jobs/h")) == 2 })
	r.spend(2 * time.Minute)
	if diff := cmp.Diff(before, r.keptFor("jobs/g")); diff != "" {
		t.Errorf("the other one's nodes mismatch (-want +got):\n%s", diff)
	}
	if got := r.launched(); got != 4 {
		t.Errorf("launched %d instances, want 4", got)
	}
	for i, name := range []string{"a", "b"} {
		r.change(name, func(p *corev1.Pod) { p.Spec.NodeName, p.Status.Phase = before[i], corev1.PodRunning })
	}
	r.loops("nothing is kept for a gang that has started", func() bool {
		r.spend(time.Minute)
		return len(r.keptFor("jobs/g")) == 0
	})
	if got := r.keptFor("jobs/h"); len(got) != 2 {
		t.Errorf("%v are kept for the gang that waits, want 2 nodes", got)
	}
}
