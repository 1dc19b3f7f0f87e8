// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// size is one of Fargate's.
type size struct{ milliVCPU, memoryMiB int64 }

var fargateSizes = []size{
	{250, 512},
	{250, 2048},
	{500, 1024},
	{500, 4096},
	{1000, 2048},
	{1000, 8192},
	{2000, 4096},
	{2000, 16384},
	{4000, 8192},
	{4000, 30720},
	{8000, 16384},
	{8000, 61440},
	{16000, 32768},
	{16000, 122880},
}

func fargateEnvironment(kind types.CRType, maxVCPUs int32) types.ComputeEnvironmentDetail {
	e := environment(0, maxVCPUs)
	e.ComputeResources = &types.ComputeResource{Type: kind, MaxvCpus: aws.Int32(maxVCPUs), Subnets: []string{"subnet-1"}}
	return e
}

// ofSize makes a pod one of the size, for machines of the commoner architecture.
func ofSize(s size) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Labels[batchmeta.Shape] = fmt.Sprint(s.milliVCPU, ".", s.memoryMiB)
		p.Spec.NodeSelector[corev1.LabelArchStable] = instancetype.AMD64
		p.Spec.Containers[0].Resources.Requests = amounts(s)
	}
}

func amounts(s size) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(s.milliVCPU, resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(s.memoryMiB<<20, resource.BinarySI),
	}
}

// soleWorld is a cluster of FARGATE whose DaemonSets and pods are random. The test is its scheduler and its kubelets.
type soleWorld struct {
	*rig
	rng     *rand.Rand
	daemons size              // what all DaemonSets together ask for on each node
	wanted  map[string]size   // of pods that are not over
	tenants map[string]string // pods that nodes were given to
	serial  int
}

func newSoleWorld(t *testing.T, seed uint64, e types.ComputeEnvironmentDetail) *soleWorld {
	t.Helper()
	w := &soleWorld{
		rig: newRig(t, e), rng: rand.New(rand.NewPCG(seed, 7)), wanted: map[string]size{}, tenants: map[string]string{},
	}
	for i := range w.rng.IntN(3) {
		w.daemonSet(fmt.Sprint("agent-", i), size{int64(w.rng.IntN(4)) * 50, int64(w.rng.IntN(4)) * 100})
	}
	return w
}

func (w *soleWorld) daemonSet(name string, s size) {
	w.daemons.milliVCPU += s.milliVCPU
	w.daemons.memoryMiB += s.memoryMiB
	labels := map[string]string{"app": name}
	ds := &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name, UID: apitypes.UID(name)},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
					Containers:  []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: amounts(s)}}},
				},
			},
		},
	}
	if _, err := w.client.AppsV1().DaemonSets("kube-system").Create(w.Context(), ds, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
	w.arrive(func() error {
		_, err := w.informers.Apps().V1().DaemonSets().Lister().DaemonSets("kube-system").Get(name)
		return err
	})
}

// holds reports whether there is room for a pod of the size beside the DaemonSets.
func (w *soleWorld) holds(free corev1.ResourceList, s size) bool {
	return free.Cpu().MilliValue() >= s.milliVCPU+w.daemons.milliVCPU && free.Memory().Value() >= (s.memoryMiB+w.daemons.memoryMiB)<<20
}

// smallest is the cheapest type that holds a pod of the size.
func (w *soleWorld) smallest(s size) string {
	all, err := instancetype.Builtin().Resolve([]string{"fargate"})
	if err != nil {
		w.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(t instancetype.Type) bool {
		free := nodetemplate.Node("n", &nodetemplate.Spec{Type: t}).Status.Allocatable
		return t.Architecture != instancetype.AMD64 || !w.holds(free, s)
	})
	if len(all) == 0 {
		w.Fatalf("nothing holds %+v beside %+v", s, w.daemons)
	}
	return slices.MinFunc(all, func(a, b instancetype.Type) int { return cmp.Compare(a.Cost(), b.Cost()) }).Name
}

