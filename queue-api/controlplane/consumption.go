// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// maxConsumables is AWS Batch's bound on the consumable resources of a definition or job.
const maxConsumables = 5

func consumableList(p *awsapi.ConsumableResourceProperties) []awsapi.ConsumableResourceRequirement {
	if p == nil {
		return nil
	}
	return p.ConsumableResourceList
}

// requirementsOf reads what a definition or job asks of consumable resources, names resolved, the same name added up.
func requirementsOf(member string, p *awsapi.ConsumableResourceProperties) ([]batch.ConsumableRequirement, error) {
	list := consumableList(p)
	if len(list) > maxConsumables {
		return nil, batch.Invalidf("%s.consumableResourceList must have at most %d resources", member, maxConsumables)
	}
	var out []batch.ConsumableRequirement
	for i, r := range list {
		path := fmt.Sprintf("%s.consumableResourceList[%d]", member, i)
		id := value(r.ConsumableResource)
		name, ok := batch.NameFromARN(batch.ARNConsumableResource, id)
		switch {
		case id == "":
			return nil, batch.Invalidf("%s.consumableResource is required", path)
		case !ok || !validName(name):
			return nil, batch.Invalidf("%s.consumableResource: %s is neither a name nor an ARN of a consumable resource", path, clip(id))
		case value(r.Quantity) < 1:
			return nil, batch.Invalidf("%s.quantity must be at least 1", path)
		}
		out = added(out, batch.ConsumableRequirement{Name: name, Quantity: *r.Quantity}, 1)
	}
	return out, nil
}

// added puts so many times a requirement into a list that has each name once.
func added(list []batch.ConsumableRequirement, r batch.ConsumableRequirement, times int64) []batch.ConsumableRequirement {
	i := slices.IndexFunc(list, func(have batch.ConsumableRequirement) bool { return have.Name == r.Name })
	if i < 0 {
		return append(list, batch.ConsumableRequirement{Name: r.Name, Quantity: r.Quantity * times})
	}
	list[i].Quantity += r.Quantity * times
	return list
}

// consumablesOf is what one attempt of a job takes: what the submission says, else its definition.
func consumablesOf(in *awsapi.SubmitJobRequest, def *batch.JobDefinition) ([]batch.ConsumableRequirement, error) {
	if len(consumableList(in.ConsumableResourcePropertiesOverride)) > 0 {
		return requirementsOf("consumableResourcePropertiesOverride", in.ConsumableResourcePropertiesOverride)
	}
	if !isKept(def.ConsumableResourceProperties) {
		return nil, nil
	}
	var p awsapi.ConsumableResourceProperties
	if err := json.Unmarshal(def.ConsumableResourceProperties, &p); err != nil {
		return nil, fmt.Errorf("decode consumableResourceProperties of %s: %w", def.Ref(), err)
	}
	return requirementsOf("consumableResourceProperties", &p)
}

// checkConsumables is AWS Batch's rule that a job names consumable resources that there are.
func (s *Service) checkConsumables(ctx context.Context, list []batch.ConsumableRequirement) error {
	for _, r := range list {
		if _, err := s.consumers.Consumable(ctx, r.Name); errors.Is(err, batch.ErrNotFound) {
			return unknownConsumable(r.Name)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func unknownConsumable(id string) error {
	return batch.Invalidf("ConsumableResource %s does not exist", clip(id))
}

// consumptionDetail shows what a job takes; nothing is absent.
func consumptionDetail(scope batch.Scope, list []batch.ConsumableRequirement) *awsapi.ConsumableResourceProperties {
	if len(list) == 0 {
		return nil
	}
	out := &awsapi.ConsumableResourceProperties{}
	for _, r := range list {
		out.ConsumableResourceList = append(out.ConsumableResourceList, awsapi.ConsumableResourceRequirement{
			ConsumableResource: new(scope.ARN(batch.ARNConsumableResource, r.Name)),
			Quantity:           new(r.Quantity),
		})
	}
	return out
}
