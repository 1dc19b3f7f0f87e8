// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"crypto/sha256"
	"encoding/hex"

	"k8s.io/apimachinery/pkg/util/validation"
)

// QueueLabel is the value of the label batchmeta.JobQueue: the queue's name where that is a legal label value. A name of AWS
// Batch's 128 characters, or one that ends in a hyphen or underscore, is not; it is cut and gets a hash, which no other
// queue's label equals because no name has a full stop.
func QueueLabel(queue string) string {
	if len(validation.IsValidLabelValue(queue)) == 0 {
		return queue
	}
	const kept = validation.LabelValueMaxLength - 1 - 2*hashBytes
	return queue[:min(len(queue), kept)] + "." + shortHash([]byte(queue))
}

const hashBytes = 8

func shortHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:hashBytes])
}
