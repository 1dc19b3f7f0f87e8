// SPDX-License-Identifier: Apache-2.0

package nodetemplate

import (
	"cmp"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

// Least is what the types of a class have in common: of every resource as much as the node that has least of it, and the
// lowest of the prices.
func Least(c *instancetype.Class) instancetype.Type {
	out := c.Types[0]
	if len(c.Types) == 1 {
		return out
	}
	out.Name, out.PricePerHour, out.SpotPricePerHour = c.Name, out.Cost(), out.SpotCost()
	out.Architecture = cmp.Or(out.Architecture, instancetype.AMD64)
	least := Allocatable(&out)
	for i := range c.Types {
		t := &c.Types[i]
		out.VCPUs, out.GPUs = min(out.VCPUs, t.VCPUs), min(out.GPUs, t.GPUs)
		out.MemoryMiB, out.MaxPods = min(out.MemoryMiB, t.MemoryMiB), min(pods(&out), pods(t))
		out.PricePerHour, out.SpotPricePerHour = min(out.PricePerHour, t.Cost()), min(out.SpotPricePerHour, t.SpotCost())
		a := Allocatable(t)
		least.CPUMillis, least.MemoryMiB = min(least.CPUMillis, a.CPUMillis), min(least.MemoryMiB, a.MemoryMiB)
		least.DiskMiB = min(least.DiskMiB, a.DiskMiB)
	}
	out.Allocatable = &least
	return out
}
