// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// fairShareFrom converts a policy that passed its checks; absent members stay absent.
func fairShareFrom(p *awsapi.FairsharePolicy) *batch.FairSharePolicy {
	if p == nil {
		return nil
	}
	out := &batch.FairSharePolicy{ShareDecaySeconds: p.ShareDecaySeconds, ComputeReservation: p.ComputeReservation}
	for _, a := range p.ShareDistribution {
		out.ShareDistribution = append(out.ShareDistribution, batch.ShareWeight{
			ShareIdentifier: value(a.ShareIdentifier), WeightFactor: a.WeightFactor,
		})
	}
	return out
}

// policyDetail is the record as DescribeSchedulingPolicies shows it.
func policyDetail(scope batch.Scope, p *batch.SchedulingPolicy) awsapi.SchedulingPolicyDetail {
	d := awsapi.SchedulingPolicyDetail{
		Name: &p.Name,
		Arn:  new(scope.ARN(batch.ARNSchedulingPolicy, p.Name)),
		Tags: orEmptyMap(p.Tags),
	}
	if f := p.FairShare; f != nil {
		d.FairsharePolicy = &awsapi.FairsharePolicy{
			ShareDecaySeconds:  f.ShareDecaySeconds,
			ComputeReservation: f.ComputeReservation,
			ShareDistribution:  make([]awsapi.ShareAttributes, len(f.ShareDistribution)),
		}
		for i := range f.ShareDistribution {
			d.FairsharePolicy.ShareDistribution[i] = awsapi.ShareAttributes{
				ShareIdentifier: &f.ShareDistribution[i].ShareIdentifier, WeightFactor: f.ShareDistribution[i].WeightFactor,
			}
		}
	}
	return d
}
