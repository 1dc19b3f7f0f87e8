// SPDX-License-Identifier: Apache-2.0

package room

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// outlook is a node as it empties, pod by pod in the order in which they end.
type outlook struct {
	node  *Node
	order []int     // of the pods
	ends  []int64   // of the pods, in that order
	frees [][]int64 // what is free once so many of them have ended
}

func newOutlook(node *Node, now int64) outlook {
	o := outlook{node: node, order: make([]int, len(node.Pods)), ends: make([]int64, len(node.Pods))}
	endOf := func(i int) int64 {
		if p := &node.Pods[i]; !p.Ends.IsZero() {
			return max(now, p.Ends.UnixNano()) // who is overdue is about to go
		}
		return never
	}
	for i := range o.order {
		o.order[i] = i
	}
	slices.SortStableFunc(o.order, func(a, b int) int { return cmp.Compare(endOf(a), endOf(b)) })
	width := len(node.Free)
	all := make([]int64, (len(node.Pods)+1)*width)
	copy(all, node.Free)
	o.frees = append(make([][]int64, 0, len(node.Pods)+1), all[:width:width])
	for k, i := range o.order {
		o.ends[k] = endOf(i)
		next := all[(k+1)*width : (k+2)*width : (k+2)*width]
		for r, use := range node.Pods[i].Uses {
			next[r] = o.frees[k][r] + use
		}
		o.frees = append(o.frees, next)
	}
	return o
}

// ended returns how many pods have ended by a time.
func (o *outlook) ended(at int64) int {
	return sort.Search(len(o.ends), func(k int) bool { return o.ends[k] > at })
}

// free returns what is free once so many pods have ended; it is not to be changed.
func (o *outlook) free(ended int) []int64 { return o.frees[ended] }

// seats returns how many members of a group fit into what is free.
func (o *outlook) seats(group int, uses, free []int64) int {
	if o.node.May != nil && !o.node.May[group] {
		return 0
	}
	seats := int64(math.MaxInt32)
	for i, use := range uses {
		if use > 0 {
			seats = min(seats, max(0, free[i])/use)
		}
	}
	return int(seats)
}
