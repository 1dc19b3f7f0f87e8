// SPDX-License-Identifier: Apache-2.0

package preempt

// counter answers Cluster.Fits again and again for a cluster of one group and one domain. It looks only at the nodes of
// those works that came or went since it was asked last.
type counter struct {
	cluster *Cluster
	works   []Work
	free    [][]int64 // by node
	seats   []int     // by node
	total   int       // of seats
	gone    []bool
}

func newCounter(c *Cluster, works []Work) *counter {
	k := &counter{cluster: c, works: works, gone: make([]bool, len(works)), seats: make([]int, len(c.Nodes))}
	k.free = c.freed(works, k.gone)
	for i := range c.Nodes {
		k.count(i)
	}
	return k
}

// count brings a node's seats in line with what is free there.
func (k *counter) count(node int) {
	free := append(make([]int64, 0, 8), k.free[node]...)
	n := k.cluster.seats(&k.cluster.Nodes[node], free, []int{k.cluster.Groups[0].Size})
	k.total += n - k.seats[node]
	k.seats[node] = n
}

// fits is Cluster.Fits.
func (k *counter) fits(gone []bool) bool {
	for i := range gone {
		if gone[i] == k.gone[i] {
			continue
		}
		k.gone[i] = gone[i]
		sign := int64(1)
		if !gone[i] {
			sign = -1
		}
		for _, room := range k.works[i].Rooms {
			for r, amount := range room.Amounts {
				k.free[room.Node][r] += sign * amount
			}
			k.count(room.Node)
		}
	}
	return k.total >= k.cluster.Need
}
