// SPDX-License-Identifier: Apache-2.0

package virtual_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/plugins/plugintest/virtual"
)

func settle(c *virtual.Cluster) {
	c.Helper()
	if !c.Settle(10*time.Second, time.Minute, nil) {
		c.Fatal("the cluster does not come to rest")
	}
}

func TestPodsAreBoundThoughEventsAreLate(t *testing.T) {
	config := virtual.Config{Seed: 1, Lag: 5 * time.Second, Latency: time.Second}
	virtual.Run(t, config, func(c *virtual.Cluster) {
		c.AddNodes(plugintest.Node("a", 1))
		c.Lead()
		c.AddNodes(plugintest.Node("b", 1))
		c.AddPods(plugintest.Pod("p", 1), plugintest.Pod("q", 1))
		settle(c)
		if n := c.Bound("p", "q"); n != 2 {
			c.Errorf("%d of 2 pods are bound", n)
		}
	})
}

func TestLeaderDiesWhereItIsToldTo(t *testing.T) {
	for _, point := range virtual.Points() {
		if point == virtual.AtUnreserve {
			continue // needs something to go wrong first
		}
		t.Run(string(point), func(t *testing.T) {
			virtual.Run(t, virtual.Config{}, func(c *virtual.Cluster) {
				c.AddNodes(plugintest.Node("a", 1))
				c.Lead().KillAt(point, 1)
				c.AddPods(plugintest.Pod("p", 1))
				c.Step(5 * time.Second)
				if c.Leader() != nil || c.Last().DiedAt() != point {
					c.Fatalf("the leader died at %q", c.Last().DiedAt())
				}
				c.Lead()
				settle(c)
				if c.Bound("p") != 1 {
					c.Error("the pod is not bound under the next leader")
				}
			})
		})
	}
}

func TestFailedBindIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]virtual.Fault{"refused": virtual.Refused, "unanswered": virtual.Unanswered} {
		t.Run(name, func(t *testing.T) {
			once := func(_ string, nth int) virtual.Fault {
				if nth == 1 {
					return fault
				}
				return virtual.None
			}
			config := virtual.Config{Lag: 5 * time.Second, BindFault: once}
			virtual.Run(t, config, func(c *virtual.Cluster) {
				c.AddNodes(plugintest.Node("a", 1))
				c.Lead()
				c.AddPods(plugintest.Pod("p", 1))
				settle(c)
				if c.Bound("p") != 1 || c.Faults() != 1 {
					c.Errorf("bound: %d, faults: %d", c.Bound("p"), c.Faults())
				}
			})
		})
	}
}

func TestKubeletRefusesWhatItHasNoRoomFor(t *testing.T) {
	virtual.Run(t, virtual.Config{}, func(c *virtual.Cluster) {
		c.AddNodes(plugintest.Node("a", 1))
		p, q := plugintest.Pod("p", 1), plugintest.Pod("q", 1)
		p.Spec.NodeName, q.Spec.NodeName = "a", ""
		c.AddPods(p, q)
		c.Lead()
		settle(c)
		if c.Bound("q") != 0 || plugintest.Condition(c.Pod("q")) == nil {
			c.Fatal("q is not refused by the scheduler")
		}
		if err := c.Bind("q", "a"); err != nil {
			c.Fatal(err)
		}
		settle(c)
		if c.Pod("q").Status.Phase != corev1.PodFailed || len(c.Overfull()) != 1 {
			c.Errorf("q is %q; overfull: %v", c.Pod("q").Status.Phase, c.Overfull())
		}
	})
}

func TestPodsOfADeadNodeGo(t *testing.T) {
	virtual.Run(t, virtual.Config{}, func(c *virtual.Cluster) {
		c.AddNodes(plugintest.Node("a", 1), plugintest.Node("b", 1))
		p, q := plugintest.Pod("p", 1), plugintest.Pod("q", 1)
		p.Spec.NodeName, q.Spec.NodeName = "a", "b"
		c.AddPods(p, q)
		c.RemoveNode("a", true)
		c.RemoveNode("b", false)
		if c.Pod("p") != nil || c.Pod("q") == nil {
			c.Error("p should go at once and q later")
		}
		c.Step(time.Minute)
		if c.Pod("q") != nil {
			c.Error("q is still there")
		}
	})
}
