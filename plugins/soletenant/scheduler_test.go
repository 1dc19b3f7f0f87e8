// SPDX-License-Identifier: Apache-2.0

package soletenant_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func soleNode(name string, cpus int) *corev1.Node {
	node := plugintest.Node(name, cpus)
	node.Labels[batchmeta.SoleTenant] = "true"
	return node
}

// wantOneEach fails the test if two pods are on one node, or a node's claim is not its pod's.
func wantOneEach(t *testing.T, c *plugintest.Cluster, pods []*corev1.Pod) {
	t.Helper()
	tenants := map[string]string{}
	for _, name := range plugintest.Names(pods) {
		pod := c.Pod(name)
		if pod.Spec.NodeName == "" {
			continue
		}
		if other := tenants[pod.Spec.NodeName]; other != "" {
			t.Errorf("%s and %s are both on %s", other, name, pod.Spec.NodeName)
		}
		tenants[pod.Spec.NodeName] = name
		node, err := c.Client.CoreV1().Nodes().Get(context.Background(), pod.Spec.NodeName, metav1.GetOptions{})
		if err != nil || node.Annotations[batchmeta.Tenant] != string(pod.UID) {
			t.Errorf("%s is claimed by %q, %v; want %s", pod.Spec.NodeName, node.Annotations[batchmeta.Tenant], err, pod.UID)
		}
	}
}

func TestANodeIsNotGivenAwayTwice(t *testing.T) {
	t.Parallel()
	pods := []*corev1.Pod{plugintest.Pod("first", 1), plugintest.Pod("second", 1)}
	c := plugintest.Start(t, soleNode("n0", 8))
	c.CreatePods(pods[0])
	c.AwaitBound("first")
	c.CreatePods(pods[1])
	c.AwaitUnschedulable("node(s) were for one pod each", "second")
	c.DeletePods("first") // it has ended; its node is used all the same
	c.CreatePods(plugintest.Pod("third", 1))
	c.AwaitUnschedulable("node(s) were for one pod each", "third")
	c.CreateNodes(soleNode("n1", 8), soleNode("n2", 8))
	c.AwaitBound("second", "third")
	wantOneEach(t, c, []*corev1.Pod{pods[1], plugintest.Pod("third", 1)})
}

func TestASchedulerThatStartsKnowsWhichNodesAreUsed(t *testing.T) {
	t.Parallel()
	used := soleNode("used", 8)
	used.Annotations = map[string]string{batchmeta.Tenant: "uid-of-one-long-gone"}
	c := plugintest.Start(t, used, plugintest.Pod("p", 1))
	c.AwaitUnschedulable("node(s) were for one pod each", "p")
	c.CreateNodes(soleNode("free", 8))
	c.AwaitBound("p")
	if node := c.Pod("p").Spec.NodeName; node != "free" {
		t.Errorf("bound to %s", node)
	}
}

func TestAGangGetsANodeForEachMember(t *testing.T) {
	t.Parallel()
	gang := plugintest.Gang("g", 3, 1)
	c := plugintest.Start(t, soleNode("n0", 16), soleNode("n1", 16))
	c.CreatePods(gang...)
	c.AwaitUnschedulable("", plugintest.Names(gang)...)
	if n := c.Bound(plugintest.Names(gang)...); n > 0 {
		t.Fatalf("%d members were bound", n)
	}
	c.CreateNodes(soleNode("n2", 16))
	c.AwaitBound(plugintest.Names(gang)...)
	wantOneEach(t, c, gang)
}

// TestRandomPodsAreAlone gives nodes of both kinds to pods and gangs at once.
func TestRandomPodsAreAlone(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		c := plugintest.Start(t)
		var pods []*corev1.Pod
		for i := range 1 + rng.IntN(12) {
			if name := "p" + strconv.Itoa(i); rng.IntN(3) == 0 {
				pods = append(pods, plugintest.Gang(name, 2+rng.IntN(3), 1+rng.IntN(3))...)
			} else {
				pods = append(pods, plugintest.Pod(name, 1+rng.IntN(4)))
			}
		}
		c.CreatePods(pods...)
		for i := range pods {
			c.CreateNodes(soleNode("n"+strconv.Itoa(i), 4+rng.IntN(12)))
		}
		c.AwaitBound(plugintest.Names(pods)...)
		wantOneEach(t, c, pods)
	}
}
