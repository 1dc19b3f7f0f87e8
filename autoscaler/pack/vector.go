// SPDX-License-Identifier: Apache-2.0

package pack

import "math"

// Vector is an amount of every resource that is counted.
type Vector struct {
	CPUMillis int64
	Memory    int64 // bytes
	Disk      int64 // bytes of ephemeral storage
	GPUs      int64
	Pods      int64
}

// Fits says how often r fits into v.
func (v Vector) Fits(r Vector) int {
	n := int64(math.MaxInt32)
	for _, have := range [...][2]int64{
		{v.CPUMillis, r.CPUMillis}, {v.Memory, r.Memory}, {v.Disk, r.Disk}, {v.GPUs, r.GPUs}, {v.Pods, r.Pods},
	} {
		if have[1] > 0 {
			n = min(n, have[0]/have[1])
		}
	}
	return int(max(n, 0))
}

// Plus adds r n times; a negative n takes it away.
func (v Vector) Plus(r Vector, n int) Vector {
	k := int64(n)
	return Vector{
		CPUMillis: v.CPUMillis + k*r.CPUMillis,
		Memory:    v.Memory + k*r.Memory,
		Disk:      v.Disk + k*r.Disk,
		GPUs:      v.GPUs + k*r.GPUs,
		Pods:      v.Pods + k*r.Pods,
	}
}

// share is how large r is beside v: the sum over resources of the part of v that r takes.
func (v Vector) share(r Vector) float64 {
	total := 0.0
	for _, pair := range [...][2]int64{{r.CPUMillis, v.CPUMillis}, {r.Memory, v.Memory}, {r.GPUs, v.GPUs}, {r.Disk, v.Disk}} {
		if pair[0] > 0 {
			total += float64(pair[0]) / float64(max(pair[1], 1))
		}
	}
	return total
}
