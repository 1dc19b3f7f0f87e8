// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// running is a rig with one node, on which pod a runs.
func running(t *testing.T, environments ...types.ComputeEnvironmentDetail) *rig {
	t.Helper()
	r := newRig(t, environments...)
	r.pods("a")
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.provider.Wait()
	r.bind("a")
	r.loops("the pod to be bound", func() bool { return len(r.index.Demands()) == 0 })
	r.loop(1) // which sees it on its node, also if it was heard of between two loops
	return r
}

// age lets enough time pass for idle nodes to go, in several loops.
func (r *rig) age() {
	r.Helper()
	for range 4 {
		r.elapse(r.options.ScaleDownDelay)
	}
}

func finish(phase corev1.PodPhase) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Phase = phase
		p.Finalizers = []string{batchmeta.Tracking}
	}
}

func (r *rig) gone() bool { return len(r.nodeNames()) == 0 && r.instances() == 0 }

func TestANodeWithAnUnfinishedPodIsKept(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*corev1.Pod){
		"running": func(*corev1.Pod) {},
		"being deleted": func(p *corev1.Pod) {
			p.DeletionTimestamp, p.Finalizers = new(metav1.Now()), []string{batchmeta.Tracking}
		},
		"of a user":        func(p *corev1.Pod) { p.Labels = nil },
		"without requests": func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests = nil },
		"of low priority":  func(p *corev1.Pod) { p.Spec.Priority = new(int32(-1000)) },
		"that a user calls safe to evict": func(p *corev1.Pod) {
			p.Annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] = "true"
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, environment(0, 64))
			r.change("a", change)
			r.age()
			if len(r.nodeNames()) != 1 || r.instances() != 1 {
				t.Errorf("nodes %v, %d instances; want one", r.nodeNames(), r.instances())
			}
		})
	}
}

func TestAnIdleNodeGoes(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*corev1.Pod){
		"after its pod succeeded and lingers": finish(corev1.PodSucceeded),
		"after its pod failed and lingers":    finish(corev1.PodFailed),
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, environment(0, 64))
			r.change("a", change)
			r.loop(5)
			if r.gone() {
				t.Error("the node went before its time")
			}
			r.age()
			r.loops("the node to go", r.gone)
		})
	}
}

func TestADaemonSetDoesNotKeepANode(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	r.change("a", finish(corev1.PodSucceeded))
	daemon := pod("daemon", func(p *corev1.Pod) {
		p.Labels, p.Spec.NodeName, p.Status.Phase = nil, r.nodeNames()[0], corev1.PodRunning
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "DaemonSet", Name: "d", UID: "d", Controller: new(true)}}
	})
	r.create(daemon)
	r.age()
	r.loops("the node to go", r.gone)
}

func TestANodeIsLookedAtOnceMoreBeforeItGoes(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	node := r.nodeNames()[0]
	asked := false
	r.client.PrependReactor("list", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		list, ok := action.(clienttesting.ListAction)
		if !ok || list.GetListRestrictions().Fields.Empty() {
			return false, nil, nil
		}
		asked = true // the cache does not know this pod
		late := pod("late", func(p *corev1.Pod) { p.Spec.NodeName, p.Status.Phase = node, corev1.PodRunning })
		return true, &corev1.PodList{Items: []corev1.Pod{*late}}, nil
	})
	r.change("a", finish(corev1.PodSucceeded))
	r.age()
	r.loops("the API server to be asked", func() bool { return asked })
	r.loops("the node to be released", func() bool {
		n, err := r.client.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
		return err == nil && len(n.Spec.Taints) == 2
	})
	if r.instances() != 1 {
		t.Error("the instance was ended under an unfinished pod")
	}
}

func TestANodeThatCannotBeCheckedIsKept(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	r.client.PrependReactor("list", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		list, ok := action.(clienttesting.ListAction)
		return ok && !list.GetListRestrictions().Fields.Empty(), nil, errors.New("the API server is down")
	})
	r.change("a", finish(corev1.PodSucceeded))
	r.age()
	if r.instances() != 1 {
		t.Error("an instance was ended though nobody could say what runs there")
	}
}

