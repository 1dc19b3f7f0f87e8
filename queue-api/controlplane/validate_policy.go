// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// AWS Batch's bounds of a fair-share policy.
const (
	maxShareDecaySeconds  = 604800 // a week
	maxComputeReservation = 99     // percent
	maxShareAttributes    = 500
	minWeightFactor       = 0.0001
	maxWeightFactor       = 999.9999
)

func checkNewPolicy(in *awsapi.CreateSchedulingPolicyRequest) error {
	if err := checkName(in.Name); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	return checkPolicyKind(in.QuotaSharePolicy, in.FairsharePolicy)
}

// checkPolicyKind refuses quota shares, which are SageMaker's, and checks a fair-share policy.
func checkPolicyKind(quota *awsapi.QuotaSharePolicy, fair *awsapi.FairsharePolicy) error {
	if quota != nil {
		return refused("quotaSharePolicy")
	}
	if fair == nil {
		return nil
	}
	if err := checkRange("fairsharePolicy.shareDecaySeconds", fair.ShareDecaySeconds, 0, maxShareDecaySeconds); err != nil {
		return err
	}
	if err := checkRange("fairsharePolicy.computeReservation", fair.ComputeReservation, 0, maxComputeReservation); err != nil {
		return err
	}
	return checkShares(fair.ShareDistribution)
}

func checkShares(shares []awsapi.ShareAttributes) error {
	const member = "fairsharePolicy.shareDistribution"
	if len(shares) > maxShareAttributes {
		return batch.Invalidf("%s must have at most %d entries", member, maxShareAttributes)
	}
	for i := range shares {
		path, id := fmt.Sprintf("%s[%d]", member, i), value(shares[i].ShareIdentifier)
		if prefix := strings.TrimSuffix(id, "*"); prefix == "" || !isShare(prefix) || len(id) > maxShareIdentifier {
			return batch.Invalidf("%s.shareIdentifier must have 1 to %d letters and digits, and may end in an asterisk", path, maxShareIdentifier)
		}
		if w := shares[i].WeightFactor; w != nil && (*w < minWeightFactor || *w > maxWeightFactor) {
			return batch.Invalidf("%s.weightFactor must be between %v and %v", path, minWeightFactor, maxWeightFactor)
		}
		for _, other := range shares[:i] {
			if sharesOverlap(id, value(other.ShareIdentifier)) {
				return batch.Invalidf("%s: share identifiers %s and %s overlap", member, value(other.ShareIdentifier), id)
			}
		}
	}
	return nil
}

// sharesOverlap reports whether some share is meant by both entries of a distribution.
func sharesOverlap(a, b string) bool {
	prefixA, starA := strings.CutSuffix(a, "*")
	prefixB, starB := strings.CutSuffix(b, "*")
	return prefixA == prefixB || starA && strings.HasPrefix(prefixB, prefixA) || starB && strings.HasPrefix(prefixA, prefixB)
}
