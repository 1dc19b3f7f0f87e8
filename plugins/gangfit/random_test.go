// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
)

// TestRandomGangsArePlacedWholly has gangs of 1 to 6 members compete for a third of the room they need, their members
// created in random order. Gangs that were placed end, so that all get their turn. Whenever the cluster is at rest, no
// gang is placed in part, nothing is held by a gang that waits, and no gang waits that would fit.
func TestRandomGangsArePlacedWholly(t *testing.T) {
	const seed = 20250601
	rng := rand.New(rand.NewPCG(seed, seed))
	c := plugintest.Start(t, plugintest.Node("a", 7), plugintest.Node("b", 7), plugintest.Node("c", 6))
	const room = 20
	gangs := map[string][]string{} // names of the members that have not ended, by gang
	var pods []*corev1.Pod
	for len(pods) < 3*room {
		name := "g" + strconv.Itoa(len(gangs))
		members := plugintest.Gang(name, 1+rng.IntN(6), 1)
		gangs[name] = plugintest.Names(members)
		pods = append(pods, members...)
	}
	rng.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
	c.CreatePods(pods...)

	for len(gangs) > 0 {
		c.Await("the cluster is at rest", func() bool { return isAtRest(c, gangs, room) })
		if got := c.Reserved(); len(got) > 0 {
			t.Fatalf("reserved: %v", got)
		}
		ended := 0
		for name, members := range gangs {
			if c.Bound(members...) > 0 && (ended == 0 || rng.IntN(2) == 0) {
				c.DeletePods(members...)
				delete(gangs, name)
				ended++
			}
		}
	}
}

// isAtRest reports whether every gang is bound wholly, or refused while there is too little room for it.
func isAtRest(c *plugintest.Cluster, gangs map[string][]string, room int) bool {
	smallest := room + 1
	for _, members := range gangs {
		switch bound := c.Bound(members...); {
		case bound == len(members):
			room -= bound
		case bound > 0:
			return false
		default:
			for _, name := range members {
				if plugintest.Condition(c.Pod(name)) == nil {
					return false
				}
			}
			smallest = min(smallest, len(members))
		}
	}
	return smallest > room
}