func TestANodeThatPendingPodsFitOnIsKept(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	r.change("a", finish(corev1.PodSucceeded))
	r.pods("b")
	r.loops("the pod to be seen", func() bool { return len(r.index.Demands()) == 1 })
	r.age()
	if r.instances() != 1 || r.launched() != 1 {
		t.Errorf("%d instances, %d launched; want one", r.instances(), r.launched())
	}
}

func TestScaleDownStopsAtMinvCpus(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(4, 64))
	for _, name := range []string{"a", "b", "c"} {
		r.create(pod(name, cpus(3)))
	}
	r.loops("three nodes", func() bool { return len(r.nodeNames()) == 3 })
	r.provider.Wait()
	for _, name := range []string{"a", "b", "c"} {
		if err := r.client.CoreV1().Pods("jobs").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	r.age()
	r.loops("one node", func() bool { return len(r.nodeNames()) == 1 })
	r.age()
	if r.instances() != 1 || r.launched() != 3 {
		t.Errorf("%d instances, %d launched", r.instances(), r.launched())
	}
}

func TestADisabledEnvironmentDrainsToMinvCpus(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	env := environment(0, 64)
	env.State = types.CEStateDisabled
	r.api.environments = []types.ComputeEnvironmentDetail{env}
	r.age()
	if r.instances() != 1 {
		t.Error("a busy node went with its environment")
	}
	r.change("a", finish(corev1.PodSucceeded))
	r.age()
	r.loops("the node to go", r.gone)
}

func TestAnEnvironmentThatIsDeletedGivesAllBack(t *testing.T) {
	t.Parallel()
	r := running(t, environment(4, 64))
	env := environment(4, 64)
	env.State, env.Status = types.CEStateDisabled, types.CEStatusDeleting
	r.api.environments = []types.ComputeEnvironmentDetail{env}
	r.age()
	if r.instances() != 1 {
		t.Error("a busy node went with its environment")
	}
	r.change("a", finish(corev1.PodSucceeded))
	r.loops("the node to go at once", r.gone)
}

func TestAnEnvironmentThatIsGoneGivesAllBackUnlessItIsBusy(t *testing.T) {
	t.Parallel()
	r := running(t, environment(4, 64))
	r.api.environments = nil
	r.age()
	if r.instances() != 1 {
		t.Error("a busy node went with its environment")
	}
	r.restart()
	r.age()
	if r.instances() != 1 {
		t.Error("a busy node went with its environment after a restart")
	}
	r.change("a", finish(corev1.PodSucceeded))
	r.age()
	r.loops("the node to go", r.gone)
}

func TestSilenceOfTheBatchAPITakesNothing(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	r.api.err = errors.New("connection refused")
	r.change("a", finish(corev1.PodSucceeded))
	r.age()
	r.age()
	if r.instances() != 1 {
		t.Error("a node went while the environments were unknown")
	}
	r.api.err = nil
	r.age()
	r.loops("the node to go", r.gone)
}

func TestAnInstanceThatNeverRegistersIsEnded(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 4))
	r.mute = true
	r.pods("a")
	r.loops("an instance", func() bool { return r.instances() == 1 })
	r.loop(3)
	first := r.fleet.Launches()[0].Token
	r.elapse(r.options.MaxNodeProvisionTime)
	r.mute = false
	r.forgive()
	r.loops("another instance in its place", func() bool {
		launches := r.fleet.Launches()
		return r.instances() == 1 && len(r.nodeNames()) == 1 && launches[len(launches)-1].Token != first
	})
}

func TestTheNodeOfALostInstanceIsDeleted(t *testing.T) {
	t.Parallel()
	r := running(t, environment(0, 64))
	r.fleet.Lose(r.nodeNames()[0])
	for range 3 {
		r.elapse(time.Minute)
		if err := r.provider.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.loops("the node to go", r.gone)
}
