// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

func consumableList(p *awsapi.ConsumableResourceProperties) []awsapi.ConsumableResourceRequirement {
	if p == nil {
		return nil
	}
	return p.ConsumableResourceList
}

// consumablesOf is what one attempt of a job takes, all its nodes together: what the submission says, else its definition.
func consumablesOf(in *awsapi.SubmitJobRequest, def *batch.JobDefinition, job *batch.Job) ([]batch.ConsumableRequirement, error) {
	override := in.ConsumableResourcePropertiesOverride
	if len(consumableList(override)) == 0 { // empty asks for nothing
		override = nil
	}
	if override == nil && !isKept(def.ConsumableResourceProperties) && !job.IsMultiNode() {
		return nil, nil
	}
	return podspec.Consumables(*def, *job, override)
}

// checkConsumables is AWS Batch's rule that a job names consumable resources that there are.
func (s *Service) checkConsumables(ctx context.Context, list []batch.ConsumableRequirement) error {
	for _, r := range list {
		if _, err := s.consumable(ctx, r.Name); err != nil {
			return err
		}
	}
	return nil
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
