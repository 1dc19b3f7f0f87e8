// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	cacontext "k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/drainability"
	caerrors "k8s.io/autoscaler/cluster-autoscaler/utils/errors"
	"k8s.io/autoscaler/cluster-autoscaler/utils/taints"
	"k8s.io/client-go/kubernetes/fake"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func makePod(change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "jobs", Name: "a", Labels: map[string]string{}, Annotations: map[string]string{}},
		Spec:       corev1.PodSpec{NodeName: "node"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func phase(phase corev1.PodPhase) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase = phase }
}

func label(key string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Labels[key] = "x" }
}

func ownedBy(kind string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: "o", Controller: new(true)}}
	}
}

func deleting(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.Now()) }

func TestBusy(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		give *corev1.Pod
		want bool
	}{
		"a running job":                    {give: makePod(label(batchmeta.JobID)), want: true},
		"a bound job that has not started": {give: makePod(label(batchmeta.JobID), phase(corev1.PodPending)), want: true},
		"a job of which nothing is known":  {give: makePod(label(batchmeta.JobID), phase(corev1.PodUnknown)), want: true},
		"a job that is being deleted":      {give: makePod(label(batchmeta.JobID), deleting), want: true},
		"a gang member of a user":          {give: makePod(label(batchmeta.Gang)), want: true},
		"any pod of a user":                {give: makePod(), want: true},
		"a pod of a ReplicaSet":            {give: makePod(ownedBy("ReplicaSet")), want: true},
		"a job that succeeded":             {give: makePod(label(batchmeta.JobID), phase(corev1.PodSucceeded))},
		"a job that failed":                {give: makePod(label(batchmeta.JobID), phase(corev1.PodFailed))},
		"a finished job that waits to be let go": {
			give: makePod(label(batchmeta.JobID), phase(corev1.PodFailed), deleting, func(p *corev1.Pod) { p.Finalizers = []string{batchmeta.Tracking} }),
		},
		"a DaemonSet's pod": {give: makePod(ownedBy("DaemonSet"))},
		"a mirror pod": {
			give: makePod(func(p *corev1.Pod) { p.Annotations[corev1.MirrorPodAnnotationKey] = "x" }),
		},
		"a job that calls itself a DaemonSet's": {give: makePod(label(batchmeta.JobID), ownedBy("DaemonSet")), want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Busy(tc.give); got != tc.want {
				t.Errorf("Busy = %v, want %v", got, tc.want)
			}
			want := drainability.UndefinedOutcome
			if tc.want {
				want = drainability.BlockDrain
			}
			if got := (Rule{}).Drainable(nil, tc.give, nil); got.Outcome != want {
				t.Errorf("Drainable = %+v, want %v", got, want)
			}
		})
	}
}

func TestOccupant(t *testing.T) {
	t.Parallel()
	finished, elsewhere := makePod(phase(corev1.PodSucceeded)), makePod(func(p *corev1.Pod) { p.Name, p.Spec.NodeName = "b", "other" })
	c := NewCluster(fake.NewClientset(finished, elsewhere).CoreV1())
	if pod, err := c.Occupant(t.Context(), "node"); pod != "" || err != nil {
		t.Errorf("Occupant of an idle node = %q, %v", pod, err)
	}
	if pod, err := c.Occupant(t.Context(), "other"); pod != "jobs/b" || err != nil {
		t.Errorf("Occupant of a busy node = %q, %v", pod, err)
	}
}

func TestHomeless(t *testing.T) {
	t.Parallel()
	on := func(node string, change ...func(*corev1.Pod)) *corev1.Pod {
		return makePod(append(change, func(p *corev1.Pod) { p.Name, p.Spec.NodeName = "on-"+node, node })...)
	}
	cases := map[string]struct {
		pod  *corev1.Pod
		want string
	}{
		"a pod whose node is there":                {pod: on("here")},
		"a pod that has no node yet":               {pod: on("")},
		"a pod whose node was deleted":             {pod: on("gone"), want: "jobs/on-gone"},
		"a finished pod whose node was deleted":    {pod: on("gone", phase(corev1.PodFailed))},
		"a DaemonSet's pod whose node was deleted": {pod: on("gone", ownedBy("DaemonSet"))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewCluster(fake.NewClientset(tc.pod, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "here"}}).CoreV1())
			if pod, err := c.Homeless(t.Context()); pod != tc.want || err != nil {
				t.Errorf("Homeless = %q, %v, want %q", pod, err, tc.want)
			}
		})
	}
}

