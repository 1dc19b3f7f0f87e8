// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Simulation is what would become of a job if it were submitted now.
type Simulation struct {
	// Fits is whether a compute environment of the queue could hold it at all, as far as that is known; FitsNow, whether one has
	// room for it within its maxvCpus.
	Fits    bool `json:"fits"`
	FitsNow bool `json:"fitsNow"`
	// ComputeEnvironment is where it would go: the first that has room, or else the first that could hold it.
	ComputeEnvironment string        `json:"computeEnvironment,omitempty"`
	Environments       []Destination `json:"computeEnvironments"`
	// InstanceType is the cheapest there that holds its largest pod, and Nodes how many of them all of its pods take.
	InstanceType string `json:"instanceType,omitempty"`
	Nodes        int    `json:"nodes,omitempty"`
	// PricePerHour is what these cost; absent if that is not known. It is in the currency of the fleet's prices: US dollars, in
	// China yuan.
	PricePerHour *float64  `json:"pricePerHour,omitempty"`
	Needs        *Needs    `json:"needs"`
	ArraySize    int       `json:"arraySize,omitempty"` // what stands here is of one child then
	Position     *Position `json:"position,omitempty"`
	Code         Code      `json:"code"`
	Kind         Kind      `json:"kind"`
	Reason       string    `json:"reason"` // what its statusReason would be
	Details      []string  `json:"details,omitempty"`
	Supplies     []Supply  `json:"supplies,omitempty"`
	Estimate     *Estimate `json:"estimate,omitempty"`
	Next         string    `json:"next"`
}

// Destination is a compute environment to which the job may go.
type Destination struct {
	Name  string `json:"name"`
	Type  string `json:"type"` // MANAGED or UNMANAGED
	State string `json:"state"`
	// Status is the environment's.
	Status  string `json:"status"`
	Fits    bool   `json:"fits"`
	FitsNow bool   `json:"fitsNow"`
	// Why says why it does not fit.
	Why string `json:"why,omitempty"`
	// InstanceTypes are those that hold its largest pod, the cheapest first; at most MaxTypes of TypesInAll. They are absent where
	// nobody knows: of an unmanaged environment, and before the autoscaler reported.
	InstanceTypes []FittingType `json:"instanceTypes,omitempty"`
	TypesInAll    int           `json:"typesInAll,omitempty"`
}

// FittingType is an instance type that holds a job's largest pod.
type FittingType struct {
	InstanceType string   `json:"instanceType"`
	VCPUs        int      `json:"vcpus"`
	MemoryMiB    int64    `json:"memoryMiB"`
	GPUs         int      `json:"gpus,omitempty"`
	Holds        int      `json:"holds"` // pods of that size, on an empty node
	PricePerHour *float64 `json:"pricePerHour,omitempty"`
}

// MaxTypes bounds the instance types that a destination names.
const MaxTypes = 20

// Simulate says what would become of a job that was not submitted. largest is the largest of its pods. Node selectors, affinity
// and tolerations are not looked at.
func (f *Facts) Simulate(largest batch.Requests) Simulation {
	job := *f.Job
	s := Simulation{
		Needs: needsOf(&job), ArraySize: job.ArraySize, Position: f.position(), Supplies: f.supplies(), Environments: []Destination{},
	}
	for _, e := range f.Environments {
		s.Environments = append(s.Environments, f.destination(e, largest))
	}
	s.choose(max(1, job.NumNodes))
	code := f.obstacle()
	s.Reason = whyWaiting(&job, f.Place, f.supplies())
	switch {
	case f.Queue != nil && batchmeta.IsPaused(f.Queue.Tags):
		code, s.Reason = f.waiting()
	case len(f.Unmet) > 0:
		code, s.Reason = DependencyWaiting, whyPending(f.Unmet, f.Found)
	case !s.Fits && slices.ContainsFunc(s.Environments, func(d Destination) bool { return d.Why == whyNoType(largest) }) && code != MaxResource:
		code = JobRequirement
	}
	s.Code, s.Kind, s.Details, s.Next = code, EntryOf(code).Kind, f.details(), f.next(code)
	waiting := *f
	waiting.Job = &job
	s.Estimate = waiting.estimate(code)
	if code == DependencyWaiting {
		s.Estimate = unknown("it waits for other jobs, and nobody knows how long they take")
	}
	return s
}

