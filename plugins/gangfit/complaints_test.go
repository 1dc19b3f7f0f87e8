// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/plugins/plugintest/virtual"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// These tests hold what users of other gang schedulers complained of, each under its issue's name. Events are up to 5 s
// late and Bindings take up to 100 ms each way.
var late = virtual.Config{Seed: 7, Lag: 5 * time.Second, Latency: 100 * time.Millisecond}

// nodesOf returns n nodes with so many CPUs.
func nodesOf(n, cpus int) []*corev1.Node {
	nodes := make([]*corev1.Node, n)
	for i := range nodes {
		nodes[i] = plugintest.Node(fmt.Sprintf("n%03d", i), cpus)
	}
	return nodes
}

// settle waits until the cluster is at rest.
func settle(c *virtual.Cluster) {
	c.Helper()
	if !c.Settle(15*time.Second, 5*time.Minute, nil) {
		c.Fatalf("the cluster does not come to rest:\n%s", c.History("", 10*time.Second))
	}
}

// wantBound fails the test unless so many of the gang's members are bound.
func wantBound(c *virtual.Cluster, members []*corev1.Pod, want int) {
	c.Helper()
	if n := c.Bound(plugintest.Names(members)...); n != want {
		c.Fatalf("%d of %d members of %s are bound, want %d", n, len(members), members[0].Labels[batchmeta.Gang], want)
	}
}

// wantReasons fails the test unless every member says why it waits.
func wantReasons(c *virtual.Cluster, members []*corev1.Pod, text string) {
	c.Helper()
	for _, pod := range members {
		condition := plugintest.Condition(c.Pod(pod.Name))
		if condition == nil || !strings.Contains(condition.Message, text) {
			c.Fatalf("%s does not say %q: %+v", pod.Name, text, condition)
		}
	}
}

func deletePods(c *virtual.Cluster, pods []*corev1.Pod) {
	for _, pod := range pods {
		c.Delete(pod.Name)
	}
}

// interleave adds the members of the gangs in turn, so many a second.
func interleave(c *virtual.Cluster, perSecond int, gangs ...[]*corev1.Pod) {
	added := 0
	for i := range 100 { // no gang here is larger
		for _, members := range gangs {
			if i >= len(members) {
				continue
			}
			c.AddPods(members[i])
			if added++; added%perSecond == 0 {
				c.Step(time.Second)
			}
		}
	}
}

// volcano#3373: two jobs of 100 pods each held half of 100 nodes, and neither ran.
func TestTwoGangsDoNotEachHoldHalfOfTheNodes(t *testing.T) {
	virtual.Run(t, late, func(c *virtual.Cluster) {
		c.AddNodes(nodesOf(100, 1)...)
		c.Lead()
		red, blue := plugintest.Gang("red", 100, 1), plugintest.Gang("blue", 100, 1)
		interleave(c, 40, red, blue)
		settle(c)
		winner, loser := red, blue
		if c.Bound("red-0") == 0 {
			winner, loser = blue, red
		}
		wantBound(c, winner, 100)
		wantBound(c, loser, 0)
		deletePods(c, winner)
		settle(c)
		wantBound(c, loser, 100)
	})
}

