// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
)

// part is a part of the cluster where a gang is tried member by member.
type part struct {
	infos []*framework.NodeInfo
	where string // words for it
	room  int    // for how many members at most, as far as the nodes' room goes
}

// domainsToTry returns where a gang is to be tried member by member: in one domain after the other if it names a topology
// key, and in the whole cluster unless it requires one. Its members' own constraints on other pods say more of how near
// they want each other than the default keys.
func domainsToTry(draft *gang.Draft, infos []*framework.NodeInfo) []part {
	required := draft.Spec.RequiredTopology
	key := cmp.Or(required, draft.Spec.PreferredTopology)
	if key == "" {
		return []part{{infos: infos}}
	}
	parts := partsOf(draft, infos, key)
	hold := slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return p.room < draft.Need() })
	slices.SortStableFunc(hold, func(a, b part) int { return compareParts(a, b, len(draft.Members)) })
	switch {
	case required == "":
		return append(hold[:min(len(hold), triedByPreference)], part{infos: infos})
	case len(hold) > 0:
		return hold
	case len(parts) > 0: // for the reason why not
		return []part{slices.MaxFunc(parts, func(a, b part) int { return cmp.Compare(a.room, b.room) })}
	}
	return []part{{where: " under the value of " + key + " where the gang's other members are"}}
}

// triedByPreference is how many domains are tried for a gang that would rather be in one.
const triedByPreference = 3

// compareParts puts the tightest first that may hold all members, and after those the largest first.
func compareParts(a, b part, members int) int {
	if holdsA := a.room >= members; holdsA != (b.room >= members) {
		if holdsA {
			return -1
		}
		return 1
	} else if holdsA {
		return cmp.Compare(a.room, b.room)
	}
	return cmp.Compare(b.room, a.room)
}

// partsOf divides the nodes that have a label by its value. If the gang has members on some, only these parts count.
func partsOf(draft *gang.Draft, infos []*framework.NodeInfo, key string) []part {
	var requests []*framework.Resource
	for _, set := range kin(draft.Members, func(a, b *corev1.Pod) bool { return requestAlike(&a.Spec, &b.Spec) }) {
		requests = append(requests, requestOf(set[0]))
	}
	index, home := map[string]int{}, map[string]bool{}
	var parts []part
	for _, info := range infos {
		value, ok := info.Node().Labels[key]
		if !ok {
			continue
		}
		i, ok := index[value]
		if !ok {
			i = len(parts)
			index[value] = i
			parts = append(parts, part{where: " under one value of " + key})
		}
		parts[i].infos = append(parts[i].infos, info)
		parts[i].room += roomFor(requests, info)
		if slices.Contains(draft.Placed, info.Node().Name) {
			home[value] = true
		}
	}
	if len(home) == 0 {
		return parts
	}
	var at []part
	for value := range home {
		at = append(at, parts[index[value]])
	}
	return at
}

// roomFor bounds how many pods a node has room for if all are of the one of these sizes that it holds most of.
func roomFor(requests []*framework.Resource, info *framework.NodeInfo) int {
	most := int64(0)
	for _, request := range requests {
		has, used := info.Allocatable, info.Requested
		room := int64(max(0, has.AllowedPodNumber-len(info.Pods)))
		bound := func(request, free int64) {
			if request > 0 {
				room = min(room, max(0, free)/request)
			}
		}
		bound(request.MilliCPU, has.MilliCPU-used.MilliCPU)
		bound(request.Memory, has.Memory-used.Memory)
		bound(request.EphemeralStorage, has.EphemeralStorage-used.EphemeralStorage)
		for name, n := range request.ScalarResources {
			bound(n, has.ScalarResources[name]-used.ScalarResources[name])
		}
		most = max(most, room)
	}
	return int(most)
}
