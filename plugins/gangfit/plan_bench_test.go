// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"context"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// largeCluster returns nodes of 4 CPUs in 3 zones, half of them with a pod of 1 CPU.
func largeCluster(size int) (nodes []*corev1.Node, running []*corev1.Pod) {
	for i := range size {
		node := plugintest.Node("n"+strconv.Itoa(i), 4)
		node.Labels[corev1.LabelTopologyZone] = "z" + strconv.Itoa(i%3)
		nodes = append(nodes, node)
		if i%2 == 0 {
			running = append(running, plugintest.On(plugintest.Pod("on-"+node.Name, 1), node.Name))
		}
	}
	return nodes, running
}

// BenchmarkPlan measures how long a gang's plan takes.
func BenchmarkPlan(b *testing.B) {
	for _, nodes := range []int{1000, 5000} {
		c := plugintest.NewCycles(b)
		cluster, running := largeCluster(nodes)
		c.Set(cluster, running...)
		for _, size := range []int{8, 64, 512, nodes} {
			name := strconv.Itoa(nodes) + "Nodes/" + strconv.Itoa(size)
			b.Run(name, func(b *testing.B) { benchmarkFill(b, c, plugintest.Gang("g", size, 1), true) })
			b.Run(name+"TooLarge", func(b *testing.B) { benchmarkFill(b, c, plugintest.Gang("g", size, 5), false) })
			b.Run(name+"WithinZone", func(b *testing.B) {
				benchmarkFill(b, c, annotated(plugintest.Gang("g", size, 1), batchmeta.GangTopologyRequired, corev1.LabelTopologyZone), true)
			})
		}
	}
}

// BenchmarkTrial measures a plan that counting is not enough for.
func BenchmarkTrial(b *testing.B) {
	c := plugintest.NewCycles(b)
	nodes, running := largeCluster(5000)
	c.Set(nodes, running...)
	for _, size := range []int{8, 64, 512} {
		members := plugintest.Gang("g", size, 1)
		for i, pod := range members {
			pod.Labels[batchmeta.NodeIndex] = strconv.Itoa(i)
			pod.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
				MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
				LabelSelector: plugintest.Selector(batchmeta.Gang, "g"),
			}}
		}
		b.Run(strconv.Itoa(size), func(b *testing.B) { benchmarkFill(b, c, members, true) })
	}
}

func benchmarkFill(b *testing.B, c *plugintest.Cycles, members []*corev1.Pod, fits bool) {
	b.Helper()
	draft := draftOf(members)
	for b.Loop() {
		_, reason, err := c.GangFit.Fill(context.Background(), draft)
		if err != nil || (reason == "") != fits {
			b.Fatalf("%q, %v", reason, err)
		}
	}
}

// annotated returns the pods, each with one more annotation.
func annotated(pods []*corev1.Pod, key, value string) []*corev1.Pod {
	for _, pod := range pods {
		pod.Annotations[key] = value
	}
	return pods
}
