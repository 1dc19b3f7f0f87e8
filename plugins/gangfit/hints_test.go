// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"context"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/gangfit"
	"github.com/muster-batch/muster/plugins/plugintest"
)

// refused returns a cluster in which a gang of the size is refused: there is room for one member.
func refused(t *testing.T, size int, set func(*corev1.Pod), nodes ...*corev1.Node) (*plugintest.Cycles, []*corev1.Pod) {
	t.Helper()
	members := plugintest.Gang("g", size, 1)
	for _, pod := range members {
		if set != nil {
			set(pod)
		}
	}
	c := plugintest.NewCycles(t, members...)
	c.Set([]*corev1.Node{plugintest.Node("a", 1)})
	for _, node := range nodes {
		if err := c.Client.Tracker().Add(node); err != nil {
			t.Fatal(err)
		}
		c.Await("the node is known", func() bool {
			_, err := c.Framework.SharedInformerFactory().Core().V1().Nodes().Lister().Get(node.Name)
			return err == nil
		})
	}
	if _, status := c.Cycle(members[0]).PreFilter(); !status.IsRejected() {
		t.Fatalf("the gang is not refused: %v", status)
	}
	return c, members
}

// sleeps reports whether a refused gang waits for an event.
func sleeps(c *plugintest.Cycles) bool { return c.Ledger.Waiting()[gang.WaitRefused].Gangs == 1 }

func TestEventsThatWakeARefusedGang(t *testing.T) {
	t.Parallel()
	open, closed, small := plugintest.Node("open", 1), plugintest.Node("closed", 1), plugintest.Node("small", 0)
	closed.Spec.Taints = []corev1.Taint{{Key: "k", Effect: corev1.TaintEffectNoExecute}}
	add := framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add}
	gone := on(framework.Delete)
	class := framework.ClusterEvent{Resource: framework.StorageClass, ActionType: framework.Add}
	elsewhere := plugintest.On(plugintest.Pod("elsewhere", 1), "unknown")
	cases := map[string]struct {
		set   func(pod *corev1.Pod)
		event framework.ClusterEvent
		old   any
		new   any
		wakes bool
	}{
		"a node that takes a member":             {event: add, new: open, wakes: true},
		"a node whose taint keeps members off":   {event: add, new: closed},
		"a node too small for a member":          {event: add, new: small},
		"a node that the selector does not want": {event: add, new: open, set: selecting("x")},
		"a pod gone from a node":                 {event: gone, old: plugintest.On(plugintest.Pod("p", 1), "open"), wakes: true},
		"a pod gone from a node for others":      {event: gone, old: plugintest.On(plugintest.Pod("p", 1), "closed")},
		"a pod gone from a node that is unknown": {event: gone, old: elsewhere, wakes: true},
		"a pending pod asks for less":            {event: on(framework.UpdatePodScaleDown), old: plugintest.Pod("p", 2), new: plugintest.Pod("p", 1)},
		"a neighbour for members that want none": {event: on(framework.Add), new: elsewhere},
		"a neighbour for members that want one":  {event: on(framework.Add), new: elsewhere, set: wantingCompany, wakes: true},
		"storage for members that use none":      {event: class},
		"storage for members that use some":      {event: class, set: usingStorage, wakes: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, members := refused(t, 2, tc.set, open, closed)
			if got := hint(t, c, tc.event, members[1], tc.old, tc.new); got != framework.QueueSkip || !sleeps(c) {
				t.Errorf("the hint of a follower: %v", got)
			}
			if got := hint(t, c, tc.event, members[0], tc.old, tc.new); got != framework.QueueSkip {
				t.Errorf("the hint of the leader: %v", got)
			}
			if sleeps(c) == tc.wakes {
				t.Errorf("the gang is woken: %v, want %v", !sleeps(c), tc.wakes)
			}
		})
	}
}

func TestEventsAddUpForARefusedGang(t *testing.T) {
	c, members := refused(t, 4, nil, plugintest.Node("open", 4))
	c.Ledger.Reconsider(true)
	draft := c.Ledger.Turn(members[0]).Draft
	draft.Kinds = members[:1]
	reason := draft.Refuse(gang.Shortfall{Fit: 1, Words: "g-1: no room", Alike: true}) // short of three
	c.Ledger.Refuse(draft, members[0].UID, reason)
	for i := range 3 {
		if !sleeps(c) {
			t.Fatalf("woken by %d pods", i)
		}
		gone := plugintest.On(plugintest.Pod("p"+strconv.Itoa(i), 0), "open")
		for range 2 { // each of several watchers is asked, and the event counts once
			hint(t, c, on(framework.Delete), members[0], gone, nil)
		}
	}
	if sleeps(c) {
		t.Error("not woken by room for as many as were short")
	}
}

func on(action framework.ActionType) framework.ClusterEvent {
	return framework.ClusterEvent{Resource: framework.Pod, ActionType: action}
}

func selecting(zone string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{"zone": zone} }
}

func wantingCompany(pod *corev1.Pod) {
	pod.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: near("zone")}}
}

func usingStorage(pod *corev1.Pod) {
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}}},
	}
}

// hint returns the answer of the hint that the plugin registered for the event.
func hint(t *testing.T, c *plugintest.Cycles, event framework.ClusterEvent, pod *corev1.Pod, oldObj, newObj any) framework.QueueingHint {
	t.Helper()
	for _, extension := range c.Framework.EnqueueExtensions() {
		if extension.Name() != gangfit.Name {
			continue
		}
		registered, err := extension.EventsToRegister(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range registered {
			if r.Event.Match(event) {
				got, err := r.QueueingHintFn(klog.Background(), pod, oldObj, newObj)
				if err != nil {
					t.Fatal(err)
				}
				return got
			}
		}
	}
	t.Fatalf("no hint for event %v", event)
	return framework.QueueSkip
}

func TestPodIsHeldOnItsSecondAttemptWithoutNodes(t *testing.T) {
	single := plugintest.Pod("single", 1)
	c := plugintest.NewCycles(t, single)
	preEnqueue := func(uid types.UID) *framework.Status {
		pod := single.DeepCopy()
		pod.UID = uid
		for _, p := range c.Framework.PreEnqueuePlugins() {
			if p.Name() == gangfit.Name {
				return p.PreEnqueue(context.Background(), pod)
			}
		}
		t.Fatal("the plugin is not enabled")
		return nil
	}
	if status := preEnqueue("1"); !status.IsSuccess() {
		t.Errorf("first attempt: %v", status)
	}
	wantReason(t, preEnqueue("1"), "no nodes available")
	if status := preEnqueue("2"); !status.IsSuccess() {
		t.Errorf("another pod's first attempt: %v", status)
	}
	if err := c.Client.Tracker().Add(plugintest.Node("a", 1)); err != nil {
		t.Fatal(err)
	}
	c.Await("the node is known", func() bool { return preEnqueue("1").IsSuccess() })
}
