// SPDX-License-Identifier: Apache-2.0

package batch

import "strings"

// Resource types in ARNs.
const (
	ARNComputeEnvironment = "compute-environment"
	ARNJobQueue           = "job-queue"
	ARNJobDefinition      = "job-definition"
	ARNJob                = "job"
	ARNSchedulingPolicy   = "scheduling-policy"
	ARNConsumableResource = "consumable-resource"
)

// Scope is what ARNs in one reply share: the region that the client signed for and the server's account.
type Scope struct {
	Region  string
	Account string
}

// ARN names a resource of the service batch.
func (s Scope) ARN(resourceType, name string) string {
	return "arn:aws:batch:" + s.Region + ":" + s.Account + ":" + resourceType + "/" + name
}

// NameFromARN accepts a name or an ARN of the given type, of any partition, region and account, and returns the name.
// ok is false for an ARN of another service or type.
func NameFromARN(resourceType, nameOrARN string) (name string, ok bool) {
	if !strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN, nameOrARN != ""
	}
	parts := strings.SplitN(nameOrARN, ":", 6)
	if len(parts) != 6 || parts[2] != "batch" {
		return "", false
	}
	name, ok = strings.CutPrefix(parts[5], resourceType+"/")
	if !ok {
		return "", false
	}
	return name, name != ""
}

// IsCluster reports whether an eksClusterArn means the cluster of a name or ARN. A name is that of a cluster in any region
// and account.
func IsCluster(nameOrARN, arn string) bool {
	return arn != "" && (arn == nameOrARN || strings.HasPrefix(arn, "arn:") && arn[strings.LastIndexByte(arn, '/')+1:] == nameOrARN)
}