func (w *soleWorld) submit(s size) {
	w.serial++
	name := fmt.Sprint("p", w.serial)
	w.wanted[name] = s
	w.create(pod(name, ofSize(s)))
}

// schedule gives free nodes to pods that fit there, as batch-scheduler does, and lets some pods that run end.
func (w *soleWorld) schedule() {
	pods, err := w.client.CoreV1().Pods("jobs").List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		switch {
		case p.Status.Phase == corev1.PodSucceeded && w.rng.IntN(2) == 0:
			if err := w.client.CoreV1().Pods("jobs").Delete(w.Context(), p.Name, metav1.DeleteOptions{}); err != nil {
				w.Fatal(err)
			}
		case p.Status.Phase == corev1.PodRunning && w.rng.IntN(4) == 0:
			w.finish(p.Name)
		case p.Spec.NodeName == "":
			w.place(p.Name)
		}
	}
}

func (w *soleWorld) finish(name string) {
	w.change(name, func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
	delete(w.wanted, name)
}

// place claims a node for a pod, and in a later round binds it there.
func (w *soleWorld) place(name string) {
	n := w.find(name)
	switch {
	case n == nil:
	case n.Annotations[batchmeta.Tenant] == "":
		n.Annotations = map[string]string{batchmeta.Tenant: name}
		if _, err := w.client.CoreV1().Nodes().Update(w.Context(), n, metav1.UpdateOptions{}); err != nil {
			w.Logf("claim: %v", err) // it is gone
		}
	case w.tenants[n.Name] != "":
		w.Fatalf("%s was given to %s and to %s", n.Name, w.tenants[n.Name], name)
	default:
		w.tenants[n.Name] = name
		w.change(name, func(p *corev1.Pod) { p.Spec.NodeName, p.Status.Phase = n.Name, corev1.PodRunning })
	}
}

// find is the node that is claimed for the pod, or a free one that it fits on; nil if there is none.
func (w *soleWorld) find(name string) (free *corev1.Node) {
	nodes, err := w.client.CoreV1().Nodes().List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	for i := range nodes.Items {
		n := &nodes.Items[i]
		if n.Labels[batchmeta.SoleTenant] != "true" || len(n.Spec.Taints) > 2 || !w.holds(n.Status.Allocatable, w.wanted[name]) {
			continue
		}
		switch n.Annotations[batchmeta.Tenant] {
		case name:
			return n
		case "":
			free = n
		}
	}
	return free
}

// admit submits what waits, in order, as far as maxvCpus allows, as queue-api does.
func (w *soleWorld) admit(waiting []size, maxVCPUs int64) (left []size) {
	room := 1000 * maxVCPUs
	for _, s := range w.wanted {
		room -= s.milliVCPU
	}
	for len(waiting) > 0 && waiting[0].milliVCPU <= room {
		room -= waiting[0].milliVCPU
		w.submit(waiting[0])
		waiting = waiting[1:]
	}
	return waiting
}

// TestFargatePodsAreAloneOnTheSmallestNode lets pods come and go: each has a node of its own, every node is the smallest for
// one of their sizes, and the nodes are gone when the pods are.
func TestFargatePodsAreAloneOnTheSmallestNode(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		const maxVCPUs = 24
		w := newSoleWorld(t, seed, fargateEnvironment(types.CRTypeFargate, maxVCPUs))
		smallest, waiting := map[string]bool{}, []size(nil)
		for range 3 + w.rng.IntN(6) {
			s := fargateSizes[w.rng.IntN(len(fargateSizes))]
			smallest[w.smallest(s)] = true
			waiting = append(waiting, s)
		}
		w.loops("all pods are over and all nodes gone", func() bool {
			w.schedule()
			waiting = w.admit(waiting, maxVCPUs)
			return len(waiting) == 0 && len(w.wanted) == 0 && w.instances() == 0
		})
		for _, req := range w.fleet.Launches() {
			if !smallest[req.Type.Name] || req.Labels[batchmeta.SoleTenant] != "true" {
				t.Errorf("seed %d: launched %s with labels %v", seed, req.Type.Name, req.Labels)
			}
		}
		t.Logf("seed %d: %d pods, %d instances, DaemonSets %+v", seed, w.serial, w.launched(), w.daemons)
	}
}

