// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// podPrefix begins the names of pods, as AWS Batch's do.
const podPrefix = "aws-batch."

// maxLogDefinition is how much of a job definition's name a log stream's has. AWS Batch: 200 characters.
const maxLogDefinition = 200

// TaskID is the pod's name as the id of an ECS task, 32 hexadecimal digits: the UUID in the name, from which PodOfTask finds
// the name again.
func TaskID(podName string) string {
	id := strings.ReplaceAll(strings.TrimPrefix(podName, podPrefix), "-", "")
	if _, err := hex.DecodeString(id); err != nil || len(id) != 32 {
		sum := sha256.Sum256([]byte(podName))
		return hex.EncodeToString(sum[:16])
	}
	return id
}

// PodOfTask is the name of the pod whose TaskID it is, if that has a UUID in its name.
func PodOfTask(id string) string {
	if len(id) != 32 {
		return ""
	}
	return podPrefix + id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

// LogStream names the log of a pod's container as AWS Batch does.
func LogStream(definition, container, podName string) string {
	return definition[:min(len(definition), maxLogDefinition)] + "/" + container + "/" + TaskID(podName)
}
