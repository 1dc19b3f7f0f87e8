// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

const (
	// maxNodeRanges is AWS Batch's.
	maxNodeRanges = 5
	// defaultMaxNodes is AWS Batch's bound on numNodes.
	defaultMaxNodes = 1000
)

func nodesPath() *field.Path { return field.NewPath("nodeProperties") }

func rangePath(i int) *field.Path { return nodesPath().Child("nodeRangeProperties").Index(i) }

// completeNodes refuses node properties in which some node would have none: what the rest of the package relies on.
func completeNodes(p *awsapi.NodeProperties) error {
	switch n := *p.NumNodes; {
	case n < 1 || n > maxNodes:
		return invalid(nodesPath().Child("numNodes"), "must be 1 to %d", maxNodes)
	case *p.MainNode < 0 || *p.MainNode >= n:
		return invalid(nodesPath().Child("mainNode"), "must be 0 to %d, less than numNodes", n-1)
	}
	for i := range p.NodeRangeProperties {
		if err := completeRange(rangePath(i), &p.NodeRangeProperties[i]); err != nil {
			return err
		}
	}
	if node, covered := uncovered(p); !covered {
		return invalid(nodesPath().Child("nodeRangeProperties"), "no node range has node %d: together they must have all of 0 to %d", node, *p.NumNodes-1)
	}
	return nil
}

// uncovered is the first node that no range has.
func uncovered(p *awsapi.NodeProperties) (node int, covered bool) {
	for _, seg := range segments(p) {
		if seg.property < 0 {
			return seg.from, false
		}
	}
	return 0, true
}

func completeRange(at *field.Path, p *awsapi.NodeRangeProperty) error {
	if _, ok := parseTargetNodes(ptr.Deref(p.TargetNodes, "")); !ok {
		return invalid(at.Child("targetNodes"), `%s must be a range of nodes such as "0:3", "1:", ":3", ":" or "0"`, quote(ptr.Deref(p.TargetNodes, "")))
	}
	kinds := 0
	if p.Container != nil {
		kinds++
	}
	if p.EcsProperties != nil {
		kinds++
		if _, err := onlyTask(at, p.EcsProperties); err != nil {
			return err
		}
	}
	if p.EksProperties != nil {
		kinds++
		if _, err := podOf(at, p.EksProperties); err != nil {
			return err
		}
	}
	if kinds != 1 {
		return invalid(at, "must have exactly one of container, ecsProperties and eksProperties")
	}
	return nil
}

// validateNodes checks the rules of node properties, and then each range as a definition of its own.
func validateNodes(spec Spec, opts Options) error {
	p := spec.Nodes
	if spec.Fargate {
		return notApplicable(nodesPath(), "nodeProperties", fargate)
	}
	if limit := cmp.Or(opts.MaxNodes, defaultMaxNodes); *p.NumNodes > limit {
		return invalid(nodesPath().Child("numNodes"), "must be at most %d", limit)
	}
	if len(p.NodeRangeProperties) > maxNodeRanges {
		return invalid(nodesPath().Child("nodeRangeProperties"), "must have at most %d members", maxNodeRanges)
	}
	if err := cmp.Or(validateRanges(p), validateInstanceTypes(p), validateAlike(spec)); err != nil {
		return err
	}
	for i := range p.NodeRangeProperties {
		node, at := spec.property(i)
		if err := node.validate(at, opts); err != nil {
			return err
		}
		if _, err := consumableList(rangePath(i).Child("consumableResourceProperties"), p.NodeRangeProperties[i].ConsumableResourceProperties); err != nil {
			return err
		}
	}
	return nil
}

// validateRanges wants ranges within the nodes there are, each two of them nested or apart.
func validateRanges(p *awsapi.NodeProperties) error {
	n := *p.NumNodes
	var ranges []nodeRange
	for i := range p.NodeRangeProperties {
		at, target := rangePath(i).Child("targetNodes"), ptr.Deref(p.NodeRangeProperties[i].TargetNodes, "")
		r, _ := parseTargetNodes(target)
		if r.first >= n || r.last >= n {
			return invalid(at, "%s is not within the nodes 0 to %d", quote(target), n-1)
		}
		for _, other := range ranges {
			switch {
			case r.first == other.first && r.end(n) == other.end(n):
				return invalid(at, "%s is given twice", quote(target))
			case r.overlaps(other, n):
				return invalid(at, "%s and another range overlap: they must be nested or apart", quote(target))
			}
		}
		ranges = append(ranges, r)
	}
	return nil
}

// overlaps reports whether each range has a node of the other's and one that the other has not.
func (r nodeRange) overlaps(other nodeRange, numNodes int) bool {
	a, b := r, other
	if b.first < a.first {
		a, b = b, a
	}
	return a.first < b.first && b.first < a.end(numNodes) && a.end(numNodes) < b.end(numNodes)
}

// validateInstanceTypes wants at most one instance type, the same for all ranges that name one. AWS Batch: one for all.
func validateInstanceTypes(p *awsapi.NodeProperties) error {
	var common string
	for i := range p.NodeRangeProperties {
		r, at := &p.NodeRangeProperties[i], rangePath(i).Child("instanceTypes")
		if len(r.InstanceTypes) > 1 {
			return invalid(at, "must have at most 1 member")
		}
		own := instanceType(r)
		switch {
		case own == "":
			continue
		case len(r.InstanceTypes) == 1 && r.InstanceTypes[0] != own:
			return invalid(at, "%s and container.instanceType %s differ", quote(r.InstanceTypes[0]), quote(own))
		case common != "" && own != common:
			return invalid(at, "%s differs from %s: all node ranges must have the same instance type", quote(own), quote(common))
		}
		if err := broken(at, own, validation.IsValidLabelValue(own)); err != nil {
			return err
		}
		common = own
	}
	return nil
}

// validateAlike wants one kind of properties in all ranges, and one namespace. AWS Batch: likewise.
func validateAlike(spec Spec) error {
	for i, node := range spec.distinct() {
		first, _ := spec.property(0)
		if node.properties() != first.properties() {
			return invalid(rangePath(i), "all node ranges must have the same kind of properties: container, ecsProperties or eksProperties")
		}
		if node.namespace() != first.namespace() {
			return invalid(rangePath(i).Child("eksProperties", "podProperties", "metadata", "namespace"), "all node ranges must have the same")
		}
	}
	return nil
}
