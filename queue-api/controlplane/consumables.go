// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// CreateConsumableResource stores a resource of which nothing is in use.
func (s *Service) CreateConsumableResource(ctx context.Context, call batch.Call, in *awsapi.CreateConsumableResourceRequest) (*awsapi.CreateConsumableResourceResponse, error) {
	if err := checkNewConsumable(in); err != nil {
		return nil, err
	}
	c := newConsumable(in)
	c.CreatedAt = s.now()
	if err := s.consumables.CreateConsumable(ctx, c); err != nil {
		return nil, existsAlready(err)
	}
	return &awsapi.CreateConsumableResourceResponse{
		ConsumableResourceName: &c.Name,
		ConsumableResourceArn:  new(call.ARN(batch.ARNConsumableResource, c.Name)),
	}, nil
}

// DescribeConsumableResource gives one resource.
func (s *Service) DescribeConsumableResource(ctx context.Context, call batch.Call, in *awsapi.DescribeConsumableResourceRequest) (*awsapi.DescribeConsumableResourceResponse, error) {
	c, err := s.consumable(ctx, value(in.ConsumableResource))
	if err != nil {
		return nil, err
	}
	return consumableResourceDetail(call.Scope, &c), nil
}

func consumableName(c *batch.ConsumableResource) string { return c.Name }

// ListConsumableResources gives the resources that pass the filters by name, page by page.
func (s *Service) ListConsumableResources(ctx context.Context, call batch.Call, in *awsapi.ListConsumableResourcesRequest) (*awsapi.ListConsumableResourcesResponse, error) {
	keep, list, err := consumableFilter(in.Filters)
	if err != nil {
		return nil, err
	}
	all, err := s.consumables.Consumables(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c batch.ConsumableResource) bool { return !keep(c.Name) })
	page, next, err := named(all, consumableName, list, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &awsapi.ListConsumableResourcesResponse{
		ConsumableResources: make([]awsapi.ConsumableResourceSummary, len(page)),
		NextToken:           next,
	}
	for i := range page {
		out.ConsumableResources[i] = consumableSummary(call.Scope, &page[i])
	}
	return out, nil
}

// consumableFilter gives what a list keeps, by name, and what the list is called. AWS Batch: the values of a filter are
// alternatives, not case-sensitive, and mean a prefix when they end in an asterisk.
func consumableFilter(filters []awsapi.KeyValuesPair) (keep func(name string) bool, list string, err error) {
	parts := []string{"consumableResources"}
	for _, f := range filters {
		if value(f.Name) != "CONSUMABLE_RESOURCE_NAME" {
			return nil, "", batch.Invalidf("filters: name must be CONSUMABLE_RESOURCE_NAME, not %s", clip(value(f.Name)))
		}
		if len(f.Values) == 0 {
			return nil, "", batch.Invalidf("filters: CONSUMABLE_RESOURCE_NAME must have a value")
		}
		parts = append(append(parts, "filter"), f.Values...)
	}
	return func(name string) bool {
		for _, f := range filters {
			if !slices.ContainsFunc(f.Values, func(pattern string) bool { return nameMatches(pattern, name) }) {
				return false
			}
		}
		return true
	}, listID(parts...), nil
}

// nameMatches compares without regard to case; a trailing asterisk stands for the rest of the name.
func nameMatches(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	if open && len(name) > len(prefix) {
		name = name[:len(prefix)]
	}
	return strings.EqualFold(prefix, name)
}

// UpdateConsumableResource sets, adds to or takes from the total. A repeat with the same client token is applied once.
func (s *Service) UpdateConsumableResource(ctx context.Context, call batch.Call, in *awsapi.UpdateConsumableResourceRequest) (*awsapi.UpdateConsumableResourceResponse, error) {
	if err := checkConsumableUpdate(in); err != nil {
		return nil, err
	}
	id := value(in.ConsumableResource)
	name, ok := batch.NameFromARN(batch.ARNConsumableResource, id)
	if !ok {
		return nil, noConsumable(id)
	}
	now := s.now()
	c, err := s.consumables.UpdateConsumable(ctx, name, func(c *batch.ConsumableResource) error {
		return updateConsumable(c, in, now)
	})
	if errors.Is(err, batch.ErrNotFound) {
		return nil, noConsumable(id)
	}
	if err != nil {
		return nil, err
	}
	return &awsapi.UpdateConsumableResourceResponse{
		ConsumableResourceName: &c.Name,
		ConsumableResourceArn:  new(call.ARN(batch.ARNConsumableResource, c.Name)),
		TotalQuantity:          &c.TotalQuantity,
	}, nil
}

// DeleteConsumableResource forgets the resource at any time. AWS Batch: jobs that want it wait until it is there again.
func (s *Service) DeleteConsumableResource(ctx context.Context, _ batch.Call, in *awsapi.DeleteConsumableResourceRequest) (*awsapi.DeleteConsumableResourceResponse, error) {
	c, err := s.consumable(ctx, value(in.ConsumableResource))
	if err != nil {
		return nil, err
	}
	if err := s.consumables.DeleteConsumable(ctx, c.Name); err != nil {
		return nil, err
	}
	return &awsapi.DeleteConsumableResourceResponse{}, nil
}

// consumable finds the resource that a name or ARN means.
func (s *Service) consumable(ctx context.Context, id string) (batch.ConsumableResource, error) {
	name, ok := batch.NameFromARN(batch.ARNConsumableResource, id)
	if !ok {
		return batch.ConsumableResource{}, noConsumable(id)
	}
	c, err := s.consumables.Consumable(ctx, name)
	if errors.Is(err, batch.ErrNotFound) {
		return c, noConsumable(id)
	}
	return c, err
}

func noConsumable(id string) error {
	return batch.Invalidf("ConsumableResource %s does not exist", clip(id))
}
