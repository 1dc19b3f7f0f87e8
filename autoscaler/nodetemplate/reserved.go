// SPDX-License-Identifier: Apache-2.0

package nodetemplate

import "github.com/muster-batch/muster/autoscaler/instancetype"

const (
	diskMiB        = 80 * 1024 // AWS Batch on EKS gives a node 80 GiB
	defaultMaxPods = 110       // the kubelet's own default
)

func pods(t *instancetype.Type) int {
	if t.MaxPods > 0 {
		return t.MaxPods
	}
	return defaultMaxPods
}

// reservedCPUMillis is what EKS nodes keep for the system: 6 % of the first core, 1 % of the second, 0.5 % of the next two,
// 0.25 % of the rest.
func reservedCPUMillis(vcpus int) int64 {
	reserved := 0.0
	for core := range vcpus {
		switch {
		case core == 0:
			reserved += 60
		case core == 1:
			reserved += 10
		case core < 4:
			reserved += 5
		default:
			reserved += 2.5
		}
	}
	return int64(reserved)
}

// reservedMemoryMiB is what the hypervisor takes, what EKS nodes keep for the system, and the kubelet's eviction threshold.
func reservedMemoryMiB(t *instancetype.Type) int64 {
	const evictionMiB = 100
	hypervisor := t.MemoryMiB * 75 / 1000
	system := 255 + 11*int64(pods(t))
	return hypervisor + system + evictionMiB
}
