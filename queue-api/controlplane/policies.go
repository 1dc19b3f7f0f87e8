// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// CreateSchedulingPolicy stores a policy; queues that name it are fair-share queues.
func (s *Service) CreateSchedulingPolicy(ctx context.Context, call batch.Call, in *awsapi.CreateSchedulingPolicyRequest) (*awsapi.CreateSchedulingPolicyResponse, error) {
	if err := checkNewPolicy(in); err != nil {
		return nil, err
	}
	p := batch.SchedulingPolicy{Name: value(in.Name), FairShare: fairShareFrom(in.FairsharePolicy), Tags: in.Tags}
	if err := s.policies.CreatePolicy(ctx, p); err != nil {
		return nil, existsAlready(err)
	}
	return &awsapi.CreateSchedulingPolicyResponse{
		Name: &p.Name,
		Arn:  new(call.ARN(batch.ARNSchedulingPolicy, p.Name)),
	}, nil
}

func policyName(p *batch.SchedulingPolicy) string { return p.Name }

// DescribeSchedulingPolicies gives the policies asked for; unknown ones are left out.
func (s *Service) DescribeSchedulingPolicies(ctx context.Context, call batch.Call, in *awsapi.DescribeSchedulingPoliciesRequest) (*awsapi.DescribeSchedulingPoliciesResponse, error) {
	if len(in.Arns) > maxDescribed {
		return nil, batch.Invalidf("Maximum number of scheduling policies supported is %d", maxDescribed)
	}
	policies, err := s.policies.Policies(ctx)
	if err != nil {
		return nil, err
	}
	policies = picked(policies, policyName, batch.ARNSchedulingPolicy, in.Arns)
	out := &awsapi.DescribeSchedulingPoliciesResponse{SchedulingPolicies: make([]awsapi.SchedulingPolicyDetail, len(policies))}
	for i := range policies {
		out.SchedulingPolicies[i] = policyDetail(call.Scope, &policies[i])
	}
	return out, nil
}

// ListSchedulingPolicies gives the ARNs of all policies by name, page by page.
func (s *Service) ListSchedulingPolicies(ctx context.Context, call batch.Call, in *awsapi.ListSchedulingPoliciesRequest) (*awsapi.ListSchedulingPoliciesResponse, error) {
	policies, err := s.policies.Policies(ctx)
	if err != nil {
		return nil, err
	}
	policies, next, err := named(policies, policyName, "schedulingPolicies", in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &awsapi.ListSchedulingPoliciesResponse{
		SchedulingPolicies: make([]awsapi.SchedulingPolicyListingDetail, len(policies)),
		NextToken:          next,
	}
	for i := range policies {
		out.SchedulingPolicies[i].Arn = new(call.ARN(batch.ARNSchedulingPolicy, policies[i].Name))
	}
	return out, nil
}

// UpdateSchedulingPolicy replaces the fair-share policy as a whole; queues follow in their next round.
func (s *Service) UpdateSchedulingPolicy(ctx context.Context, _ batch.Call, in *awsapi.UpdateSchedulingPolicyRequest) (*awsapi.UpdateSchedulingPolicyResponse, error) {
	name, err := policyFromARN("arn", value(in.Arn))
	if err != nil {
		return nil, err
	}
	if err := checkPolicyKind(in.QuotaSharePolicy, in.FairsharePolicy); err != nil {
		return nil, err
	}
	_, err = s.policies.UpdatePolicy(ctx, name, func(p *batch.SchedulingPolicy) error {
		if in.FairsharePolicy != nil {
			p.FairShare = fairShareFrom(in.FairsharePolicy)
		}
		return nil
	})
	if errors.Is(err, batch.ErrNotFound) {
		return nil, noPolicy(value(in.Arn))
	}
	if err != nil {
		return nil, err
	}
	return &awsapi.UpdateSchedulingPolicyResponse{}, nil
}

// DeleteSchedulingPolicy forgets a policy that no queue uses. A queue that is created with it at this very moment keeps a
// name that nothing answers to: the dispatcher treats it as a policy without members.
func (s *Service) DeleteSchedulingPolicy(ctx context.Context, _ batch.Call, in *awsapi.DeleteSchedulingPolicyRequest) (*awsapi.DeleteSchedulingPolicyResponse, error) {
	name, err := s.policy(ctx, "arn", value(in.Arn))
	if err != nil {
		return nil, err
	}
	queues, err := s.queues.Queues(ctx)
	if err != nil {
		return nil, err
	}
	for i := range queues {
		if queues[i].SchedulingPolicy == name {
			return nil, batch.Invalidf("Cannot delete, scheduling policy %s is used by job queue %s", name, queues[i].Name)
		}
	}
	if err := s.policies.DeletePolicy(ctx, name); err != nil {
		return nil, err
	}
	return &awsapi.DeleteSchedulingPolicyResponse{}, nil
}

// policy gives the name of the policy that a member names by its ARN, which must exist.
func (s *Service) policy(ctx context.Context, member, arn string) (string, error) {
	name, err := policyFromARN(member, arn)
	if err != nil {
		return "", err
	}
	if _, err = s.policies.Policy(ctx, name); errors.Is(err, batch.ErrNotFound) {
		return "", noPolicy(arn)
	}
	return name, err
}

// policyFromARN reads the name out of an ARN. AWS Batch: a policy is named by its ARN only.
func policyFromARN(member, arn string) (string, error) {
	name, ok := batch.NameFromARN(batch.ARNSchedulingPolicy, arn)
	if !ok || !strings.HasPrefix(arn, "arn:") {
		return "", batch.Invalidf("%s must be the ARN of a scheduling policy, not %s", member, clip(arn))
	}
	return name, nil
}

func noPolicy(arn string) error {
	return batch.Invalidf("SchedulingPolicy %s does not exist", clip(arn))
}
