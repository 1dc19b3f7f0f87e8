// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// mergeNodes applies nodeOverrides.
func mergeNodes(s *Spec, doc json.RawMessage) error {
	if !asksForMore(doc) {
		return nil
	}
	o, err := decode[awsapi.NodeOverrides]("nodeOverrides", doc)
	if err != nil {
		return err
	}
	at := field.NewPath("nodeOverrides")
	if o.NumNodes != nil {
		if err := overrideNumNodes(at.Child("numNodes"), s.Nodes, *o.NumNodes); err != nil {
			return err
		}
	}
	at = at.Child("nodePropertyOverrides")
	targets, err := matchTargets(at, s.Nodes, o.NodePropertyOverrides)
	if err != nil {
		return err
	}
	for i, target := range targets {
		if err := s.overrideProperty(at.Index(i), target, &o.NodePropertyOverrides[i]); err != nil {
			return err
		}
	}
	return cmp.Or(validateInstanceTypes(s.Nodes), validateAlike(*s))
}

// overrideNumNodes follows AWS Batch: another number of nodes needs a range that is open to the end, and every range and
// the main node must still have their first node.
func overrideNumNodes(at *field.Path, p *awsapi.NodeProperties, n int) error {
	if n < 1 || n > maxNodes {
		return invalid(at, "must be 1 to %d", maxNodes)
	}
	if n == *p.NumNodes {
		return nil
	}
	open := false
	for i := range p.NodeRangeProperties {
		target := ptr.Deref(p.NodeRangeProperties[i].TargetNodes, "")
		r, _ := parseTargetNodes(target)
		open = open || r.last == toTheEnd
		if r.first >= n {
			return invalid(at, "%d nodes leave the node range %s without any", n, quote(target))
		}
	}
	switch {
	case !open:
		return invalid(at, `may only differ from the job definition's if that has a node range with an open upper boundary, such as "0:"`)
	case *p.MainNode >= n:
		return invalid(at, "must be more than mainNode, which is %d", *p.MainNode)
	}
	p.NumNodes = &n
	if from, covered := uncovered(p); !covered {
		return invalid(at, "no node range of the job definition has node %d", from)
	}
	return nil
}

// matchTargets finds the range that each override is for.
func matchTargets(at *field.Path, p *awsapi.NodeProperties, overrides []awsapi.NodePropertyOverride) ([]int, error) {
	ranges := map[nodeRange]int{}
	for i := range p.NodeRangeProperties {
		r, _ := parseTargetNodes(ptr.Deref(p.NodeRangeProperties[i].TargetNodes, ""))
		ranges[r] = i
	}
	targets := make([]int, len(overrides))
	seen := map[int]bool{}
	var unknown []string
	for i := range overrides {
		target := ptr.Deref(overrides[i].TargetNodes, "")
		r, ok := parseTargetNodes(target)
		property, found := ranges[r]
		switch {
		case !ok || !found:
			unknown = append(unknown, clip(target))
		case seen[property]:
			return nil, invalid(at.Index(i).Child("targetNodes"), "%s is overridden twice", quote(target))
		}
		seen[property] = seen[property] || found
		targets[i] = property
	}
	if len(unknown) > 0 {
		return nil, batch.Invalidf("NodeOverride targets should match job definition. Non matching targets - %s", strings.Join(unknown, ", "))
	}
	return targets, nil
}

// overrideProperty applies one override to its range.
func (s *Spec) overrideProperty(at *field.Path, property int, o *awsapi.NodePropertyOverride) error {
	node, _ := s.property(property)
	if err := refuseOtherNodeOverrides(at, node, o); err != nil {
		return err
	}
	for _, part := range [...]any{o.ContainerOverrides, o.EcsPropertiesOverride} {
		if doc, err := json.Marshal(part); err != nil || tooLong(doc) {
			return errTooLong()
		}
	}
	if err := node.override(at, overrides{o.ContainerOverrides, o.EcsPropertiesOverride, o.EksPropertiesOverride}); err != nil {
		return err
	}
	p := &s.Nodes.NodeRangeProperties[property]
	if o.InstanceTypes != nil {
		p.InstanceTypes = o.InstanceTypes
		if len(o.InstanceTypes) > 0 && p.Container != nil && (o.ContainerOverrides == nil || o.ContainerOverrides.InstanceType == nil) {
			p.Container.InstanceType = nil
		}
	}
	if o.ConsumableResourcePropertiesOverride != nil {
		if _, err := consumableList(at.Child("consumableResourcePropertiesOverride"), o.ConsumableResourcePropertiesOverride); err != nil {
			return err
		}
		p.ConsumableResourceProperties = o.ConsumableResourcePropertiesOverride
	}
	return nil
}

// refuseOtherNodeOverrides refuses overrides for another kind of properties than the range has.
func refuseOtherNodeOverrides(at *field.Path, node Spec, o *awsapi.NodePropertyOverride) error {
	var wrong string
	switch {
	case o.ContainerOverrides != nil && node.Container == nil:
		wrong = "containerOverrides"
	case o.EcsPropertiesOverride != nil && node.ECS == nil:
		wrong = "ecsPropertiesOverride"
	case o.EksPropertiesOverride != nil && node.EKS == nil:
		wrong = "eksPropertiesOverride"
	default:
		return nil
	}
	return invalid(at.Child(wrong), "does not apply to a node range with %s", node.properties())
}
