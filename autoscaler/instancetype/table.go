// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	"strconv"
	"strings"
)

// family is a row of types that differ only in size: memory and price grow with the vCPUs.
type family struct {
	name          string
	architecture  string
	memoryPerVCPU int64 // MiB
	pricePerVCPU  float64
	sizes         string
}

const (
	sizesM5  = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"
	sizesC5  = "large xlarge 2xlarge 4xlarge 9xlarge 12xlarge 18xlarge 24xlarge"
	sizesM6i = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"
	sizesM6a = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"
	sizesM7i = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"
	sizesM6g = "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"
	gib      = 1024
)

var families = []family{
	{"m5", AMD64, 4 * gib, 0.048, sizesM5},
	{"m5a", AMD64, 4 * gib, 0.043, sizesM5},
	{"m6i", AMD64, 4 * gib, 0.048, sizesM6i},
	{"m6a", AMD64, 4 * gib, 0.0432, sizesM6a},
	{"m7i", AMD64, 4 * gib, 0.0504, sizesM7i},
	{"m6g", ARM64, 4 * gib, 0.0385, sizesM6g},
	{"m7g", ARM64, 4 * gib, 0.0408, sizesM6g},
	{"c5", AMD64, 2 * gib, 0.0425, sizesC5},
	{"c6i", AMD64, 2 * gib, 0.0425, sizesM6i},
	{"c6a", AMD64, 2 * gib, 0.03825, sizesM6a},
	{"c7i", AMD64, 2 * gib, 0.04463, sizesM7i},
	{"c6g", ARM64, 2 * gib, 0.034, sizesM6g},
	{"c7g", ARM64, 2 * gib, 0.03625, sizesM6g},
	{"r5", AMD64, 8 * gib, 0.063, sizesM5},
	{"r6i", AMD64, 8 * gib, 0.063, sizesM6i},
	{"r7i", AMD64, 8 * gib, 0.06615, sizesM7i},
	{"r6g", ARM64, 8 * gib, 0.0504, sizesM6g},
	{"r7g", ARM64, 8 * gib, 0.05355, sizesM6g},
}

func (f *family) types() []Type {
	var out []Type
	for size := range strings.FieldsSeq(f.sizes) {
		vcpus := vcpusOf(size)
		out = append(out, Type{
			Name:         f.name + "." + size,
			VCPUs:        vcpus,
			MemoryMiB:    int64(vcpus) * f.memoryPerVCPU,
			Architecture: f.architecture,
			MaxPods:      maxPods(vcpus),
			PricePerHour: float64(vcpus) * f.pricePerVCPU,
		})
	}
	return out
}

func vcpusOf(size string) int {
	switch size {
	case "medium":
		return 1
	case "large":
		return 2
	case "xlarge":
		return 4
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, "xlarge"))
	if err != nil {
		panic("instance size " + size + " is not in the table")
	}
	return 4 * n
}

// maxPods is what the VPC CNI's addresses allow on most types of the size.
func maxPods(vcpus int) int {
	switch {
	case vcpus <= 1:
		return 8
	case vcpus <= 2:
		return 29
	case vcpus <= 8:
		return 58
	case vcpus <= 48:
		return 234
	default:
		return 737
	}
}

// irregular is a type that follows no family's ratio.
func irregular(name string, vcpus int, memoryGiB float64, gpus int, price float64) Type {
	return Type{
		Name: name, VCPUs: vcpus, MemoryMiB: int64(memoryGiB * gib), GPUs: gpus,
		Architecture: AMD64, MaxPods: maxPods(vcpus), PricePerHour: price,
	}
}

var rows = []Type{
	irregular("t3.nano", 2, 0.5, 0, 0.0052),
	irregular("t3.micro", 2, 1, 0, 0.0104),
	irregular("t3.small", 2, 2, 0, 0.0208),
	irregular("t3.medium", 2, 4, 0, 0.0416),
	irregular("t3.large", 2, 8, 0, 0.0832),
	irregular("t3.xlarge", 4, 16, 0, 0.1664),
	irregular("t3.2xlarge", 8, 32, 0, 0.3328),
	irregular("g4dn.xlarge", 4, 16, 1, 0.526),
	irregular("g4dn.2xlarge", 8, 32, 1, 0.752),
	irregular("g4dn.4xlarge", 16, 64, 1, 1.204),
	irregular("g4dn.8xlarge", 32, 128, 1, 2.176),
	irregular("g4dn.12xlarge", 48, 192, 4, 3.912),
	irregular("g4dn.16xlarge", 64, 256, 1, 4.352),
	irregular("g5.xlarge", 4, 16, 1, 1.006),
	irregular("g5.2xlarge", 8, 32, 1, 1.212),
	irregular("g5.4xlarge", 16, 64, 1, 1.624),
	irregular("g5.8xlarge", 32, 128, 1, 2.448),
	irregular("g5.12xlarge", 48, 192, 4, 5.672),
	irregular("g5.16xlarge", 64, 256, 1, 4.096),
	irregular("g5.24xlarge", 96, 384, 4, 8.144),
	irregular("g5.48xlarge", 192, 768, 8, 16.288),
	irregular("p3.2xlarge", 8, 61, 1, 3.06),
	irregular("p3.8xlarge", 32, 244, 4, 12.24),
	irregular("p3.16xlarge", 64, 488, 8, 24.48),
	irregular("p3dn.24xlarge", 96, 768, 8, 31.212),
	irregular("p4d.24xlarge", 96, 1152, 8, 32.773),
	irregular("p5.48xlarge", 192, 2048, 8, 98.32),
}
