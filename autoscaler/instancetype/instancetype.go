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
	Architecture string
	MaxPods      int
	// Allocatable is what the node will report as allocatable where that is known; nil leaves it to nodetemplate.
	Allocatable *Allocatable
	// PricePerHour compares types with one another. It need not be a real price; 0 means unknown.
	PricePerHour float64
}

// Allocatable is the part of a machine that pods may request.
type Allocatable struct {
	CPUMillis int64
	MemoryMiB int64
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

// UnknownError names the instance types that nobody knows.
type UnknownError struct {
	Names []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("unknown instance types [%s]", strings.Join(e.Names, ", "))
}
