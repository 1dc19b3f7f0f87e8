// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// ValidateTags checks those of a job's tags by which it says what AWS Batch has no words for; it returns a *batch.Error.
func ValidateTags(tags map[string]string) error {
	switch onLoss := tags[batchmeta.GangOnMemberLoss]; onLoss {
	case "", batchmeta.MemberLossRestart, batchmeta.MemberLossReplace:
	default:
		return batch.Invalidf("tags: %s must be %s or %s", batchmeta.GangOnMemberLoss, batchmeta.MemberLossRestart, batchmeta.MemberLossReplace)
	}
	for _, key := range []string{batchmeta.GangTopologyRequired, batchmeta.GangTopologyPreferred} {
		if label := tags[key]; label != "" && len(validation.IsQualifiedName(label)) > 0 {
			return batch.Invalidf("tags: %s must be the key of a node label", key)
		}
	}
	return nil
}