// TestAFargatePodsNodeGoesAtOnce: the delay for idle nodes is not for them.
func TestAFargatePodsNodeGoesAtOnce(t *testing.T) {
	t.Parallel()
	for kind, capacityType := range map[types.CRType]string{
		types.CRTypeFargate: batchmeta.CapacityOnDemand, types.CRTypeFargateSpot: batchmeta.CapacitySpot,
	} {
		w := newSoleWorld(t, 1, fargateEnvironment(kind, 16))
		w.options.ScaleDownDelay = time.Hour // of which each loop takes a second
		w.restart()
		w.submit(size{250, 512})
		w.loops("its node", func() bool {
			w.place("p1")
			return len(w.tenants) == 1
		})
		if req := w.fleet.Launches()[0]; req.CapacityType != capacityType {
			t.Errorf("%s is %s", kind, req.CapacityType)
		}
		w.finish("p1")
		before := w.clock.Now()
		w.loops("no node", func() bool { return w.instances() == 0 })
		if took := w.clock.Since(before); took >= w.options.ScaleDownDelay {
			t.Errorf("the node went after %v", took)
		}
	}
}

// TestMaxvCpusCountsWhatFargatePodsAskFor: pods that nobody admitted get no more nodes than would be within it.
func TestMaxvCpusCountsWhatFargatePodsAskFor(t *testing.T) {
	t.Parallel()
	w := newSoleWorld(t, 1, fargateEnvironment(types.CRTypeFargate, 1))
	for range 7 {
		w.submit(size{250, 512})
	}
	w.loops("four nodes", func() bool { return len(w.nodeNames()) == 4 })
	w.loop(5)
	if got := w.launched(); got != 4 {
		t.Errorf("launched %d instances for pods of 0.25 vCPU, maxvCpus is 1", got)
	}
}

// TestAClaimedNodeIsStillThePods: between claim and Binding nothing is bought for the pod, and the node does not go.
func TestAClaimedNodeIsStillThePods(t *testing.T) {
	t.Parallel()
	w := newSoleWorld(t, 1, fargateEnvironment(types.CRTypeFargate, 16))
	w.submit(size{250, 512})
	w.loops("a claim", func() bool {
		n := w.find("p1")
		if n != nil && n.Annotations[batchmeta.Tenant] == "" {
			w.place("p1")
		}
		return n != nil && n.Annotations[batchmeta.Tenant] != ""
	})
	w.loop(20)
	if got := w.launched(); got != 1 || w.instances() != 1 {
		t.Errorf("%d instances were launched and %d are left, want 1", got, w.instances())
	}
}

// TestFargateOnEC2: an instance for each pod, whose node says by its user data that it is for one.
func TestFargateOnEC2(t *testing.T) {
	t.Parallel()
	for kind, capacityType := range map[types.CRType]string{
		types.CRTypeFargate: batchmeta.CapacityOnDemand, types.CRTypeFargateSpot: batchmeta.CapacitySpot,
	} {
		r, cloud := newEC2Rig(t, kind)
		for _, name := range []string{"a", "b", "c"} { // a machine would hold two
			r.create(pod(name, ofSize(size{250, 512})))
		}
		r.loops("three nodes", func() bool { return len(r.nodeNames()) == 3 })
		for _, i := range cloud.Instances() {
			if i.Capacity != capacityType || kind == types.CRTypeFargate && i.Type != "c6i.large" {
				t.Errorf("%s has a %s %s", kind, i.Capacity, i.Type)
			}
		}
		for _, name := range r.nodeNames() {
			node, err := r.client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
			if err != nil || node.Labels[batchmeta.SoleTenant] != "true" {
				t.Errorf("labels %v, %v", node.Labels, err)
			}
		}
	}
}
