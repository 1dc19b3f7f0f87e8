// SPDX-License-Identifier: Apache-2.0

package preempt

import (
	"time"

	"github.com/muster-batch/muster/plugins/gang"
)

// Work is what may be ended: a gang with all its pods, or one pod.
type Work struct {
	Level   gang.Level
	Started time.Time // when its first pod was given a node
	Pods    int       // that end with it, those without a node included
	Guarded bool      // ending it violates a disruption budget
	Rooms   []Room    // what its end frees; a node comes once only
}

// Room is what is used on a node, by resource.
type Room struct {
	Node    int
	Amounts []int64
}

// Group is members that are alike.
type Group struct {
	Size    int
	Each    []int64 // what a member uses, by resource
	PerNode int     // how many of them one node takes at most; 0 is no bound
}

// Node is a node as the gang finds it before anything is ended.
type Node struct {
	Free   []int64 // by resource; below 0 where more is held than there is
	Takes  []bool  // by group: whether its members may run here if there is room
	Domain string  // of the topology that all members must share; the same for all nodes if they need not
}

// Cluster is what decides whether a gang fits, as far as it can be counted.
type Cluster struct {
	Nodes  []Node
	Groups []Group // in the order in which they are seated
	Need   int     // how many members must be seated
}

// seats returns how many members have a seat on a node with this much free, the first groups first; left is how many of
// each group still look for one, and what is seated is taken off both.
func (c *Cluster) seats(node *Node, free []int64, left []int) int {
	total := 0
	for g := range c.Groups {
		group := &c.Groups[g]
		n := left[g]
		if !node.Takes[g] {
			continue
		}
		if group.PerNode > 0 {
			n = min(n, group.PerNode)
		}
		for r, each := range group.Each {
			if each > 0 {
				n = min(n, int(max(free[r], 0)/each))
			}
		}
		for r, each := range group.Each {
			free[r] -= int64(n) * each
		}
		left[g] -= n
		total += n
	}
	return total
}

// sizes returns how many members each group has.
func (c *Cluster) sizes() []int {
	left := make([]int, len(c.Groups))
	for g := range c.Groups {
		left[g] = c.Groups[g].Size
	}
	return left
}

func (c *Cluster) resources() int {
	if len(c.Groups) == 0 {
		return 0
	}
	return len(c.Groups[0].Each)
}

// freed returns what is free by node once the works that are gone have ended.
func (c *Cluster) freed(works []Work, gone []bool) [][]int64 {
	free := make([][]int64, len(c.Nodes))
	all := make([]int64, 0, len(c.Nodes)*c.resources()) // one piece of memory: this is what a choice spends its time on
	for i := range c.Nodes {
		all = append(all, c.Nodes[i].Free...)
		free[i] = all[len(all)-len(c.Nodes[i].Free):]
	}
	for i := range works {
		if !gone[i] {
			continue
		}
		for _, room := range works[i].Rooms {
			for r, amount := range room.Amounts {
				free[room.Node][r] += amount
			}
		}
	}
	return free
}

// Fits reports whether the gang fits, all its members in one domain, once the works that are gone have ended.
func (c *Cluster) Fits(works []Work, gone []bool) bool {
	free := c.freed(works, gone)
	type domain struct {
		left   []int
		seated int
	}
	domains := map[string]*domain{}
	for i := range c.Nodes {
		node := &c.Nodes[i]
		d := domains[node.Domain]
		if d == nil {
			d = &domain{left: c.sizes()}
			domains[node.Domain] = d
		}
		if d.seated += c.seats(node, free[i], d.left); d.seated >= c.Need {
			return true
		}
	}
	return false
}

// part is a cluster of one domain, and the works that use its nodes.
type part struct {
	cluster *Cluster
	works   []Work
	index   []int // of each work among all
}

// split returns the cluster's domains in the order of their first nodes. Works that are on several domains are in each.
func (c *Cluster) split(works []Work) []*part {
	var parts []*part
	byDomain, home := map[string]*part{}, make([]*part, len(c.Nodes))
	at := make([]int, len(c.Nodes)) // each node's index in its part
	for i := range c.Nodes {
		p := byDomain[c.Nodes[i].Domain]
		if p == nil {
			p = &part{cluster: &Cluster{Groups: c.Groups, Need: c.Need}}
			byDomain[c.Nodes[i].Domain] = p
			parts = append(parts, p)
		}
		home[i], at[i] = p, len(p.cluster.Nodes)
		p.cluster.Nodes = append(p.cluster.Nodes, c.Nodes[i])
	}
	for i := range works {
		rooms := map[*part][]Room{}
		for _, room := range works[i].Rooms {
			p := home[room.Node]
			rooms[p] = append(rooms[p], Room{Node: at[room.Node], Amounts: room.Amounts})
		}
		for p, there := range rooms {
			w := works[i]
			w.Rooms = there
			p.works, p.index = append(p.works, w), append(p.index, i)
		}
	}
	return parts
}
