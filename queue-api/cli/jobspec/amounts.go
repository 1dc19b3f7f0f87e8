// SPDX-License-Identifier: Apache-2.0

package jobspec

import (
	"strconv"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// Amounts are what a container asks for, by the type of requirement. AWS Batch: what is in resourceRequirements goes before the
// deprecated members vcpus and memory.
func Amounts(list []awsapi.ResourceRequirement, vcpus, memory *int) map[string]string {
	m := map[string]string{}
	if value(vcpus) > 0 {
		m["VCPU"] = strconv.Itoa(*vcpus)
	}
	if value(memory) > 0 {
		m["MEMORY"] = strconv.Itoa(*memory)
	}
	for _, r := range list {
		m[value(r.Type)] = value(r.Value)
	}
	return m
}

// Overruled names the deprecated members that do not count, because the container's resourceRequirements say otherwise; empty if
// there are none. AWS Batch tells of them in its console.
func Overruled(list []awsapi.ResourceRequirement, vcpus, memory *int) string {
	counts := Amounts(list, vcpus, memory)
	var out []string
	if n := strconv.Itoa(value(vcpus)); value(vcpus) > 0 && counts["VCPU"] != n {
		out = append(out, "vcpus "+n)
	}
	if n := strconv.Itoa(value(memory)); value(memory) > 0 && counts["MEMORY"] != n {
		out = append(out, "memory "+n)
	}
	return strings.Join(out, ", ")
}
