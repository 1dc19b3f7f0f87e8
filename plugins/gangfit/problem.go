// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gangpack"
	"github.com/muster-batch/muster/plugins/place"
	"github.com/muster-batch/muster/plugins/soletenant"
)

// problem counts what is free where members may go. It returns the indexes of the problem's nodes.
func (t *tally) problem() (nodes []int, p *place.Problem) {
	p = &place.Problem{Levels: len(t.topology.levels), Within: t.draft.Spec.RequiredTopology != "", Placed: t.placed()}
	t.free = make([][]int64, len(t.infos))
	width := len(t.resources) + len(t.ports)
	all := make([]int64, 0, width*len(t.infos))
	classes := make([]int, len(t.infos))
	found := make([]uint64, 0, len(t.infos)) // the fullest first when sorted, and of these those that the snapshot has first
	for i, info := range t.infos {
		if (p.Within && t.topology.lacks(i)) || !t.isEligible(i) {
			continue
		}
		from := len(all)
		all = t.addFree(all, info)
		t.free[i] = all[from : from+width : from+width]
		if slices.ContainsFunc(t.kinds, func(k *kind) bool { return k.admits(i, info) && k.fits(t.free[i]) }) {
			classes[i] = t.classOf(i, info)
			found = append(found, uint64(1000-gangpack.PerMille(info))<<32|uint64(i))
		}
	}
	slices.Sort(found)
	p.Nodes, nodes = make([]place.Node, len(found)), make([]int, len(found))
	for n, key := range found {
		i := int(uint32(key))
		nodes[n] = i
		p.Nodes[n] = place.Node{Free: t.free[i], Path: t.topology.paths[i], Class: classes[i]}
	}
	for _, k := range t.kinds {
		p.Groups = append(p.Groups, place.Group{Count: len(k.pods), Size: k.size, Bars: k.bars(nodes, t.infos)})
	}
	return nodes, p
}

// placed returns the paths of the nodes where the gang's other members are. One on a node without the required label, or
// on one that is gone, says nothing of where the others should be.
func (t *tally) placed() [][]int32 {
	if len(t.draft.Placed) == 0 {
		return nil
	}
	names := map[string]bool{}
	for _, name := range t.draft.Placed {
		names[name] = true
	}
	var paths [][]int32
	for i, info := range t.infos {
		if names[info.Node().Name] && (t.draft.Spec.RequiredTopology == "" || !t.topology.lacks(i)) {
			paths = append(paths, t.topology.paths[i])
		}
	}
	return paths
}

// isEligible reports whether a node's object lets any member in.
func (t *tally) isEligible(i int) bool {
	return slices.ContainsFunc(t.kinds, func(k *kind) bool { return k.admits(i, t.infos[i]) })
}

// admits reports whether a node's object lets the kind in.
func (k *kind) admits(i int, info *framework.NodeInfo) bool {
	return k.verdicts[i].status.IsSuccess() && (k.only.AllNodes() || k.only.NodeNames.Has(info.Node().Name))
}

// fits reports whether one of the kind fits into what is free.
func (k *kind) fits(free []int64) bool {
	for r, size := range k.size {
		if size > 0 && free[r] < size {
			return false
		}
	}
	return true
}

// bars returns which of the problem's nodes do not let the kind in; nil when all do.
func (k *kind) bars(nodes []int, infos []*framework.NodeInfo) []bool {
	var bars []bool
	for n, i := range nodes {
		if !k.admits(i, infos[i]) {
			if bars == nil {
				bars = make([]bool, len(nodes))
			}
			bars[n] = true
		}
	}
	return bars
}

// addFree appends what is free on a node, beside what is kept from the gang and what is promised to pods that do not come
// after it.
func (t *tally) addFree(all []int64, info *framework.NodeInfo) []int64 {
	from := len(all)
	has, used := info.Allocatable, info.Requested
	all = append(all, soletenant.Room(info, int64(has.AllowedPodNumber-len(info.Pods))), has.MilliCPU-used.MilliCPU, has.Memory-used.Memory,
		has.EphemeralStorage-used.EphemeralStorage)
	for _, name := range t.resources[len(all)-from:] {
		all = append(all, has.ScalarResources[name]-used.ScalarResources[name])
	}
	for _, p := range t.ports {
		n := int64(1)
		if info.UsedPorts.CheckConflict("", string(p.protocol), p.port) {
			n = 0
		}
		all = append(all, n)
	}
	if t.against != nil {
		if kept, _ := keptOn(info, t.against); kept != nil {
			t.deduct(all[from:], kept)
		}
	}
	for _, other := range t.g.fwk.NominatedPodsForNode(info.Node().Name) {
		if t.yieldsTo(other.Pod) {
			t.deduct(all[from:], requestOf(other.Pod))
			clear(all[from+len(t.resources):])
		}
	}
	return all
}

func (t *tally) deduct(free []int64, r *framework.Resource) {
	for i, name := range t.resources {
		free[i] -= amountOf(r, name)
	}
}

// yieldsTo reports whether the gang leaves alone what is promised to a pod.
func (t *tally) yieldsTo(other *corev1.Pod) bool {
	return corev1helpers.PodPriority(other) >= corev1helpers.PodPriority(t.draft.Members[0]) &&
		!slices.ContainsFunc(t.draft.Members, func(pod *corev1.Pod) bool { return pod.UID == other.UID })
}

// classOf says how much a node should be spared: for its taints, for want of what members prefer, or for resources that
// no member asks for and other work may wait for.
func (t *tally) classOf(i int, info *framework.NodeInfo) int {
	unwanted, liking := 0, int64(0)
	for _, k := range t.kinds {
		unwanted += k.verdicts[i].unwanted
		liking += k.verdicts[i].liking
	}
	const most = 1 << 24
	spare := gangpack.Unasked(info, t.isAsked)
	return min(unwanted, most)<<32 | int(most-min(liking, most))<<6 | min(spare, 63)
}

func (t *tally) isAsked(name corev1.ResourceName) bool {
	return slices.ContainsFunc(t.kinds, func(k *kind) bool { return k.request.ScalarResources[name] > 0 })
}
