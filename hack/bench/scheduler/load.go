// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	podGroupsPath = "/apis/scheduling.x-k8s.io/v1alpha1"
	podGroupLabel = "scheduling.x-k8s.io/pod-group"
	gangLabel     = "bench/gang" // of every side's pods, so that they can be told apart
	workers       = 30           // that create at once, as in scheduler_perf
)

// nodes are all alike, those of scheduler_perf: 4 CPUs, 32 GiB, 110 pods.
type nodes struct {
	count int
	zones int // that they are spread over; none by default
}

const nodeCPUs = 4

func nodesOf(count int) nodes { return nodes{count: count} }

func nodesIn(count, zones int) nodes { return nodes{count: count, zones: zones} }

// gangOf is pods that belong together where the side knows of gangs.
type gangOf struct {
	name     string
	size     int
	topology string // the label under one value of which they must be
}

// workload is what a side is to place.
type workload struct {
	gangs  []gangOf
	single bool   // pods are on their own, with every side
	cpu    string // of each pod
	mixed  bool   // gangs arrive interleaved, their members in random order
}

func (w workload) pods() int {
	n := 0
	for _, g := range w.gangs {
		n += g.size
	}
	return n
}

// gangs makes count gangs of a size.
func gangs(count, size int) []gangOf {
	list := make([]gangOf, count)
	for i := range list {
		list[i] = gangOf{name: fmt.Sprintf("gang-%d-of-%d", i, size), size: size}
	}
	return list
}

func (c *controlPlane) createNodes(ctx context.Context, n nodes) error {
	return inParallel(n.count, func(i int) error {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i)}}
		if n.zones > 0 {
			node.Labels = map[string]string{corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", i%n.zones)}
		}
		node.Status.Capacity = corev1.ResourceList{
			corev1.ResourcePods:   resource.MustParse("110"),
			corev1.ResourceCPU:    *resource.NewQuantity(nodeCPUs, resource.DecimalSI),
			corev1.ResourceMemory: resource.MustParse("32Gi"),
		}
		node.Status.Allocatable = node.Status.Capacity
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		_, err := c.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		return err
	})
}

func (c *controlPlane) createNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	return err
}

// createPodGroups creates coscheduling's objects of the gangs.
func (c *controlPlane) createPodGroups(ctx context.Context, namespace string, w workload) error {
	return inParallel(len(w.gangs), func(i int) error {
		object, err := json.Marshal(map[string]any{
			"apiVersion": "scheduling.x-k8s.io/v1alpha1", "kind": "PodGroup",
			"metadata": map[string]any{"name": w.gangs[i].name, "namespace": namespace},
			"spec":     map[string]any{"minMember": w.gangs[i].size},
		})
		if err != nil {
			return err
		}
		return c.client.Discovery().RESTClient().Post().AbsPath(podGroupsPath+"/namespaces/"+namespace+"/podgroups").
			SetHeader("Content-Type", "application/json").Body(object).Do(ctx).Error()
	})
}

// createPods creates the workload's pods for a side, gang by gang unless they are to be mixed.
func (c *controlPlane) createPods(ctx context.Context, namespace string, s side, w workload) error {
	var pods []*corev1.Pod
	for _, g := range w.gangs {
		for i := range g.size {
			pods = append(pods, s.pod(namespace, w, g, i))
		}
	}
	if w.mixed {
		random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same order for every side
		random.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
	}
	return inParallel(len(pods), func(i int) error {
		_, err := c.client.CoreV1().Pods(namespace).Create(ctx, pods[i], metav1.CreateOptions{})
		return err
	})
}

// deletePods deletes all pods at once, as when their nodes had let them go. One request may not get through them all before
// the API server ends it.
func (c *controlPlane) deletePods(ctx context.Context, namespace string) (err error) {
	for range 5 {
		err = c.client.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}, metav1.ListOptions{})
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("delete pods: %w", err)
}

// pod is a member of a gang, in the side's own words. It is scheduler_perf's pod by default.
func (s side) pod(namespace string, w workload, g gangOf, index int) *corev1.Pod {
	requests := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse(w.cpu),
		corev1.ResourceMemory: resource.MustParse("500Mi"),
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-%d", g.name, index), Namespace: namespace,
			Labels: map[string]string{gangLabel: g.name},
		},
		Spec: corev1.PodSpec{
			SchedulerName: s.schedulerName,
			Containers: []corev1.Container{{
				Name: "pause", Image: "pause",
				Ports:     []corev1.ContainerPort{{ContainerPort: 80}},
				Resources: corev1.ResourceRequirements{Requests: requests, Limits: requests},
			}},
		},
	}
	switch {
	case w.single:
	case s.name == ours.name:
		pod.Labels[batchmeta.Gang] = g.name
		pod.Annotations = map[string]string{batchmeta.GangSize: strconv.Itoa(g.size)}
		if g.topology != "" {
			pod.Annotations[batchmeta.GangTopologyRequired] = g.topology
		}
	case s.name == coscheduling.name:
		pod.Labels[podGroupLabel] = g.name
	}
	return pod
}

// inParallel does count things in about the order of their numbers.
func inParallel(count int, do func(int) error) error {
	var g errgroup.Group
	g.SetLimit(workers)
	for i := range count {
		g.Go(func() error { return do(i) })
	}
	return g.Wait()
}

// String says what the workload is, as a word of a file's name.
func (w workload) String() string {
	switch {
	case w.single:
		return fmt.Sprintf("%d-pods", w.pods())
	case w.gangs[0].topology != "":
		return fmt.Sprintf("%d-gangs-of-%d-in-one-zone", len(w.gangs), w.gangs[0].size)
	}
	return fmt.Sprintf("%d-gangs-of-%d", len(w.gangs), w.gangs[0].size)
}
