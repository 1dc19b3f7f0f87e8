// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gangfit"
	"github.com/muster-batch/muster/plugins/plugintest"
)

func TestHints(t *testing.T) {
	t.Parallel()
	open, closed := plugintest.Node("open", 1), plugintest.Node("closed", 1)
	closed.Spec.Taints = []corev1.Taint{{Key: "k", Effect: corev1.TaintEffectNoExecute}}
	elsewhere := plugintest.Pod("elsewhere", 1)
	elsewhere.Spec.NodeName = "unknown"
	tolerant := plugintest.Gang("g", 2, 1)[0]
	tolerant.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	other := plugintest.Pod("other", 1)
	add := framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add}
	gone := framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.Delete}
	cases := map[string]struct {
		members int // of two that exist
		set     func(pod *corev1.Pod)
		event   framework.ClusterEvent
		old     any
		new     any
		want    framework.QueueingHint
	}{
		"a node that takes the pod":              {members: 2, event: add, new: open, want: framework.Queue},
		"a node whose taint keeps the pod off":   {members: 2, event: add, new: closed},
		"a node for an incomplete gang":          {members: 1, event: add, new: open},
		"a node that the selector does not want": {members: 2, event: add, new: open, set: selecting("x")},
		"a pod gone from a node":                 {members: 2, event: gone, old: elsewhere, want: framework.Queue},
		"a member's own room":                    {members: 2, event: gone, old: plugintest.On(plugintest.Gang("g", 2, 1)[1], "open")},
		"another gang's room":                    {members: 2, event: gone, old: plugintest.On(plugintest.Gang("h", 2, 1)[1], "unknown"), want: framework.Queue},
		"a toleration for the pod":               {members: 2, event: on(framework.UpdatePodToleration), old: tolerant, new: tolerant, want: framework.Queue},
		"a toleration for another pod":           {members: 2, event: on(framework.UpdatePodToleration), old: other, new: other},
		"the pod asks for less":                  {members: 2, event: on(framework.UpdatePodScaleDown), old: tolerant, new: tolerant, want: framework.Queue},
		"another pending pod asks for less":      {members: 2, event: on(framework.UpdatePodScaleDown), old: other, new: other},
		"a neighbour for a pod that wants none":  {members: 2, event: on(framework.Add), new: elsewhere},
		"a neighbour for a pod that wants one":   {members: 2, event: on(framework.Add), new: elsewhere, set: wantingCompany, want: framework.Queue},
		"storage for a pod that uses none":       {members: 2, event: framework.ClusterEvent{Resource: framework.StorageClass, ActionType: framework.Add}},
		"storage for a pod that uses some": {
			members: 2, event: framework.ClusterEvent{Resource: framework.StorageClass, ActionType: framework.Add},
			set: usingStorage, want: framework.Queue,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			members := plugintest.Gang("g", 2, 1)
			if tc.set != nil {
				tc.set(members[0])
			}
			c := plugintest.NewCycles(t)
			for _, pod := range members[:tc.members] {
				c.Ledger.Observe(pod)
			}
			if got := hint(t, c, tc.event, members[0], tc.old, tc.new); got != tc.want {
				t.Errorf("hint %v, want %v", got, tc.want)
			}
		})
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

func TestOwnRoomWakesAGangOnceAfterAConflict(t *testing.T) {
	c, members, first, node := startPair(t)
	freed := plugintest.On(members[0], node)
	if got := hint(t, c, on(framework.Delete), members[1], freed, nil); got != framework.QueueSkip {
		t.Errorf("hint before the conflict: %v", got)
	}
	pin := c.Ledger.Turn(members[1]).Pin
	c.Ledger.Withdraw(pin.Plan, "taken")
	first.Unreserve(node)
	if got := hint(t, c, on(framework.Delete), members[1], freed, nil); got != framework.Queue {
		t.Errorf("hint after the conflict: %v", got)
	}
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
	wantReason(t, preEnqueue("1"), "there is no node in the cluster")
	if status := preEnqueue("2"); !status.IsSuccess() {
		t.Errorf("another pod's first attempt: %v", status)
	}
	if err := c.Client.Tracker().Add(plugintest.Node("a", 1)); err != nil {
		t.Fatal(err)
	}
	c.Await("the node is known", func() bool { return preEnqueue("1").IsSuccess() })
}
