// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// MaxTypes bounds the instance types that a destination names.
const MaxTypes = 20

// Simulate says what would become of a job that was not submitted.
func (f *Facts) Simulate(ask *Ask) viewapi.Simulation {
	job := *f.Job
	s := viewapi.Simulation{
		JobQueue: job.Queue,
		Needs:    needsOf(&job), ArraySize: job.ArraySize, Position: f.position(), Supplies: f.supplies(), Environments: []viewapi.SimulatedEnvironment{},
	}
	isTooMuch := false
	for _, e := range f.Environments {
		d, takesNone := f.destination(e, ask)
		isTooMuch = isTooMuch || takesNone
		s.Environments = append(s.Environments, d)
	}
	choose(&s, max(1, job.NumNodes))
	code := f.obstacle()
	s.Reason = whyWaiting(&job, f.Place, f.supplies())
	switch {
	case f.Queue != nil && batchmeta.IsPaused(f.Queue.Tags):
		code, s.Reason = f.waiting()
	case len(f.Unmet) > 0:
		code, s.Reason = DependencyWaiting, whyPending(f.Unmet, f.Found)
	case !s.Fits && isTooMuch && code != MaxResource:
		code = JobRequirement
	}
	s.Code, s.Kind, s.Details, s.Next = string(code), string(EntryOf(code).Kind), f.details(), f.next(code)
	waiting := *f
	waiting.Job = &job
	s.Estimate = waiting.estimate(code)
	if code == DependencyWaiting {
		s.Estimate = unknown("it waits for other jobs, and nobody knows how long they take")
	}
	return s
}

// choose picks where the job would go, and on what.
func choose(s *viewapi.Simulation, pods int) {
	at := slices.IndexFunc(s.Environments, func(d viewapi.SimulatedEnvironment) bool { return d.FitsNow })
	s.FitsNow = at >= 0
	if at < 0 {
		at = slices.IndexFunc(s.Environments, func(d viewapi.SimulatedEnvironment) bool { return d.Fits })
	}
	if s.Fits = at >= 0; !s.Fits {
		return
	}
	d := &s.Environments[at]
	s.ComputeEnvironment = d.Name
	if len(d.InstanceTypes) == 0 {
		return
	}
	best := slices.MinFunc(d.InstanceTypes, func(a, b viewapi.InstanceType) int {
		return cmp.Or(cmp.Compare(total(&a, pods), total(&b, pods)), cmp.Compare(nodes(&a, pods), nodes(&b, pods)))
	})
	s.InstanceType, s.Nodes = best.Name, nodes(&best, pods)
	if best.PricePerHour != nil {
		s.PricePerHour = new(total(&best, pods))
	}
}

// nodes is how many of the type so many pods take.
func nodes(t *viewapi.InstanceType, pods int) int { return (pods + t.Holds - 1) / t.Holds }

// total is what these cost; types of unknown price come last.
func total(t *viewapi.InstanceType, pods int) float64 {
	const dearest = 1e12
	if t.PricePerHour == nil {
		return dearest
	}
	return *t.PricePerHour * float64(nodes(t, pods))
}

// sizeOf is what a pod asks for, in words.
func sizeOf(r batch.Requests) string {
	text := fmt.Sprintf("%s vCPU and %d MiB", vCPUs(r.MilliVCPU), r.MemoryMiB)
	if r.GPU > 0 {
		text += fmt.Sprintf(" with %d GPU", r.GPU)
	}
	return text
}

// destination is what the job finds in an environment; takesNone is whether its nodes are known, and none of them could ever hold
// the job.
func (f *Facts) destination(e Environment, ask *Ask) (d viewapi.SimulatedEnvironment, takesNone bool) {
	milli := f.Job.Requests.MilliVCPU
	d = viewapi.SimulatedEnvironment{Name: e.Name, Type: e.Type, State: environmentSupply(e).State, InstanceTypes: []viewapi.InstanceType{}}
	isKnown := e.Report != nil && e.Report.InstanceTypes != "" && !e.IsFargate()
	if isKnown {
		fittingTypes(&d, e, ask)
	}
	switch {
	case !e.AcceptsWork():
		d.Reason = "it is " + environmentSupply(e).State
	case f.Job.IsMultiNode() && !e.TakesGangs():
		d.Reason = "multi-node jobs do not run there"
	case !e.couldHold(milli):
		d.Reason = fmt.Sprintf("its maxvCpus is %d", e.MaxvCPUs)
	case isKnown && d.TypesInAll == 0 && d.ExcludedInAll > 0:
		d.Reason, takesNone = whyExcluded(&d, "instance types"), true
	case isKnown && d.TypesInAll == 0:
		d.Reason, takesNone = "none of its instance types holds "+sizeOf(ask.Largest), true
	case !e.holds(milli):
		d.Fits, d.Reason = true, fmt.Sprintf("%s of its %d vCPU are free", amount(*environmentSupply(e).Free), e.MaxvCPUs)
	default:
		d.Fits, d.FitsNow = true, true
		if nodes, ok := ask.Nodes[e.Name]; ok {
			takesNone = existing(&d, nodes, ask)
		}
	}
	return d, takesNone
}

// fittingTypes finds those types of an environment that hold the largest pod and take all of them, the cheapest first, those of
// unknown price last; and those that would hold it and do not take it.
func fittingTypes(d *viewapi.SimulatedEnvironment, e Environment, ask *Ask) {
	capacity, label := "ON_DEMAND", batchmeta.CapacityOnDemand
	if strings.HasSuffix(e.ResourceType, "SPOT") {
		capacity, label = "SPOT", batchmeta.CapacitySpot
	}
	for _, o := range batchmeta.ParseOffers(e.Report.InstanceTypes) {
		holds := o.Holds(ask.Largest.MilliVCPU, ask.Largest.MemoryMiB, ask.Largest.GPU)
		if holds == 0 {
			continue
		}
		if because := refusal(ask.Pods[e.Name], nodeOf(e, &o, label)); because != "" {
			exclude(d, o.InstanceType, because, 0)
			continue
		}
		t := viewapi.InstanceType{Name: o.InstanceType, VCPUs: float64(o.VCPUs), MemoryMiB: o.MemoryMiB, GPUs: o.GPUs, CapacityType: capacity, Holds: holds}
		if o.PricePerHour > 0 {
			t.PricePerHour = new(o.PricePerHour)
		}
		d.InstanceTypes = append(d.InstanceTypes, t)
	}
	slices.SortStableFunc(d.InstanceTypes, func(a, b viewapi.InstanceType) int { return cmp.Compare(total(&a, 1), total(&b, 1)) })
	d.TypesInAll = len(d.InstanceTypes)
	d.InstanceTypes = d.InstanceTypes[:min(len(d.InstanceTypes), MaxTypes)]
}
