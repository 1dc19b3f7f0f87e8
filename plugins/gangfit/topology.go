// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
)

// topology says in which domain of each label key every node is, the widest key first. A domain lies within one domain of
// every wider key: the same value in two zones is two domains. A node without a key's label is far from all others, so it
// is a domain of its own there. Keys that no node has are left out.
type topology struct {
	keys    []string       // that were asked for
	nodes   []*corev1.Node // whom the paths are of, by index
	has     []uint         // by node: which of the keys it has, a bit each
	levels  []string       // the keys that some node has
	paths   [][]int32      // by node: its domain at each level
	numbers map[inDomain]int32
}

// inDomain is a label value within a wider domain.
type inDomain struct {
	parent int32
	value  string
}

// topologyKeys returns the keys that decide how near the members of a gang are: those that it names itself go first.
func topologyKeys(spec *gang.Spec, defaults []string) []string {
	var keys []string
	for _, key := range slices.Concat([]string{spec.RequiredTopology, spec.PreferredTopology}, defaults) {
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// topologyOf returns the topology of the snapshot's nodes by these keys.
func (m *memory) topologyOf(keys []string, infos []*framework.NodeInfo) *topology {
	m.topologies = first(m.topologies, keepTopologies,
		func(t *topology) bool { return slices.Equal(t.keys, keys) },
		func() *topology { return &topology{keys: keys} })
	t := m.topologies[0]
	t.refresh(infos)
	return t
}

// refresh brings the paths in line with the nodes.
func (t *topology) refresh(infos []*framework.NodeInfo) {
	var stale []int
	t.nodes, stale = staleNodes(t.nodes, infos)
	if len(stale) == 0 && len(t.has) == len(infos) {
		return
	}
	t.has = slices.Grow(t.has[:min(len(t.has), len(infos))], len(infos))[:len(infos)]
	for _, i := range stale {
		t.has[i] = t.labelled(t.nodes[i])
	}
	all := uint(0)
	for _, has := range t.has {
		all |= has
	}
	var levels []string
	for k, key := range t.keys {
		if all&(1<<k) != 0 {
			levels = append(levels, key)
		}
	}
	if !slices.Equal(levels, t.levels) || len(t.numbers) > 4*(1+len(levels))*len(infos) { // others, or mostly of former nodes
		t.levels, t.numbers, t.paths, stale = levels, map[inDomain]int32{}, nil, nil
		for i := range infos {
			stale = append(stale, i)
		}
	}
	t.paths = slices.Grow(t.paths[:min(len(t.paths), len(infos))], len(infos))[:len(infos)]
	for _, i := range stale {
		t.paths[i] = t.path(t.nodes[i])
	}
}

func (t *topology) labelled(node *corev1.Node) uint {
	has := uint(0)
	for k, key := range t.keys {
		if _, ok := node.Labels[key]; ok {
			has |= 1 << k
		}
	}
	return has
}

func (t *topology) path(node *corev1.Node) []int32 {
	path := make([]int32, len(t.levels))
	parent := int32(-1)
	for level, key := range t.levels {
		value, ok := node.Labels[key]
		if !ok {
			value = "/" + node.Name // no label has such a value
		}
		at := inDomain{parent, value}
		number, ok := t.numbers[at]
		if !ok {
			number = int32(len(t.numbers))
			t.numbers[at] = number
		}
		path[level], parent = number, number
	}
	return path
}

// lacks reports whether a node is without the label of the first key.
func (t *topology) lacks(node int) bool { return t.has[node]&1 == 0 }
