// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/plugintest"
)

var threeNodes = []*corev1.Node{plugintest.Node("a", 1), plugintest.Node("b", 1), plugintest.Node("c", 1)}

// startPair plans a gang of two on three nodes of one CPU each and takes its first member to Permit, where it waits.
func startPair(t *testing.T) (*plugintest.Cycles, []*corev1.Pod, *plugintest.Cycle, string) {
	t.Helper()
	members := plugintest.Gang("g", 2, 1)
	c := plugintest.NewCycles(t, members...)
	c.Set(threeNodes)
	first := c.Cycle(members[0])
	node := first.Place()
	if c.Framework.GetWaitingPod(members[0].UID) == nil {
		t.Fatal("the first member does not wait")
	}
	return c, members, first, node
}

func wantReason(t *testing.T, status *framework.Status, want string) {
	t.Helper()
	if !status.IsRejected() || !strings.Contains(status.Message(), want) {
		t.Errorf("status %v %q, want a rejection with %q", status.Code(), status.Message(), want)
	}
}

func TestLastMemberReleasesTheFirst(t *testing.T) {
	c, members, first, node := startPair(t)
	c.Set(threeNodes, plugintest.On(members[0], node))
	if second := c.Cycle(members[1]).Place(); second == node {
		t.Errorf("both members are on node %s", node)
	}
	if status := first.Outcome(); !status.IsSuccess() {
		t.Errorf("the first member is not released: %v", status)
	}
}

func TestFirstMemberActivatesTheOthers(t *testing.T) {
	_, members, first, _ := startPair(t)
	data, err := first.State.Read(framework.PodsToActivateKey)
	if err != nil {
		t.Fatal(err)
	}
	if data.(*framework.PodsToActivate).Map[plugintest.Namespace+"/"+members[1].Name] == nil {
		t.Error("the second member is not activated")
	}
}

// planned returns the node that the second member of a gang of two is pinned to.
func planned(c *plugintest.Cycles, member *corev1.Pod) string {
	return c.Ledger.Turn(member).Pin.Node
}

func TestTakenSeatIsReplanned(t *testing.T) {
	c, members, first, node := startPair(t)
	taken := planned(c, members[1])
	c.Set(threeNodes, plugintest.On(members[0], node), plugintest.On(plugintest.Pod("other", 1), taken))
	if second := c.Cycle(members[1]).Place(); second == node || second == taken {
		t.Errorf("the second member is on node %s; %s and %s are full", second, node, taken)
	}
	if status := first.Outcome(); !status.IsSuccess() {
		t.Errorf("the first member is not released: %v", status)
	}
}

func TestGangGoesBackWholeWhenItsRoomIsTaken(t *testing.T) {
	c, members, first, node := startPair(t)
	running := []*corev1.Pod{plugintest.On(members[0], node)}
	for _, n := range threeNodes {
		if n.Name != node {
			running = append(running, plugintest.On(plugintest.Pod("on-"+n.Name, 1), n.Name))
		}
	}
	c.Set(threeNodes, running...)
	_, status := c.Cycle(members[1]).PreFilter()
	const want = "gang g: 1 of 2 members fit; short of 1 × 1 cpu"
	wantReason(t, status, want)
	wantReason(t, first.Outcome(), want)
}

