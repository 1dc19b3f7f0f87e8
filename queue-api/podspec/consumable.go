// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"math"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// maxConsumables bounds a consumableResourceList. AWS Batch: 5.
const maxConsumables = 5

// maxNodes bounds what any server may allow, so that no sum over nodes overflows. No cluster has as many.
const maxNodes = 100_000

var consumableName = regexp.MustCompile(`^[a-zA-Z_0-9-]{1,128}$`)

// Consumables are what one attempt of a job takes of consumable resources. override is SubmitJob's
// consumableResourcePropertiesOverride, nil if there is none: it replaces the definition's list. In a multi-node job each
// node takes what its range says, or what the range's override says instead; the definition's own list is taken once.
func Consumables(def batch.JobDefinition, job batch.Job, override *awsapi.ConsumableResourceProperties) ([]batch.ConsumableRequirement, error) {
	own, at := override, field.NewPath("consumableResourcePropertiesOverride")
	if own == nil {
		var err error
		at = field.NewPath("consumableResourceProperties")
		if own, err = decodeConsumables(def.ConsumableResourceProperties); err != nil {
			return nil, err
		}
	}
	var sum consumables
	if err := sum.add(at, own, 1); err != nil || def.Type != typeMultiNode {
		return sum, err
	}
	spec, err := Merge(def, job)
	if err != nil {
		return nil, err
	}
	for _, seg := range segments(spec.Nodes) {
		at := rangePath(seg.property).Child("consumableResourceProperties")
		p := &spec.Nodes.NodeRangeProperties[seg.property]
		if err := sum.add(at, p.ConsumableResourceProperties, int64(seg.to-seg.from)); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// decodeConsumables reads a definition's list; nil is not given.
func decodeConsumables(doc json.RawMessage) (*awsapi.ConsumableResourceProperties, error) {
	if !isObject(doc) {
		return nil, nil //nolint:nilnil // absent and right
	}
	return unmarshal[awsapi.ConsumableResourceProperties]("consumableResourceProperties", doc)
}

// consumables sum up by name, in the order of first mention.
type consumables []batch.ConsumableRequirement

// add takes each quantity times over.
func (c *consumables) add(at *field.Path, p *awsapi.ConsumableResourceProperties, times int64) error {
	list, err := consumableList(at, p)
	if err != nil {
		return err
	}
	for _, r := range list {
		r.Quantity *= times
		c.take(r)
	}
	return nil
}

func (c *consumables) take(r batch.ConsumableRequirement) {
	for i := range *c {
		if (*c)[i].Name == r.Name {
			(*c)[i].Quantity += r.Quantity
			return
		}
	}
	*c = append(*c, r)
}

// consumableList reads one list.
func consumableList(at *field.Path, p *awsapi.ConsumableResourceProperties) ([]batch.ConsumableRequirement, error) {
	if p == nil {
		return nil, nil
	}
	at = at.Child("consumableResourceList")
	if len(p.ConsumableResourceList) > maxConsumables {
		return nil, invalid(at, "must have at most %d members", maxConsumables)
	}
	var list []batch.ConsumableRequirement
	seen := map[string]bool{}
	for i, r := range p.ConsumableResourceList {
		given := ptr.Deref(r.ConsumableResource, "")
		name, ok := batch.NameFromARN(batch.ARNConsumableResource, given)
		quantity := ptr.Deref(r.Quantity, 0)
		switch {
		case !ok || !consumableName.MatchString(name):
			return nil, invalid(at.Index(i).Child("consumableResource"), "%s must be the name or ARN of a consumable resource", quote(given))
		case seen[name]:
			return nil, invalid(at.Index(i).Child("consumableResource"), "%s is given twice", quote(name))
		case quantity < 1 || quantity > math.MaxInt64/maxNodes/10:
			return nil, invalid(at.Index(i).Child("quantity"), "must be a positive number")
		}
		seen[name] = true
		list = append(list, batch.ConsumableRequirement{Name: name, Quantity: quantity})
	}
	return list, nil
}