// choose picks where the job would go, and on what.
func (s *Simulation) choose(pods int) {
	at := slices.IndexFunc(s.Environments, func(d Destination) bool { return d.FitsNow })
	s.FitsNow = at >= 0
	if at < 0 {
		at = slices.IndexFunc(s.Environments, func(d Destination) bool { return d.Fits })
	}
	if s.Fits = at >= 0; !s.Fits {
		return
	}
	d := &s.Environments[at]
	s.ComputeEnvironment = d.Name
	if len(d.InstanceTypes) == 0 {
		return
	}
	best := slices.MinFunc(d.InstanceTypes, func(a, b FittingType) int {
		return cmp.Or(cmp.Compare(a.total(pods), b.total(pods)), cmp.Compare(a.nodes(pods), b.nodes(pods)))
	})
	s.InstanceType, s.Nodes = best.InstanceType, best.nodes(pods)
	if best.PricePerHour != nil {
		s.PricePerHour = new(best.total(pods))
	}
}

// nodes is how many of the type so many pods take.
func (t *FittingType) nodes(pods int) int { return (pods + t.Holds - 1) / t.Holds }

// total is what these cost; types of unknown price come last.
func (t *FittingType) total(pods int) float64 {
	const dearest = 1e12
	if t.PricePerHour == nil {
		return dearest
	}
	return *t.PricePerHour * float64(t.nodes(pods))
}

func whyNoType(largest batch.Requests) string {
	text := fmt.Sprintf("none of its instance types holds %s vCPU and %d MiB", vCPUs(largest.MilliVCPU), largest.MemoryMiB)
	if largest.GPU > 0 {
		text += fmt.Sprintf(" with %d GPU", largest.GPU)
	}
	return text
}

// destination is what the job finds in an environment.
func (f *Facts) destination(e Environment, largest batch.Requests) Destination {
	milli := f.Job.Requests.MilliVCPU
	d := Destination{Name: e.Name, Type: e.Type, State: string(e.State), Status: string(e.Status)}
	isKnown := e.Report != nil && e.Report.InstanceTypes != ""
	if isKnown && !e.IsFargate() {
		d.InstanceTypes = fittingTypes(e.Report.InstanceTypes, largest)
		d.TypesInAll = len(d.InstanceTypes)
		d.InstanceTypes = d.InstanceTypes[:min(len(d.InstanceTypes), MaxTypes)]
	}
	switch {
	case !e.AcceptsWork():
		d.Why = "it is " + environmentSupply(e).State
	case f.Job.IsMultiNode() && !e.TakesGangs():
		d.Why = "multi-node jobs do not run there"
	case !e.couldHold(milli):
		d.Why = fmt.Sprintf("its maxvCpus is %d", e.MaxvCPUs)
	case isKnown && !e.IsFargate() && len(d.InstanceTypes) == 0:
		d.Why = whyNoType(largest)
	case !e.holds(milli):
		d.Fits, d.Why = true, fmt.Sprintf("%s of its %d vCPU are free", amount(*environmentSupply(e).Free), e.MaxvCPUs)
	default:
		d.Fits, d.FitsNow = true, true
	}
	return d
}

// fittingTypes are those types of a report that hold a pod, the cheapest first, those of unknown price last.
func fittingTypes(report string, pod batch.Requests) []FittingType {
	var out []FittingType
	for _, o := range batchmeta.ParseOffers(report) {
		holds := o.Holds(pod.MilliVCPU, pod.MemoryMiB, pod.GPU)
		if holds == 0 {
			continue
		}
		t := FittingType{InstanceType: o.InstanceType, VCPUs: o.VCPUs, MemoryMiB: o.MemoryMiB, GPUs: o.GPUs, Holds: holds}
		if o.PricePerHour > 0 {
			t.PricePerHour = new(o.PricePerHour)
		}
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b FittingType) int { return cmp.Compare(a.total(1), b.total(1)) })
	return out
}
