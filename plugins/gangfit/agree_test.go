// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const gpu = "nvidia.com/gpu"

// TestCountingAgreesWithTrial plans random gangs on random clusters by counting and member by member. When all members are
// alike, both must seat as many. For members that differ both are heuristics; then counting may lose only rarely.
func TestCountingAgreesWithTrial(t *testing.T) {
	const seed, cases = 20250602, 3000
	rng := rand.New(rand.NewPCG(seed, seed))
	c := plugintest.NewCycles(t)
	seated := map[bool]int{}
	better, worse := 0, 0
	for i := range cases {
		nodes, running := randomCluster(rng)
		c.Set(nodes, running...)
		members, kinds := randomGang(rng, i)
		counted, one := planBoth(t, c, members)
		checkSeats(t, nodes, running, members, counted)
		seated[counted != nil]++
		switch {
		case len(counted) == len(one):
		case kinds == 1:
			t.Fatalf("case %d: counting seats %d members, trial %d", i, len(counted), len(one))
		case len(counted) > len(one):
			better++
		default:
			worse++
		}
	}
	t.Logf("%d gangs fit, %d do not; of those with members that differ, counting did better in %d cases and worse in %d",
		seated[true], seated[false], better, worse)
	if worse > cases/200 {
		t.Errorf("counting did worse in %d of %d cases", worse, cases)
	}
}

func planBoth(t *testing.T, c *plugintest.Cycles, members []*corev1.Pod) (counted, one map[types.UID]string) {
	t.Helper()
	ctx, draft := context.Background(), draftOf(members)
	if counts, err := c.GangFit.Counts(ctx, draft); err != nil || !counts {
		t.Fatalf("counting is enough: %v, %v", counts, err)
	}
	counted, reason, err := c.GangFit.Fill(ctx, draft)
	if err != nil || (reason == "") != (len(counted) > 0) {
		t.Fatalf("fill: %d seats, %q, %v", len(counted), reason, err)
	}
	one, _, err = c.GangFit.FillOneByOne(ctx, draft)
	if err != nil {
		t.Fatal(err)
	}
	return counted, one
}

// draftOf returns the draft for a gang all of whose members are pending.
func draftOf(members []*corev1.Pod) *gang.Draft {
	ledger := gang.NewLedger()
	for _, pod := range members {
		ledger.Observe(pod)
	}
	return ledger.Turn(members[0]).Draft
}

// checkSeats checks that the nodes have room for the members that got seats there, and let them in.
func checkSeats(t *testing.T, nodes []*corev1.Node, running, members []*corev1.Pod, seats map[types.UID]string) {
	t.Helper()
	infos := map[string]*framework.NodeInfo{}
	for _, node := range nodes {
		info := framework.NewNodeInfo()
		info.SetNode(node)
		infos[node.Name] = info
	}
	for _, pod := range running {
		infos[pod.Spec.NodeName].AddPod(pod)
	}
	for _, pod := range members {
		if seats[pod.UID] == "" {
			continue
		}
		info := infos[seats[pod.UID]]
		info.AddPod(pod)
		has, used := info.Allocatable, info.Requested
		asked := framework.NewResource(pod.Spec.Containers[0].Resources.Requests)
		if (asked.MilliCPU > 0 && used.MilliCPU > has.MilliCPU) || (asked.Memory > 0 && used.Memory > has.Memory) ||
			used.ScalarResources[gpu] > has.ScalarResources[gpu] || len(info.Pods) > has.AllowedPodNumber {
			t.Fatalf("node %s is overfull: %v of %v", info.Node().Name, used, has)
		}
		if zone, ok := pod.Spec.NodeSelector["zone"]; ok && zone != info.Node().Labels["zone"] {
			t.Fatalf("pod %s is on node %s", pod.Name, info.Node().Name)
		}
	}
}

func randomCluster(rng *rand.Rand) (nodes []*corev1.Node, running []*corev1.Pod) {
	for i := range 1 + rng.IntN(8) {
		name := "n" + strconv.Itoa(i)
		has := map[corev1.ResourceName]string{
			"cpu": strconv.Itoa(1 + rng.IntN(8)), "memory": strconv.Itoa(1+rng.IntN(16)) + "Gi", "pods": strconv.Itoa(2 + rng.IntN(8)),
		}
		if rng.IntN(3) == 0 {
			has[gpu] = strconv.Itoa(1 + rng.IntN(4))
		}
		node := st.MakeNode().Name(name).UID(name).Label(corev1.LabelHostname, name).Label("zone", strconv.Itoa(rng.IntN(3))).Capacity(has)
		switch rng.IntN(8) {
		case 0:
			node.Taints([]corev1.Taint{{Key: "k", Effect: corev1.TaintEffectNoSchedule}})
		case 1:
			node.Taints([]corev1.Taint{{Key: "k", Effect: corev1.TaintEffectPreferNoSchedule}})
		case 2:
			node.Unschedulable(true)
		}
		nodes = append(nodes, node.Obj())
		for range rng.IntN(3) {
			pod := plugintest.On(plugintest.Pod("on-"+name+strconv.Itoa(len(running)), rng.IntN(3)), name)
			if rng.IntN(4) == 0 {
				pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80, Protocol: corev1.ProtocolTCP}}
			}
			running = append(running, pod)
		}
	}
	return nodes, running
}

// randomGang returns the members of a gang and how many kinds there are among them.
func randomGang(rng *rand.Rand, i int) (members []*corev1.Pod, kinds int) {
	size := 1 + rng.IntN(12)
	kinds = 1 + rng.IntN(2)
	for k := range kinds {
		like := plugintest.Gang("g"+strconv.Itoa(i)+"-"+strconv.Itoa(k), size, rng.IntN(4))
		changeAll(rng, like)
		members = append(members, like...)
	}
	least := strconv.Itoa(1 + rng.IntN(len(members)))
	for _, pod := range members {
		pod.Labels[batchmeta.Gang] = "g"
		pod.Annotations[batchmeta.GangSize] = strconv.Itoa(len(members))
		pod.Annotations[batchmeta.GangMin] = least
	}
	return members, kinds
}

func changeAll(rng *rand.Rand, pods []*corev1.Pod) {
	memory, wantsGPU, tolerates, zone, port := rng.IntN(6), rng.IntN(4) == 0, rng.IntN(2) == 0, rng.IntN(6), rng.IntN(6) == 0
	for _, pod := range pods {
		requests := pod.Spec.Containers[0].Resources.Requests
		if memory > 0 {
			requests["memory"] = quantity(strconv.Itoa(memory) + "Gi")
		}
		if wantsGPU {
			requests[gpu] = quantity("1")
		}
		if tolerates {
			pod.Spec.Tolerations = []corev1.Toleration{{Key: "k", Operator: corev1.TolerationOpExists}}
		}
		if zone < 3 {
			pod.Spec.NodeSelector = map[string]string{"zone": strconv.Itoa(zone)}
		}
		if port {
			pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80, Protocol: corev1.ProtocolTCP}}
		}
	}
}
