// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// newConsumable makes the record of a request that passed its checks.
func newConsumable(in *awsapi.CreateConsumableResourceRequest) batch.ConsumableResource {
	return batch.ConsumableResource{
		Name:          value(in.ConsumableResourceName),
		Type:          cmp.Or(value(in.ResourceType), batch.Replenishable),
		TotalQuantity: value(in.TotalQuantity),
		Tags:          in.Tags,
	}
}

// consumableResourceDetail is the record as DescribeConsumableResource shows it.
func consumableResourceDetail(scope batch.Scope, c *batch.ConsumableResource) *awsapi.DescribeConsumableResourceResponse {
	return &awsapi.DescribeConsumableResourceResponse{
		ConsumableResourceName: &c.Name,
		ConsumableResourceArn:  new(scope.ARN(batch.ARNConsumableResource, c.Name)),
		TotalQuantity:          &c.TotalQuantity,
		InUseQuantity:          &c.InUseQuantity,
		AvailableQuantity:      new(c.Available()),
		ResourceType:           &c.Type,
		CreatedAt:              millis(c.CreatedAt),
		Tags:                   orEmptyMap(c.Tags),
	}
}

// consumableSummary is the record as ListConsumableResources shows it.
func consumableSummary(scope batch.Scope, c *batch.ConsumableResource) awsapi.ConsumableResourceSummary {
	return awsapi.ConsumableResourceSummary{
		ConsumableResourceArn:  new(scope.ARN(batch.ARNConsumableResource, c.Name)),
		ConsumableResourceName: &c.Name,
		TotalQuantity:          &c.TotalQuantity,
		InUseQuantity:          &c.InUseQuantity,
		ResourceType:           &c.Type,
	}
}
