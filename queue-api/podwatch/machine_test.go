// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/storetest"
)

func amounts(cpu, memory, gpus string) corev1.ResourceList {
	list := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	if gpus != "" {
		list[gpuResource] = resource.MustParse(gpus)
	}
	return list
}

// priced adds the environment of a scene's attempts, whose m5.large costs 0.1 an hour.
func priced(t *testing.T, store *storetest.Memory) {
	t.Helper()
	err := store.CreateEnvironment(t.Context(), batch.ComputeEnvironment{
		Name: "ce", Report: &batch.Report{InstanceTypes: "m5.large 2 8192 0 2000 8192 0.1\nown.large 2 8192 0 2000 8192 0"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

var m5large = Machine{InstanceType: "m5.large", CapacityType: "SPOT", Has: batch.Requests{MilliVCPU: 2000, MemoryMiB: 8192}}

// scheduled is a pod on a node since some time after it was made.
func scheduled(pod *corev1.Pod, after time.Duration) *corev1.Pod {
	pod.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(began.Add(after)),
	}}
	return pod
}

func TestHostIsNotedWhenThePodIsBound(t *testing.T) {
	t.Parallel()
	own := m5large
	own.InstanceType, own.CapacityType = "own.large", ""
	unseen := m5large
	unseen.InstanceType = "unseen"
	cases := map[string]struct {
		machine Machine
		want    *batch.Host
	}{
		"with all that is known":            {m5large, &batch.Host{InstanceType: "m5.large", CapacityType: "SPOT", PricePerHour: 0.1, Share: 0.25, BoundAt: began.Add(time.Second)}},
		"without a price that nobody knows": {own, &batch.Host{InstanceType: "own.large", Share: 0.25, BoundAt: began.Add(time.Second)}},
		"of a type that nobody reports":     {unseen, &batch.Host{InstanceType: "unseen", CapacityType: "SPOT", Share: 0.25, BoundAt: began.Add(time.Second)}},
		"not at all of an unknown node":     {Machine{}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSceneOf(t, batch.Job{Requests: batch.Requests{MilliVCPU: 500, MemoryMiB: 1024}})
			priced(t, s.store)
			s.cluster.machines = map[string]Machine{"n": tc.machine}
			s.show(t, scheduled(podIn(corev1.PodPending, "n"), time.Second))
			if diff := cmp.Diff(tc.want, s.job(t).Current.Host); diff != "" {
				t.Errorf("host mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// A node that comes into view after its pod is noted then, and one that was noted is not looked at again: prices change.
func TestHostIsNotedOnce(t *testing.T) {
	t.Parallel()
	s := newSceneOf(t, batch.Job{Requests: batch.Requests{MilliVCPU: 2000, MemoryMiB: 1024}})
	priced(t, s.store)
	s.show(t, scheduled(podIn(corev1.PodPending, "n"), 0))
	s.cluster.machines = map[string]Machine{"n": m5large}
	s.show(t, scheduled(podIn(corev1.PodRunning, "n", running()), 0))
	want := s.job(t).Current.Host
	if want == nil || want.PricePerHour != 0.1 || want.Share != 1 {
		t.Fatalf("host %+v", want)
	}
	s.cluster.machines["n"] = Machine{InstanceType: "other"}
	s.clock.Step(time.Hour)
	s.show(t, scheduled(podIn(corev1.PodRunning, "n", running()), 0))
	if diff := cmp.Diff(want, s.job(t).Current.Host); diff != "" {
		t.Errorf("host mismatch (-want +got):\n%s", diff)
	}
	s.show(t, scheduled(podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")), 0))
	a := s.job(t).Attempts[0]
	if got := a.Cost(s.clock.Now()); got.Unknown != 0 || got.Nano != int64(0.1*a.StoppedAt.Sub(began).Hours()*1e9+0.5) {
		t.Errorf("an attempt of %v costs %+v", a.StoppedAt.Sub(began), got)
	}
}

// The nodes of a gang may ask for different things: each pays for its own.
func TestHostsOfAGang(t *testing.T) {
	t.Parallel()
	s := newGangScene(t, gangOf(2, 1))
	priced(t, s.store.Memory)
	for name, list := range map[string]corev1.ResourceList{"p0": amounts("500m", "1Gi", ""), "p1": amounts("1", "8Gi", "")} {
		pod := s.cluster.pods[name]
		pod.Spec.Containers = []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: list}}}
		trimmed, err := trimPod(pod)
		if err != nil {
			t.Fatal(err)
		}
		s.cluster.pods[name] = trimmed.(*corev1.Pod)
	}
	s.cluster.machines = map[string]Machine{"np0": m5large, "np1": m5large}
	s.be(onNode, "p0", "p1")
	s.settle(t)
	a := s.job(t).Current
	for i, share := range []float64{0.25, 1} {
		if h := a.Nodes[i].Host; h == nil || h.Share != share || h.PricePerHour != 0.1 {
			t.Errorf("host of node %d: %+v", i, h)
		}
	}
	if a.Host == nil || *a.Host != *a.Nodes[1].Host {
		t.Errorf("host of the attempt %+v is not the main node's", a.Host)
	}
}

// poor is a store that does not answer.
type poor struct{ *storetest.Memory }

func (poor) Environments(context.Context) ([]batch.ComputeEnvironment, error) { return nil, errDown }

var errDown = errors.New("down")

func TestPricesThatCannotBeReadAreReadAgain(t *testing.T) {
	t.Parallel()
	s := newSceneOf(t, batch.Job{Requests: batch.Requests{MilliVCPU: 500, MemoryMiB: 1024}})
	s.watcher.store = poor{s.store}
	s.cluster.machines = map[string]Machine{"n": m5large}
	s.cluster.pod = podIn(corev1.PodPending, "n")
	s.cluster.pod.Name, s.cluster.pod.Namespace = "p", "jobs"
	s.cluster.pod.Labels = map[string]string{batchmeta.JobID: s.id, batchmeta.Attempt: "1"}
	if _, err := s.watcher.settle(t.Context(), s.id); !errors.Is(err, errDown) {
		t.Errorf("error %v, want that of the store", err)
	}
	s.watcher.store = s.store
	priced(t, s.store)
	s.show(t, podIn(corev1.PodPending, "n"))
	if h := s.job(t).Current.Host; h == nil || h.PricePerHour != 0.1 {
		t.Errorf("host %+v", h)
	}
}

func TestMachineOfANode(t *testing.T) {
	t.Parallel()
	c, err := NewCluster(fake.NewClientset().CoreV1(), nil)
	if err != nil {
		t.Fatal(err)
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{
			corev1.LabelInstanceTypeStable: "g4dn.xlarge", batchmeta.CapacityType: batchmeta.CapacityOnDemand,
		}},
		Status: corev1.NodeStatus{Allocatable: amounts("3920m", "14000Mi", "1")},
	}
	kept, err := trimNode(node)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.nodes.GetStore().Add(kept); err != nil {
		t.Fatal(err)
	}
	want := Machine{InstanceType: "g4dn.xlarge", CapacityType: "ON_DEMAND", Has: batch.Requests{MilliVCPU: 3920, MemoryMiB: 14000, GPU: 1}}
	if got := c.Machine("n"); got != want {
		t.Errorf("machine %+v, want %+v", got, want)
	}
	if got := c.Machine("unknown"); got != (Machine{}) {
		t.Errorf("machine %+v of an unknown node", got)
	}
}
