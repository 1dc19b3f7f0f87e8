// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// startedGang returns a cluster with a gang of three that runs.
func startedGang(t *testing.T, onLoss string) (*plugintest.Cycles, []*corev1.Pod) {
	t.Helper()
	members := plugintest.Gang("g", 3, 1)
	for i, pod := range members {
		pod.Spec.NodeName = threeNodes[i].Name
		if onLoss != "" {
			pod.Annotations[batchmeta.GangOnMemberLoss] = onLoss
		}
	}
	return plugintest.NewCycles(t, members...), members
}

func deletePod(t *testing.T, c *plugintest.Cycles, name string) {
	t.Helper()
	if err := c.Client.CoreV1().Pods(plugintest.Namespace).Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// left returns how many pods there are.
func left(t *testing.T, c *plugintest.Cycles) int {
	t.Helper()
	pods, err := c.Client.CoreV1().Pods(plugintest.Namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(pods.Items)
}

// watched lets the plugin look at its gangs some times, as the clock goes on for d.
func watched(c *plugintest.Cycles, d time.Duration) {
	for range 3 {
		c.Await("the plugin waits for its next look", c.Clock.HasWaiters)
		c.Clock.Step(d / 3)
	}
	c.Await("the plugin waits for its next look", c.Clock.HasWaiters)
}

// awaitSteps waits until cond holds as the clock goes on.
func awaitSteps(c *plugintest.Cycles, step time.Duration, what string, cond func() bool) {
	c.Await(what, func() bool {
		c.Clock.Step(step)
		return cond()
	})
}

func TestGangThatRestartsIsHandedBackAtOnce(t *testing.T) {
	c, members := startedGang(t, batchmeta.MemberLossRestart)
	var marks []string
	c.Client.PrependReactor("patch", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		marks = append(marks, string(action.(clienttesting.PatchAction).GetPatch()))
		return false, nil, nil
	})
	watched(c, 3*time.Second)
	if got := left(t, c); got != 3 {
		t.Fatalf("%d of 3 members are left of a gang that lost none", got)
	}
	deletePod(t, c, members[1].Name)
	c.Await("the loss is known", func() bool { return len(c.Ledger.Short()) == 1 || left(t, c) < 2 })
	awaitSteps(c, time.Second, "the others are handed back", func() bool { return left(t, c) == 0 })
	const want = `"reason":"GangMemberLost","message":"gang g: 2 of the 3 members that it needs are left"`
	if len(marks) != 2 || !strings.Contains(marks[0], want) || !strings.Contains(marks[1], want) {
		t.Errorf("conditions %q, want two with %s", marks, want)
	}
}

// TestGangThatIsNotReplacedIsHandedBackInTime is volcano#5805: after its node is repaired, another pod takes the slot of
// the lost member, and the gang is stuck below its min.
func TestGangThatIsNotReplacedIsHandedBackInTime(t *testing.T) {
	c, members := startedGang(t, batchmeta.MemberLossReplace)
	deletePod(t, c, members[1].Name)
	heir := members[1].DeepCopy()
	heir.Name, heir.UID, heir.Spec.NodeName = "heir", "uid-of-heir", ""
	if err := c.Client.Tracker().Add(heir); err != nil {
		t.Fatal(err)
	}
	c.Await("the loss is known", func() bool { return len(c.Ledger.Short()) == 1 && c.Ledger.Obstacle(heir) == "" })
	const full = "gang g: 2 of 3 members fit"
	c.Set(threeNodes, members[0], members[2], plugintest.On(plugintest.Pod("thief", 1), threeNodes[1].Name),
		plugintest.On(plugintest.Pod("more", 1), threeNodes[0].Name), plugintest.On(plugintest.Pod("yet-more", 1), threeNodes[2].Name))
	_, status := c.Cycle(heir).PreFilter()
	wantReason(t, status, full)

	watched(c, 4*time.Minute)
	if got := left(t, c); got != 3 {
		t.Fatalf("%d of 3 pods are left before the bound", got)
	}
	awaitSteps(c, time.Minute, "those that run are handed back", func() bool { return left(t, c) == 1 })
	c.Await("the gang waits until all exist", func() bool { return strings.HasSuffix(c.Ledger.Obstacle(heir), "1 of 3 members exist") })
}

func TestReplacedMemberKeepsItsGang(t *testing.T) {
	c, members := startedGang(t, batchmeta.MemberLossReplace)
	deletePod(t, c, members[1].Name)
	c.Await("the loss is known", func() bool { return len(c.Ledger.Short()) == 1 })
	watched(c, 4*time.Minute)
	heir := members[1].DeepCopy()
	heir.Name, heir.UID = "heir", "uid-of-heir"
	if err := c.Client.Tracker().Add(heir); err != nil {
		t.Fatal(err)
	}
	c.Await("the gang is whole", func() bool { return len(c.Ledger.Short()) == 0 })
	watched(c, 10*time.Minute)
	if got := left(t, c); got != 3 {
		t.Errorf("%d of 3 members are left", got)
	}
}

func TestGangThatAsksForNothingIsLeftAlone(t *testing.T) {
	c, members := startedGang(t, "")
	deletePod(t, c, members[1].Name)
	watched(c, time.Hour)
	if got := left(t, c); got != 2 {
		t.Errorf("%d of 2 members are left", got)
	}
}
