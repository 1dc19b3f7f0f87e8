// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// nodeRange is targetNodes: the nodes first to last, or all from first on if last is toTheEnd.
type nodeRange struct{ first, last int }

const toTheEnd = -1

// parseTargetNodes reads n:m, n:, :m, : or, as redun writes it, n alone.
func parseTargetNodes(s string) (r nodeRange, ok bool) {
	first, last, found := strings.Cut(s, ":")
	r = nodeRange{0, toTheEnd}
	if first != "" || !found {
		if r.first, ok = parseNode(first); !ok {
			return nodeRange{}, false
		}
	}
	switch {
	case !found:
		r.last = r.first
	case last != "":
		if r.last, ok = parseNode(last); !ok {
			return nodeRange{}, false
		}
	}
	return r, r.last == toTheEnd || r.first <= r.last
}

func parseNode(s string) (n int, ok bool) {
	u, err := strconv.ParseUint(s, 10, 31)
	return int(u), err == nil
}

// end is the first node after the range, of numNodes.
func (r nodeRange) end(numNodes int) int {
	if r.last == toTheEnd {
		return numNodes
	}
	return min(r.last+1, numNodes)
}

// segment is a run of nodes with the same properties.
type segment struct {
	from, to int // the nodes from <= n < to
	property int // index into nodeRangeProperties, or -1 if no range has these nodes
}

// segments lays the ranges out over all nodes, in order; where one is nested in another the inner one wins. It costs the
// same for any number of nodes. The ranges must be readable; those that are not have no nodes.
func segments(p *awsapi.NodeProperties) []segment {
	n := ptr.Deref(p.NumNodes, 0)
	cuts := []int{0, n}
	ranges := make([]nodeRange, len(p.NodeRangeProperties))
	for i := range p.NodeRangeProperties {
		r, ok := parseTargetNodes(ptr.Deref(p.NodeRangeProperties[i].TargetNodes, ""))
		if !ok {
			r = nodeRange{n, toTheEnd}
		}
		ranges[i] = r
		cuts = append(cuts, min(r.first, n), r.end(n))
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var list []segment
	for i := 1; i < len(cuts); i++ {
		list = append(list, segment{cuts[i-1], cuts[i], innermost(ranges, cuts[i-1], n)})
	}
	return list
}

// innermost is the smallest range with the node, the first of equals; -1 if there is none.
func innermost(ranges []nodeRange, node, numNodes int) int {
	best, size := -1, 0
	for i, r := range ranges {
		end := r.end(numNodes)
		if node < r.first || node >= end {
			continue
		}
		if best < 0 || end-r.first < size {
			best, size = i, end-r.first
		}
	}
	return best
}

// NumNodes is how many pods an attempt has: 1 unless it is a multi-node job's.
func (s Spec) NumNodes() int {
	if s.Nodes == nil {
		return 1
	}
	return *s.Nodes.NumNodes
}

// Node is what one node of a multi-node job runs. It shares memory with s, and is s itself for any other job.
func (s Spec) Node(index int) Spec {
	node, _ := s.node(index)
	return node
}

func (s Spec) node(index int) (node Spec, at *field.Path) {
	if s.Nodes == nil {
		return s, s.path(nil)
	}
	for _, seg := range segments(s.Nodes) {
		if index >= seg.from && index < seg.to {
			return s.property(seg.property)
		}
	}
	return Spec{}, nil
}

// property is what the nodes of one range run, and where it stands.
func (s Spec) property(i int) (node Spec, at *field.Path) {
	p := &s.Nodes.NodeRangeProperties[i]
	node = Spec{Container: p.Container, InstanceType: commonInstanceType(s.Nodes), Fargate: s.Fargate}
	if p.EcsProperties != nil && len(p.EcsProperties.TaskProperties) > 0 {
		node.ECS = &p.EcsProperties.TaskProperties[0]
	}
	if p.EksProperties != nil {
		node.EKS = p.EksProperties.PodProperties
	}
	return node, node.path(rangePath(i))
}

// commonInstanceType is what all nodes must run on: what any range names, they all do. AWS Batch: one type for all.
func commonInstanceType(p *awsapi.NodeProperties) string {
	for i := range p.NodeRangeProperties {
		if t := instanceType(&p.NodeRangeProperties[i]); t != "" {
			return t
		}
	}
	return ""
}

// instanceType is what a range names; empty if nothing.
func instanceType(p *awsapi.NodeRangeProperty) string {
	if p.Container != nil && ptr.Deref(p.Container.InstanceType, "") != "" {
		return *p.Container.InstanceType
	}
	if len(p.InstanceTypes) > 0 {
		return p.InstanceTypes[0]
	}
	return ""
}
