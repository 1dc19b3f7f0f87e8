// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/gangfit"
	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestGangThatFitsIsBound(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 2), plugintest.Node("b", 2))
	members := plugintest.Gang("g", 2, 2)
	c.CreatePods(members[1])
	c.CreatePods(members[0])
	c.AwaitBound(plugintest.Names(members)...)
	for _, binding := range c.Bindings() {
		want := map[string]string{batchmeta.NodeUID: "uid-of-" + binding.Target.Name}
		if diff := cmp.Diff(want, binding.Annotations); diff != "" {
			t.Errorf("annotations of the Binding of %s (-want +got):\n%s", binding.Name, diff)
		}
		if got := c.Pod(binding.Name).Annotations[batchmeta.NodeUID]; got != want[batchmeta.NodeUID] {
			t.Errorf("pod %s has node UID %q, want %q", binding.Name, got, want[batchmeta.NodeUID])
		}
	}
}

func TestGangThatDoesNotFitHoldsNothing(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 2))
	members := plugintest.Gang("g", 2, 2)
	c.CreatePods(members...)
	c.AwaitUnschedulable("gang g: 1 of 2 members fit; short of 1 × 2 cpu", plugintest.Names(members)...)
	if got := c.Reserved(); len(got) > 0 {
		t.Errorf("reserved: %v", got)
	}
	c.CreatePods(plugintest.Pod("single", 2))
	c.AwaitBound("single") // nobody waits behind the gang
	if got := c.Bindings(); len(got) != 1 {
		t.Errorf("bindings: %v", got)
	}
}

func TestWaitingGangTakesANewNode(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 2))
	members := plugintest.Gang("g", 2, 2)
	c.CreatePods(members...)
	c.AwaitUnschedulable("1 of 2 members fit", plugintest.Names(members)...)
	c.CreateNodes(plugintest.Node("b", 2))
	c.AwaitBound(plugintest.Names(members)...)
}

func TestWaitingGangTakesFreedRoom(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 2))
	c.CreatePods(plugintest.Pod("single", 1))
	c.AwaitBound("single")
	members := plugintest.Gang("g", 2, 1)
	c.CreatePods(members...)
	c.AwaitUnschedulable("1 of 2 members fit", plugintest.Names(members)...)
	c.DeletePods("single")
	c.AwaitBound(plugintest.Names(members)...)
}

func TestClusterGrowsFromNoNode(t *testing.T) {
	c := plugintest.Start(t)
	members := plugintest.Gang("g", 2, 2)
	c.CreatePods(members...)
	c.CreatePods(plugintest.Pod("single", 1))
	names := append(plugintest.Names(members), "single")
	c.AwaitUnschedulable("no nodes available", names...)
	c.CreateNodes(plugintest.Node("a", 5))
	c.AwaitBound(names...)
}

func TestIncompleteGangIsNotTried(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 8))
	members := plugintest.Gang("g", 3, 1)
	c.CreatePods(members[:2]...)
	c.CreatePods(plugintest.Pod("single", 1))
	c.AwaitBound("single") // by now the members were tried too, if they ever are
	if got := c.Bound("g-0", "g-1"); got != 0 {
		t.Fatalf("%d members of an incomplete gang are bound", got)
	}
	c.CreatePods(members[2])
	c.AwaitBound(plugintest.Names(members)...)
}

func TestCompetingGangsEachGetAllOrNothing(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 2), plugintest.Node("b", 2), plugintest.Node("c", 1))
	red, blue := plugintest.Gang("red", 3, 1), plugintest.Gang("blue", 3, 1)
	for i := range red {
		c.CreatePods(red[i], blue[i])
	}
	c.Await("one gang is bound and the other refused", func() bool {
		n := c.Bound(plugintest.Names(red)...)
		m := c.Bound(plugintest.Names(blue)...)
		return n+m == 3 && (n == 3 || m == 3)
	})
	winner, loser := red, blue
	if c.Bound("red-0") == 0 {
		winner, loser = blue, red
	}
	c.AwaitUnschedulable("2 of 3 members fit", plugintest.Names(loser)...)
	if got := c.Reserved(); len(got) > 0 {
		t.Errorf("reserved: %v", got)
	}
	c.DeletePods(plugintest.Names(winner)...)
	c.AwaitBound(plugintest.Names(loser)...)
}

func TestRestOfAStartedGangIsBoundAfterARestart(t *testing.T) {
	members := plugintest.Gang("g", 3, 1)
	members[0].Spec.NodeName = "a"
	c := plugintest.Start(t, plugintest.Node("a", 1), plugintest.Node("b", 2), members[0], members[1], members[2])
	c.AwaitBound(plugintest.Names(members)...)
}

func TestFailedBindIsRepaired(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 4))
	failures := 0
	c.FailBind(func(b *corev1.Binding) error {
		if b.Name == "g-1" && failures == 0 {
			failures++
			return errors.New("the API server is unwell")
		}
		return nil
	})
	members := plugintest.Gang("g", 3, 1)
	c.CreatePods(members...)
	c.AwaitBound(plugintest.Names(members)...)
	if failures != 1 {
		t.Errorf("%d binds failed, want 1", failures)
	}
}

func TestElasticGangStartsWithItsMin(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 2))
	members := plugintest.Gang("g", 3, 1)
	for _, pod := range members {
		pod.Annotations[batchmeta.GangMin] = "2"
	}
	c.CreatePods(members...)
	c.Await("two are bound", func() bool { return c.Bound(plugintest.Names(members)...) == 2 })
	c.CreateNodes(plugintest.Node("b", 2))
	c.AwaitBound(plugintest.Names(members)...)
}

func TestMembersThatShunEachOtherAreSpread(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 8), plugintest.Node("b", 8))
	members := plugintest.Gang("g", 2, 1)
	members[0].Labels["role"], members[1].Labels["role"] = "main", "other"
	members[0].Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey:   corev1.LabelHostname,
			LabelSelector: plugintest.Selector("role", "other"),
		}},
	}}
	c.CreatePods(members...)
	c.AwaitBound(plugintest.Names(members)...)
	if a, b := c.Pod("g-0").Spec.NodeName, c.Pod("g-1").Spec.NodeName; a == b {
		t.Errorf("both members are on node %s", a)
	}
}

func TestMalformedGangSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		annotations map[string]string
		want        string
	}{
		"no size":           {want: "gang g: annotation muster.sh/gang-size is missing"},
		"size is no number": {map[string]string{batchmeta.GangSize: "two"}, `annotation muster.sh/gang-size: "two" is not a whole number`},
		"min above size":    {map[string]string{batchmeta.GangSize: "2", batchmeta.GangMin: "3"}, "3 is more than the size, 2"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := plugintest.Start(t, plugintest.Node("a", 8))
			members := plugintest.Gang("g", 2, 1)
			for _, pod := range members {
				pod.Annotations = tc.annotations
			}
			c.CreatePods(members...)
			c.AwaitCondition(gangfit.ReasonGangNotReady, tc.want, plugintest.Names(members)...)
		})
	}
}