// volcano#5805 (C12): after a node was repaired another pod took the slot of the gang's lost member, and the gang stayed
// below its min for ever.
func TestGangThatLosesItsSlotAfterNodeRepairIsNotStuckBelowMin(t *testing.T) {
	for _, onLoss := range []string{batchmeta.MemberLossReplace, batchmeta.MemberLossRestart} {
		t.Run(onLoss, func(t *testing.T) {
			virtual.Run(t, late, func(c *virtual.Cluster) {
				c.AddNodes(nodesOf(2, 1)...)
				c.Lead()
				members := plugintest.Gang("g", 3, 1)
				for _, pod := range members {
					pod.Annotations[batchmeta.GangSize] = "2"
					pod.Annotations[batchmeta.GangOnMemberLoss] = onLoss
				}
				spare := members[2] // takes the place of the one that is lost
				members = members[:2]
				c.AddPods(members...)
				settle(c)
				wantBound(c, members, 2)

				node := c.Pod(members[1].Name).Spec.NodeName
				c.RemoveNode(node, true)
				c.Step(10 * time.Second)
				other := plugintest.Pod("other", 1)
				c.AddNodes(plugintest.Node(node, 1))
				c.AddPods(other)
				c.Step(10 * time.Second)
				wantBound(c, []*corev1.Pod{other}, 1)
				c.AddPods(spare)
				c.Step(6 * time.Minute) // the bound is 5 minutes
				if c.Pod(members[0].Name) != nil {
					c.Fatalf("the gang runs on with 1 of 2:\n%s", c.History("g-", time.Hour))
				}

				again := plugintest.Gang("g", 4, 1)[3:] // its maker begins anew
				again[0].Annotations = spare.Annotations
				c.AddPods(again...)
				settle(c)
				wantBound(c, []*corev1.Pod{spare, again[0]}, 0) // and waits, holding nothing
				c.Delete("other")
				settle(c)
				wantBound(c, []*corev1.Pod{spare, again[0]}, 2)
			})
		})
	}
}

// scheduler-plugins#713 (C14): the assumed pods of a gang that did not fit held room until a timeout.
func TestGangThatDoesNotFitNeverHoldsRoom(t *testing.T) {
	virtual.Run(t, late, func(c *virtual.Cluster) {
		c.AddNodes(nodesOf(3, 1)...)
		c.Lead()
		members := plugintest.Gang("g", 4, 1)
		c.AddPods(members...)
		for range 600 {
			c.Step(100 * time.Millisecond)
			if held := c.Reserved(); len(held) > 0 {
				c.Fatalf("%d pods hold room", len(held))
			}
		}
		wantReasons(c, members, "gang g: 3 of 4 members fit")
		small := plugintest.Gang("small", 3, 1)
		c.AddPods(small...)
		c.Step(late.Lag + 2*time.Second)
		wantBound(c, small, 3)
	})
}

// scheduler-plugins#930 (C14) and armada PR #4634 (C16): pods that an earlier generation of the gang left behind counted
// towards its min, so that half of it was let through, or made the new generation's cycles fail.
func TestFormerGenerationNeitherCountsNorHinders(t *testing.T) {
	cases := map[string]func(c *virtual.Cluster, former []*corev1.Pod){
		"it failed": func(c *virtual.Cluster, former []*corev1.Pod) {
			for _, pod := range former {
				c.Finish(pod.Name, corev1.PodFailed, "Error")
			}
		},
		"it is being deleted": func(c *virtual.Cluster, former []*corev1.Pod) {
			deletePods(c, former)
		},
		"its node is gone, and its pods stay": func(c *virtual.Cluster, former []*corev1.Pod) {
			for _, node := range c.Nodes() {
				if strings.HasPrefix(node.Name, "old") {
					c.RemoveNode(node.Name, false)
				}
			}
			deletePods(c, former)
		},
	}
	for name, end := range cases {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, late, func(c *virtual.Cluster) {
				c.AddNodes(plugintest.Node("old-0", 2), plugintest.Node("old-1", 2))
				c.Lead()
				former := plugintest.Gang("g", 4, 1)
				c.AddPods(former...)
				settle(c)
				wantBound(c, former, 4)

				end(c, former)
				all := plugintest.Gang("g", 11, 1)[4:]
				for _, pod := range all {
					pod.Annotations[batchmeta.GangSize] = "7" // it may have another size, too
				}
				c.AddPods(all[:4]...)
				c.Step(20 * time.Second)
				wantBound(c, all, 0)
				c.AddPods(all[4:]...)
				c.AddNodes(plugintest.Node("new-0", 4), plugintest.Node("new-1", 4))
				settle(c)
				wantBound(c, all, 7)
			})
		})
	}
}

// scheduler-plugins#682 (C14): a group that could not be scheduled blocked all behind it.
func TestGangsThatCannotFitDoNotBlockTheOneThatCan(t *testing.T) {
	virtual.Run(t, virtual.Config{Latency: 100 * time.Millisecond}, func(c *virtual.Cluster) {
		c.AddNodes(nodesOf(4, 1)...)
		c.Lead()
		priority := int32(1000)
		for i := range 50 {
			hopeless := plugintest.Gang(fmt.Sprintf("big-%02d", i), 5, 1)
			for _, pod := range hopeless {
				pod.Spec.Priority = &priority
			}
			c.AddPods(hopeless...)
		}
		small := plugintest.Gang("small", 4, 1)
		c.AddPods(small...)
		c.Step(time.Second)
		wantBound(c, small, 4)
	})
}

