// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	gpuResource = "nvidia.com/gpu"
	// minMemoryMiB is AWS Batch's.
	minMemoryMiB = 4
	// maxAmount bounds vCPUs, MiB and GPUs of a container, so that no sum or unit of them overflows. No machine has as much.
	maxAmount = 999_999_999
)

const (
	vCPURule   = "must be a positive multiple of 0.25"
	memoryRule = "must be a whole number of MiB, at least 4"
	gpuRule    = "must be a whole number"
)

// parseVCPU reads a positive multiple of 0.25, such as 1, 0.25 or 2.0, into thousandths. Exponents and signs are refused;
// the bound on the length keeps the float exact.
func parseVCPU(s string) (milli int64, ok bool) {
	if len(s) > 16 || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f <= 0 || f > maxAmount || f*4 != math.Trunc(f*4) {
		return 0, false
	}
	return int64(f * 1000), true
}

// parseWhole reads digits only.
func parseWhole(s string) (n int64, ok bool) {
	u, err := strconv.ParseUint(s, 10, 32)
	return int64(u), err == nil && u <= maxAmount
}

// amounts are what one container asks for; zero is not given.
type amounts struct {
	batch.Requests
	milliVCPULimit int64
}

// requirements is a as Kubernetes has it. Memory and GPUs are limits too: neither can be taken back from a container.
func (a amounts) requirements() corev1.ResourceRequirements {
	var r corev1.ResourceRequirements
	set := func(list *corev1.ResourceList, name corev1.ResourceName, q resource.Quantity) {
		if q.IsZero() {
			return
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = q
	}
	memory := *resource.NewQuantity(a.MemoryMiB<<20, resource.BinarySI)
	gpu := *resource.NewQuantity(a.GPU, resource.DecimalSI)
	set(&r.Requests, corev1.ResourceCPU, *resource.NewMilliQuantity(a.MilliVCPU, resource.DecimalSI))
	set(&r.Requests, corev1.ResourceMemory, memory)
	set(&r.Requests, gpuResource, gpu)
	set(&r.Limits, corev1.ResourceCPU, *resource.NewMilliQuantity(a.milliVCPULimit, resource.DecimalSI))
	set(&r.Limits, corev1.ResourceMemory, memory)
	set(&r.Limits, gpuResource, gpu)
	return r
}

// containerAmounts reads the deprecated members and then the list, which goes first. at is their parent.
func containerAmounts(at *field.Path, vcpus, memory *int, list []awsapi.ResourceRequirement) (amounts, error) {
	var a amounts
	if n := ptr.Deref(vcpus, 0); n < 0 || n > maxAmount {
		return a, invalid(at.Child("vcpus"), "must be at least 1")
	} else if n > 0 {
		a.MilliVCPU = int64(n) * 1000
	}
	if n := ptr.Deref(memory, 0); n != 0 && n < minMemoryMiB || n > maxAmount {
		return a, invalid(at.Child("memory"), memoryRule)
	} else if n > 0 {
		a.MemoryMiB = int64(n)
	}
	seen := map[string]bool{}
	for i := range list {
		item := at.Child("resourceRequirements").Index(i)
		kind, value := ptr.Deref(list[i].Type, ""), ptr.Deref(list[i].Value, "")
		if seen[kind] {
			return a, invalid(item.Child("type"), "%s is given twice", clip(kind))
		}
		seen[kind] = true
		if rule, ok := a.read(kind, value); !ok {
			return a, notNumeric(item.Child("value"), kind, value, rule)
		}
	}
	return a, nil
}

func notNumeric(at *field.Path, kind, value, rule string) error {
	return batch.Invalidf("Value %s for type %s in resourceRequirement is not valid. Please provide a numeric value. %s %s",
		clip(value), clip(kind), at, rule)
}

// read takes over one resource requirement.
func (a *amounts) read(kind, value string) (rule string, ok bool) {
	switch kind {
	case "VCPU":
		a.MilliVCPU, ok = parseVCPU(value)
		return vCPURule, ok
	case "MEMORY":
		a.MemoryMiB, ok = parseWhole(value)
		return memoryRule, ok && a.MemoryMiB >= minMemoryMiB
	case "GPU":
		a.GPU, ok = parseWhole(value)
		return gpuRule, ok
	}
	return "must be of type VCPU, MEMORY or GPU", false
}

// eksAmounts reads resources: what is only in limits counts as requested too, what is only in requests is no limit but for
// memory and GPUs.
func eksAmounts(at *field.Path, r *awsapi.EksContainerResourceRequirements) (amounts, error) {
	if r == nil {
		return amounts{}, nil
	}
	limits, err := eksList(at.Child("limits"), r.Limits)
	if err != nil {
		return amounts{}, err
	}
	requests, err := eksList(at.Child("requests"), r.Requests)
	if err != nil {
		return amounts{}, err
	}
	both := func(limit, request int64) bool { return limit != 0 && request != 0 }
	switch {
	case both(limits.MilliVCPU, requests.MilliVCPU) && limits.MilliVCPU < requests.MilliVCPU:
		return amounts{}, invalid(at, "cpu in limits must be at least cpu in requests")
	case both(limits.MemoryMiB, requests.MemoryMiB) && limits.MemoryMiB != requests.MemoryMiB:
		return amounts{}, invalid(at, "memory in limits must equal memory in requests")
	case both(limits.GPU, requests.GPU) && limits.GPU != requests.GPU:
		return amounts{}, invalid(at, gpuResource+" in limits must equal "+gpuResource+" in requests")
	}
	a := amounts{Requests: requests, milliVCPULimit: limits.MilliVCPU}
	if a.MilliVCPU == 0 {
		a.MilliVCPU = limits.MilliVCPU
	}
	a.MemoryMiB = max(a.MemoryMiB, limits.MemoryMiB)
	a.GPU = max(a.GPU, limits.GPU)
	return a, nil
}

// eksList reads limits or requests.
func eksList(at *field.Path, list map[string]string) (batch.Requests, error) {
	var r batch.Requests
	for _, key := range slices.Sorted(maps.Keys(list)) {
		var rule string
		var ok bool
		switch key {
		case "cpu":
			r.MilliVCPU, ok = parseVCPU(list[key])
			rule = vCPURule
		case "memory":
			digits, inMi := strings.CutSuffix(list[key], "Mi")
			r.MemoryMiB, ok = parseWhole(digits)
			ok = ok && inMi && r.MemoryMiB >= minMemoryMiB
			rule = `must be a whole number with the suffix "Mi", at least 4Mi`
		case gpuResource:
			r.GPU, ok = parseWhole(list[key])
			ok = ok && r.GPU > 0
			rule = gpuRule + ", at least 1"
		default:
			return r, invalid(at, "%s is not known: only cpu, memory and %s are", quote(key), gpuResource)
		}
		if !ok {
			return r, invalid(at.Key(key), "%s %s", quote(list[key]), rule)
		}
	}
	return r, nil
}
