// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// fitting returns the nodes that a cycle finds for a pod.
func fitting(t *testing.T, c *plugintest.Cycles, pod *corev1.Pod) []string {
	t.Helper()
	cycle := c.Cycle(pod)
	if _, status := cycle.PreFilter(); !status.IsSuccess() {
		t.Fatalf("pod %s: %v", pod.Name, status)
	}
	infos, err := c.Framework.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, info := range infos {
		if c.Framework.RunFilterPlugins(context.Background(), cycle.State, pod, info).IsSuccess() {
			names = append(names, info.Node().Name)
		}
	}
	return names
}

func TestSeatsOfAnOpenPlanAreKept(t *testing.T) {
	t.Parallel()
	c, members, _, node := startPair(t)
	seat := planned(c, members[1])
	c.Set(threeNodes, plugintest.On(members[0], node))
	later, earlier := plugintest.Pod("z", 1), plugintest.Pod("z", 1)
	later.CreationTimestamp = metav1.NewTime(later.CreationTimestamp.Add(time.Second))
	earlier.Annotations = map[string]string{batchmeta.Rank: "1"}
	if got := fitting(t, c, later); len(got) != 1 || got[0] == seat {
		t.Errorf("who comes after the gang may take %v; %s is kept for it, and it is on %s", got, seat, node)
	}
	if got := fitting(t, c, earlier); len(got) != 2 {
		t.Errorf("who comes before the gang may take %v, want all that is free", got)
	}
	second := c.Cycle(members[1])
	if second.Place() != seat {
		t.Error("the second member did not get its seat")
	}
	c.Set(threeNodes, plugintest.On(members[0], node))
	if got := fitting(t, c, later); len(got) != 2 {
		t.Errorf("after the gang's release a pod may take %v, want all that is free", got)
	}
}

func TestSeatsOfAWithdrawnPlanAreFree(t *testing.T) {
	t.Parallel()
	c, members, first, node := startPair(t)
	first.Unreserve(node)
	c.Set(threeNodes)
	if got := fitting(t, c, plugintest.Pod("z", 1)); len(got) != len(threeNodes) {
		t.Errorf("a pod may take %v, want all nodes; the plan of %s is withdrawn", got, members[0].Name)
	}
}