// scheduler-plugins#200 (C14): a gang that had been refused was stalled for 60 to 90 s after there was room.
func TestRefusedGangIsNotStalledOnceThereIsRoom(t *testing.T) {
	virtual.Run(t, virtual.Config{Latency: 100 * time.Millisecond}, func(c *virtual.Cluster) {
		c.AddNodes(nodesOf(3, 1)...)
		c.Lead()
		members := plugintest.Gang("g", 4, 1)
		for range 5 { // refused again and again, so that a backoff would have grown
			c.AddPods(members...)
			settle(c)
			wantBound(c, members, 0)
			c.AddNodes(plugintest.Node("more", 1))
			c.Step(3 * time.Second)
			wantBound(c, members, 4)
			deletePods(c, members)
			c.RemoveNode("more", true)
			settle(c)
		}
	})
}

// koordinator#872 (C14): gangs that waited for each other's room never ran.
func TestTenGangsThatCompeteAllRunInTurn(t *testing.T) {
	virtual.Run(t, late, func(c *virtual.Cluster) {
		c.AddNodes(nodesOf(8, 1)...)
		c.Lead()
		waiting := map[string][]*corev1.Pod{}
		var gangs [][]*corev1.Pod
		for i := range 10 {
			members := plugintest.Gang(fmt.Sprintf("g%d", i), 5+i%4, 1)
			waiting[members[0].Name] = members
			gangs = append(gangs, members)
		}
		interleave(c, 10, gangs...)
		for len(waiting) > 0 {
			settle(c)
			running := 0
			for name, members := range waiting {
				switch n := c.Bound(plugintest.Names(members)...); n {
				case len(members):
					running++
					deletePods(c, members)
					delete(waiting, name)
				case 0:
					wantReasons(c, members, "members fit")
				default:
					c.Fatalf("%d of %d members of %s are bound", n, len(members), name)
				}
			}
			if running != 1 {
				c.Fatalf("%d gangs run, want 1 while %d wait", running, len(waiting))
			}
		}
	})
}

// koordinator#1701 (C14): the scheduler looped without end at 255 pods.
func TestGangOfMoreThan255PodsIsPlacedOrRests(t *testing.T) {
	virtual.Run(t, virtual.Config{Latency: 100 * time.Millisecond}, func(c *virtual.Cluster) {
		c.AddNodes(nodesOf(3, 100)...)
		c.Lead()
		members := plugintest.Gang("g", 300, 1)
		c.AddPods(members...)
		settle(c)
		wantBound(c, members, 300)
		more := plugintest.Gang("h", 256, 1)
		c.AddPods(more...)
		settle(c)
		wantBound(c, more, 0)
		before := c.Writes()
		c.Step(4 * time.Minute)
		if n := c.Writes() - before; n > 3 {
			c.Errorf("%d writes while nothing happens", n)
		}
	})
}

// kuberay#5301 and #3895 (C15): a gang that waited too long was made anew without bound; pods were pending for ever and
// nothing said why.
func TestGangThatNeverFitsIsLeftInPeaceAndSaysWhy(t *testing.T) {
	virtual.Run(t, late, func(c *virtual.Cluster) {
		c.AddNodes(nodesOf(2, 1)...)
		c.Lead()
		members := plugintest.Gang("g", 3, 1)
		c.AddPods(members...)
		settle(c)
		before := c.Writes()
		for range 60 {
			c.Step(time.Minute)
			wantReasons(c, members, "gang g: 2 of 3 members fit")
		}
		for _, pod := range members {
			if now := c.Pod(pod.Name); now == nil || now.UID != pod.UID {
				c.Fatalf("%s was made anew", pod.Name)
			}
		}
		if n := c.Writes() - before; n > 3 {
			c.Errorf("%d writes within the hour", n)
		}
	})
}