func TestIsClosed(t *testing.T) {
	t.Parallel()
	node := func(name, uid string, keys ...string) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: apitypes.UID(uid)}}
		for _, key := range keys {
			n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
		}
		return n
	}
	c := NewCluster(fake.NewClientset(
		node("marked", "1", batchmeta.BatchNode, taints.ToBeDeletedTaint), node("open", "1", batchmeta.BatchNode), node("reborn", "2"),
	).CoreV1())
	for name, want := range map[string]bool{"marked": true, "open": false, "gone": true, "reborn": true} {
		if got, err := c.IsClosed(t.Context(), node(name, "1")); got != want || err != nil {
			t.Errorf("IsClosed of node %s = %v, %v", name, got, err)
		}
	}
}

func TestNodeOfAnInstance(t *testing.T) {
	t.Parallel()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node", Labels: map[string]string{batchmeta.InstanceID: "i-1", batchmeta.NodeGroup: "g"}}}
	nameless := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "new", Labels: map[string]string{batchmeta.NodeGroup: "g"}},
		Spec:       corev1.NodeSpec{ProviderID: "aws:///zone/i-3"},
	}
	c := NewCluster(fake.NewClientset(node, nameless).CoreV1())
	for id, want := range map[string]string{"i-1": "node", "i-3": "new"} {
		if got, err := c.Node(t.Context(), id); got == nil || got.Name != want || err != nil {
			t.Errorf("Node of %s = %v, %v", id, got, err)
		}
	}
	if got, err := c.Node(t.Context(), "i-2"); got != nil || err != nil {
		t.Errorf("Node of an unknown instance = %v, %v", got, err)
	}
	if err := c.LabelNode(t.Context(), "new", "i-3"); err != nil {
		t.Errorf("LabelNode: %v", err)
	}
	if got, err := c.Node(t.Context(), "i-3"); err != nil || got.Labels[batchmeta.InstanceID] != "i-3" {
		t.Errorf("labelled node = %v, %v", got, err)
	}
	for _, value := range []string{"ns/gang 2026-11-22T15:00:00Z", ""} {
		if err := c.ReserveNode(t.Context(), "new", value); err != nil {
			t.Errorf("ReserveNode: %v", err)
		}
		got, err := c.Node(t.Context(), "i-3")
		if err != nil || got.Annotations[batchmeta.Reserved] != value {
			t.Errorf("reserved node = %v, %v", got, err)
		}
	}
	if err := c.ReserveNode(t.Context(), "gone", ""); err != nil {
		t.Errorf("ReserveNode of one that is gone: %v", err)
	}
	for range 2 { // the second time it is gone already
		if err := c.DeleteNode(t.Context(), node); err != nil {
			t.Errorf("DeleteNode: %v", err)
		}
	}
}

// allNodes offers every node.
type allNodes struct{}

func (allNodes) GetPodDestinationCandidates(_ *cacontext.AutoscalingContext, n []*corev1.Node) ([]*corev1.Node, caerrors.AutoscalerError) {
	return n, nil
}

func (allNodes) GetScaleDownCandidates(_ *cacontext.AutoscalingContext, n []*corev1.Node) ([]*corev1.Node, caerrors.AutoscalerError) {
	return n, nil
}

func (allNodes) CleanUp() {}

func TestNoCandidatesFromOldKnowledge(t *testing.T) {
	t.Parallel()
	c := testingclock.NewFakePassiveClock(time.Unix(1000, 0))
	readAt := time.Unix(1000, 0)
	candidates := NewCandidates(allNodes{}, func() time.Time { return readAt }, 30*time.Second, c)
	for after, want := range map[time.Duration]int{0: 1, 30 * time.Second: 1, 31 * time.Second: 0} {
		c.SetTime(readAt.Add(after))
		if got, err := candidates.GetScaleDownCandidates(nil, []*corev1.Node{{}}); len(got) != want || err != nil {
			t.Errorf("after %v: %d candidates, %v; want %d", after, len(got), err, want)
		}
	}
}
