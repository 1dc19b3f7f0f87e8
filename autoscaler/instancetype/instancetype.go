// SPDX-License-Identifier: Apache-2.0

package instancetype

import (
	"fmt"
	"strings"
)

// Architectures in Kubernetes' spelling.
const (
	AMD64 = "amd64"
	ARM64 = "arm64"
)

// Type is one instance type.
type Type struct {
	Name         string
	VCPUs        int
	MemoryMiB    int64
	GPUs         int
	GPUModel     string // such as T4; empty if there are no GPUs, or nobody says which
	Architecture string
	MaxPods      int
	// Allocatable is what the node will report as allocatable where that is known; nil leaves it to nodetemplate.
	Allocatable *Allocatable
	// PricePerHour is the On-Demand price, or a number that compares types as well; 0 means unknown.
	PricePerHour float64
	// SpotPricePerHour is what a Spot instance costs now where it is cheapest; 0 means unknown.
	SpotPricePerHour float64
}

// Allocatable is the part of a machine that pods may request.
type Allocatable struct {
	CPUMillis int64
	MemoryMiB int64
	DiskMiB   int64 // 0 for all of the disk
}

// Family is the part of the name before the full stop: c5 of c5.large.
func (t *Type) Family() string {
	family, _, _ := strings.Cut(t.Name, ".")
	return family
}

// Cost is PricePerHour, or a stand-in for it that grows with the machine: types of unknown price compare by their size.
func (t *Type) Cost() float64 {
	if t.PricePerHour > 0 {
		return t.PricePerHour
	}
	const perVCPU, perGiB, perGPU = 0.03, 0.004, 0.5
	return perVCPU*float64(t.VCPUs) + perGiB*float64(t.MemoryMiB)/1024 + perGPU*float64(t.GPUs)
}

// SpotCost is SpotPricePerHour, or else what a Spot instance costs at most: as much as any other.
func (t *Type) SpotCost() float64 {
	if t.SpotPricePerHour > 0 {
		return t.SpotPricePerHour
	}
	return t.Cost()
}

// UnknownError names the instance types that nobody knows.
type UnknownError struct {
	Names []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("unknown instance types [%s]", strings.Join(e.Names, ", "))
}
