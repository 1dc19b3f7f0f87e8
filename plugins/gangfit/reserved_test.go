// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// reserved is a node of four CPUs that the autoscaler bought for a gang.
func reserved(name, gang string, d time.Duration) *corev1.Node {
	node := plugintest.Node(name, 4)
	node.Annotations = map[string]string{batchmeta.Reserved: batchmeta.Reservation{Gang: gang, Until: time.Now().Add(d)}.String()}
	return node
}

// TestReservedNodesAreLeftToTheirGang has a gang wait for the second of its two nodes, and an older pod that would fit on the
// first: it is placed when the gang has its nodes, or needs them no more.
func TestReservedNodesAreLeftToTheirGang(t *testing.T) {
	cases := map[string]func(t *testing.T, c *plugintest.Cluster, members []string){
		"until it has its nodes": func(_ *testing.T, c *plugintest.Cluster, members []string) {
			c.CreateNodes(reserved("b", "default/g", time.Hour))
			c.AwaitBound(members...)
			c.CreateNodes(plugintest.Node("c", 4))
		},
		"until it is gone": func(_ *testing.T, c *plugintest.Cluster, members []string) { c.DeletePods(members...) },
		"until the autoscaler gives the node to nobody": func(t *testing.T, c *plugintest.Cluster, _ []string) {
			t.Helper()
			updateNode(t, c, "a", func(n *corev1.Node) { delete(n.Annotations, batchmeta.Reserved) })
		},
		"until the autoscaler gives the node to a gang that does not wait": func(t *testing.T, c *plugintest.Cluster, _ []string) {
			t.Helper()
			updateNode(t, c, "a", func(n *corev1.Node) { n.Annotations = reserved("a", "default/other", time.Hour).Annotations })
		},
	}
	for name, end := range cases {
		t.Run(name, func(t *testing.T) {
			c := plugintest.Start(t, reserved("a", "default/g", time.Hour))
			members := plugintest.Gang("g", 2, 4)
			names := plugintest.Names(members)
			c.CreatePods(members...)
			c.AwaitUnschedulable("gang g: 1 of 2 members fit", names...)
			c.CreatePods(plugintest.Pod("older", 4), plugintest.Pod("small", 1))
			c.AwaitUnschedulable("keep room for gang default/g", "older", "small")
			end(t, c, names)
			c.Await("one of the pods is placed", func() bool { return c.Bound("older", "small") > 0 })
		})
	}
}

func TestReservationsThatMeanNothing(t *testing.T) {
	cases := map[string]*corev1.Node{
		"for a gang that is not there": reserved("a", "default/unknown", time.Hour),
		"that are over":                reserved("a", "default/g", -time.Second),
	}
	for name, node := range cases {
		t.Run(name, func(t *testing.T) {
			c := plugintest.Start(t, node)
			members := plugintest.Gang("g", 2, 4)
			c.CreatePods(members...)
			c.AwaitUnschedulable("gang g: 1 of 2 members fit", plugintest.Names(members)...)
			c.CreatePods(plugintest.Pod("single", 4))
			c.AwaitBound("single")
		})
	}
}

func updateNode(t *testing.T, c *plugintest.Cluster, name string, change func(*corev1.Node)) {
	t.Helper()
	node, err := c.Client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	change(node)
	if _, err := c.Client.CoreV1().Nodes().Update(t.Context(), node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}
