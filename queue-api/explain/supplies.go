// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// unitVCPU is what environments are counted in.
const unitVCPU = "vCPU"

// supplies are what there is of what a job waits for: vCPUs in each environment of its queue, what its queue may hold of them
// all, and its consumables.
func (f *Facts) supplies() []viewapi.Supply {
	out := []viewapi.Supply{}
	for _, e := range f.Environments {
		out = append(out, environmentSupply(e))
	}
	if f.Shares != nil && f.Shares.Usable != nil {
		u := f.Shares.Usable
		out = append(out, viewapi.Supply{
			Kind: supplyReservation, Name: "without what is kept for other shares", Unit: unitVCPU, Free: vcpusOf(max(0, u.Milli)), Total: vcpusOf(u.MaxMilli),
		})
	}
	for _, r := range f.Job.Consumables {
		if c, known := f.Consumables[r.Name]; known {
			out = append(out, consumableSupply(r.Name, c))
		}
	}
	return out
}

func vcpusOf(milli int64) *float64 { return new(float64(milli) / 1000) }

func environmentSupply(e Environment) viewapi.Supply {
	s := viewapi.Supply{Kind: supplyEnvironment, Name: e.Name, Unit: unitVCPU}
	if !e.isUnlimited() {
		all := int64(e.MaxvCPUs) * 1000
		s.Free, s.Total = vcpusOf(max(0, all-e.UsedMilli)), vcpusOf(all)
	}
	if !e.AcceptsWork() {
		s.State = string(e.State)
		if e.State == batch.Enabled {
			s.State = string(e.Status)
		}
	}
	return s
}

func consumableSupply(name string, c *batch.ConsumableResource) viewapi.Supply {
	if c == nil {
		return viewapi.Supply{Kind: supplyConsumable, Name: name, Free: new(0.0), State: "does not exist"}
	}
	return viewapi.Supply{Kind: supplyConsumable, Name: name, Free: new(float64(c.Available())), Total: new(float64(c.TotalQuantity))}
}

// needsOf is what one attempt takes.
func needsOf(job *batch.Job) *viewapi.Needs {
	n := &viewapi.Needs{
		Nodes: job.NumNodes, VCPUs: float64(job.Requests.MilliVCPU) / 1000, MemoryMiB: job.Requests.MemoryMiB, GPUs: int(job.Requests.GPU),
	}
	for _, c := range job.Consumables {
		n.Consumables = append(n.Consumables, viewapi.Consumable{Name: c.Name, Quantity: c.Quantity})
	}
	return n
}
