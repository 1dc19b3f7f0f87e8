// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/place"
)

// solveLargestFirst seats the kinds in another order, the largest members first, and returns the better answer.
func (t *tally) solveLargestFirst(p *place.Problem, former place.Answer) place.Answer {
	total := make([]float64, len(t.resources)+len(t.ports))
	for _, node := range p.Nodes {
		for r, free := range node.Free {
			total[r] += float64(max(free, 0))
		}
	}
	weight := func(k *kind) float64 { // the largest share of what is free that one takes
		most := 0.0
		for r, size := range k.size {
			if size > 0 {
				most = max(most, float64(size)/max(total[r], 1))
			}
		}
		return most
	}
	kinds, groups := slices.Clone(t.kinds), slices.Clone(p.Groups)
	order := make([]int, len(kinds))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weight(kinds[b]), weight(kinds[a])) })
	for i, k := range order {
		t.kinds[i], p.Groups[i] = kinds[k], groups[k]
	}
	if a := place.Solve(p); a.Seated() > former.Seated() {
		return a
	}
	t.kinds, p.Groups = kinds, groups
	return former
}

// refuse says what stands in the way of the members that found no seat.
func (t *tally) refuse(nodes []int, p *place.Problem, a place.Answer) string {
	short := gang.Shortfall{Fit: a.Seated(), Alike: len(t.kinds) == 1, Within: t.draft.Spec.RequiredTopology}
	seated := make([]bool, len(t.infos))
	for _, take := range a.Takes {
		free := slices.Clone(t.free[nodes[take.Node]])
		for r, size := range p.Groups[take.Group].Size {
			free[r] -= size * int64(take.Count)
		}
		t.free[nodes[take.Node]], seated[nodes[take.Node]] = free, true
	}
	g := slices.IndexFunc(a.Missing, func(n int) bool { return n > 0 })
	k := t.kinds[g]
	lacks, isRoom := t.lacks(k, t.near(seated))
	if isRoom {
		for _, r := range lacks {
			short.Lacks = append(short.Lacks, gang.Lack{
				Members: t.draft.Need() - short.Fit, Each: quantityOf(t.resources[r], k.size[r]), Resource: t.resources[r],
			})
		}
	}
	if len(short.Lacks) == 0 {
		short.Words = k.pods[len(k.pods)-a.Missing[g]].Name + ": " + t.words(k)
	}
	return t.draft.Refuse(short)
}

// near returns which nodes count for what is short: all, or those of the one domain that the members have to share once
// some of them were seated there.
func (t *tally) near(seated []bool) func(i int) bool {
	i := slices.Index(seated, true)
	if t.draft.Spec.RequiredTopology == "" || i < 0 {
		return func(int) bool { return true }
	}
	domain := t.topology.paths[i][0]
	return func(i int) bool { return t.topology.paths[i][0] == domain }
}

// lacks returns the resources that one more of a kind is short of: the one that is short on every node that would take it,
// else all that are short on some, the worst first. False when room is not all that is in the way.
func (t *tally) lacks(k *kind, counts func(i int) bool) (lacks []int, isRoom bool) {
	short, of := make([]int, len(k.size)), 0
	for i, info := range t.infos {
		if t.free[i] == nil || !counts(i) || !k.admits(i, info) {
			continue
		}
		of++
		isShort := false
		for r, size := range k.size {
			if size > 0 && t.free[i][r] < size {
				short[r]++
				isShort = true
			}
		}
		if !isShort || (t.against != nil && t.isKept(i, k)) {
			return nil, false
		}
	}
	for r, n := range short {
		if n > 0 {
			lacks = append(lacks, r)
		}
	}
	slices.SortStableFunc(lacks, func(a, b int) int { return cmp.Compare(short[b], short[a]) })
	if len(lacks) > 0 && short[lacks[0]] == of {
		lacks = lacks[:1]
	}
	isRoom = !slices.ContainsFunc(lacks, func(r int) bool { return r >= len(t.resources) }) // a port is not room
	return lacks, isRoom
}

// isKept reports whether one more of a kind would fit on a node but for what is kept there.
func (t *tally) isKept(i int, k *kind) bool {
	kept, _ := keptOn(t.infos[i], t.against)
	if kept == nil {
		return false
	}
	free := slices.Clone(t.free[i])
	for r, name := range t.resources {
		free[r] += amountOf(kept, name)
	}
	return k.fits(free)
}

func quantityOf(name corev1.ResourceName, amount int64) resource.Quantity {
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(amount, resource.DecimalSI)
	}
	if name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage {
		return *resource.NewQuantity(amount, resource.BinarySI)
	}
	return *resource.NewQuantity(amount, resource.DecimalSI)
}

// words counts the reasons why one more of a kind fits on no node, in the scheduler's own words.
func (t *tally) words(k *kind) string {
	misfits := framework.NewDefaultNodeToStatus()
	for i, info := range t.infos {
		if status := t.misfit(i, k); !status.IsSuccess() {
			misfits.Set(info.Node().Name, status)
		}
	}
	return summary(k.pods[0], len(t.infos), misfits)
}

// misfit returns why one more of a kind does not fit on a node.
func (t *tally) misfit(i int, k *kind) *framework.Status {
	switch info := t.infos[i]; {
	case !k.verdicts[i].status.IsSuccess():
		return k.verdicts[i].status
	case !k.admits(i, info):
		return unschedulable("node(s) didn't match Pod's node affinity/selector")
	case t.free[i] == nil:
		return unschedulable("node(s) without the label " + t.draft.Spec.RequiredTopology)
	case t.against != nil && t.isKept(i, k):
		_, by := keptOn(info, t.against)
		return unschedulable("node(s) keep room for " + by.id.holder.String())
	}
	var reasons []string
	for r, size := range k.size {
		switch {
		case size == 0 || t.free[i][r] >= size:
		case r >= len(t.resources):
			reasons = append(reasons, "node(s) didn't have free ports for the requested pod ports")
		case t.resources[r] == corev1.ResourcePods:
			reasons = append(reasons, "Too many pods")
		default:
			reasons = append(reasons, "Insufficient "+string(t.resources[r]))
		}
	}
	if len(reasons) == 0 && t.draft.Spec.RequiredTopology != "" {
		reasons = append(reasons, "node(s) with another value of "+t.draft.Spec.RequiredTopology)
	}
	return framework.NewStatus(framework.Unschedulable, reasons...)
}