func TestGangGoesBackWholeWhenAMemberIsDeleted(t *testing.T) {
	c, members, first, _ := startPair(t)
	err := c.Client.CoreV1().Pods(plugintest.Namespace).Delete(context.Background(), members[1].Name, metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantReason(t, first.Outcome(), "gang g: a member was deleted")
}

func TestGangGoesBackWholeWhenAMemberLosesItsPlace(t *testing.T) {
	c, members, first, node := startPair(t)
	c.Set(threeNodes, plugintest.On(members[0], node))
	second := c.Cycle(members[1])
	nodes, _ := second.PreFilter()
	other, _ := nodes.PopAny()
	second.Unreserve(other)
	wantReason(t, first.Outcome(), "gang g: g-1 lost its place")
}

func TestGangGoesBackWholeWhenTheRestDoesNotCome(t *testing.T) {
	c, _, first, _ := startPair(t)
	c.Clock.Step(time.Minute)
	wantReason(t, first.Outcome(), "gang g: not all members reached their nodes within 30.02s")
}

func TestPinnedCycleThatFailsIsReplannedOnceThenTheGangGoesBackWhole(t *testing.T) {
	c, members, first, node := startPair(t)
	c.Set(threeNodes, plugintest.On(members[0], node))
	fail := func() {
		second := c.Cycle(members[1])
		if nodes, status := second.PreFilter(); !status.IsSuccess() || nodes.Len() != 1 {
			t.Fatalf("the second member is not pinned: %v, %v", nodes, status)
		}
		c.Framework.RunPostFilterPlugins(context.Background(), second.State, members[1], framework.NewDefaultNodeToStatus())
	}
	fail()
	if c.Framework.GetWaitingPod(members[0].UID) == nil {
		t.Fatal("the first member does not wait for the second one's other cycle")
	}
	fail()
	wantReason(t, first.Outcome(), "gang g: g-1 did not get its planned node")
}

func TestGangIsPlannedAgainOnlyOnceItsFormerRoomIsFree(t *testing.T) {
	c, members, first, node := startPair(t)
	c.Clock.Step(time.Minute)
	wantReason(t, first.Outcome(), "reached their nodes within")
	c.Set(threeNodes, plugintest.On(members[0], node)) // not forgotten yet
	_, status := c.Cycle(members[1]).PreFilter()
	wantReason(t, status, "gang g: its former room is still being given back")
	c.Set(threeNodes)
	c.Cycle(members[1]).Place()
}

func TestPinHoldsAgainstANomination(t *testing.T) {
	c, members, _, node := startPair(t)
	c.Set(threeNodes, plugintest.On(members[0], node))
	second := c.Cycle(members[1])
	nodes, _ := second.PreFilter()
	for _, n := range threeNodes {
		info := framework.NewNodeInfo()
		info.SetNode(n)
		status := c.Framework.RunFilterPlugins(context.Background(), second.State, members[1], info)
		if status.IsSuccess() != nodes.Has(n.Name) {
			t.Errorf("filter of node %s: %v; the pin is %v", n.Name, status, nodes)
		}
	}
}

func TestPodOfNoGangIsNotPinned(t *testing.T) {
	single := plugintest.Pod("single", 1)
	c := plugintest.NewCycles(t, single)
	c.Set(threeNodes)
	cycle := c.Cycle(single)
	nodes, status := cycle.PreFilter()
	if !status.IsSuccess() || nodes != nil {
		t.Errorf("nodes %v, %v", nodes, status)
	}
	if status := cycle.Permit("a"); !status.IsSuccess() {
		t.Errorf("permit: %v", status)
	}
}

// TestPlanHonoursEveryFilter has gangs of two which some rule keeps off all nodes but one, or off one another's node.
func TestPlanHonoursEveryFilter(t *testing.T) {
	t.Parallel()
	nodes := []*corev1.Node{plugintest.Node("a", 4), plugintest.Node("b", 4)}
	nodes[1].Labels["zone"], nodes[0].Labels["zone"] = "z2", "z1"
	tainted := []*corev1.Node{nodes[0].DeepCopy(), nodes[1]}
	tainted[0].Spec.Taints = []corev1.Taint{{Key: "k", Effect: corev1.TaintEffectNoSchedule}}
	const together = "one node"
	cases := map[string]struct {
		nodes []*corev1.Node
		set   func(spec *corev1.PodSpec)
		want  string // the nodes of the two members; empty when they do not fit
	}{
		"room":          {nodes: nodes, set: func(*corev1.PodSpec) {}, want: together},
		"node selector": {nodes: nodes, set: func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"zone": "z2"} }, want: "b b"},
		"taint":         {nodes: tainted, set: func(*corev1.PodSpec) {}, want: "b b"},
		"node name affinity": {nodes: nodes, set: func(s *corev1.PodSpec) {
			s.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{{
					Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{"b"},
				}}}},
			}}}
		}, want: "b b"},
		"host port": {nodes: nodes, set: func(s *corev1.PodSpec) {
			s.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80}}
		}, want: "a b"},
		"topology spread": {nodes: nodes, set: func(s *corev1.PodSpec) {
			s.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
				MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: plugintest.Selector("muster.sh/gang", "g"),
			}}
		}, want: "a b"},
		"anti-affinity": {nodes: nodes, set: func(s *corev1.PodSpec) {
			s.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: near("zone")}}
		}, want: "a b"},
		"affinity": {nodes: nodes, set: func(s *corev1.PodSpec) {
			s.Containers[0].Resources.Requests["memory"] = quantity("20Gi")
			s.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: near("zone")}}
		}, want: together},
		"a claim that does not exist": {nodes: nodes, set: func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "none"},
			}}}
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			members := plugintest.Gang("g", 2, 1)
			for _, pod := range members {
				tc.set(&pod.Spec)
			}
			c := plugintest.NewCycles(t, members...)
			c.Set(tc.nodes)
			if tc.want == "" {
				_, status := c.Cycle(members[0]).PreFilter()
				wantReason(t, status, "gang g: 0 of 2 members fit")
				return
			}
			first := c.Cycle(members[0]).Place()
			c.Set(tc.nodes, plugintest.On(members[0], first))
			second := c.Cycle(members[1]).Place()
			got := min(first, second) + " " + max(first, second)
			if tc.want == together && first == second {
				got = together
			}
			if got != tc.want {
				t.Errorf("members are on %s, want %s", got, tc.want)
			}
		})
	}
}

func near(key string) []corev1.PodAffinityTerm {
	return []corev1.PodAffinityTerm{{TopologyKey: key, LabelSelector: plugintest.Selector("muster.sh/gang", "g")}}
}

var quantity = resource.MustParse
