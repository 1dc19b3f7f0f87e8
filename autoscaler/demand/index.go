// SPDX-License-Identifier: Apache-2.0

package demand

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-batch/muster/autoscaler/pack"
)

// Index counts pending pods. It is a handler of the pod informer's events and safe for concurrent use.
type Index struct {
	changed func()

	mu     sync.Mutex // guards all below
	pods   map[types.UID]*entry
	shapes map[string]*group // of pods in no gang
	gangs  map[string]*gang
	byKey  map[string]*group  // all groups, of gangs and of none
	left   map[types.UID]bool // pods that no longer wait, but did at the last Demands
}

var _ cache.ResourceEventHandler = (*Index)(nil)

// entry is what the index knows of a pod. Invariant: it is in group if group is not nil; else it is a placed gang member.
type entry struct {
	gang  string
	group *group
}

// group is pending pods of one shape, in one gang or in none.
type group struct {
	key          string
	shape        string
	request      pack.Vector
	alone        bool
	environments []string
	pods         map[types.UID]*corev1.Pod
}

// NewIndex makes an empty index. changed is called, without the index locked, after each change of what is wanted.
func NewIndex(changed func()) *Index {
	return &Index{
		changed: changed, pods: map[types.UID]*entry{}, shapes: map[string]*group{}, gangs: map[string]*gang{},
		byKey: map[string]*group{}, left: map[types.UID]bool{},
	}
}

// OnAdd implements cache.ResourceEventHandler.
func (x *Index) OnAdd(obj any, _ bool) {
	if p, ok := obj.(*corev1.Pod); ok {
		x.update(p)
	}
}

// OnUpdate implements cache.ResourceEventHandler.
func (x *Index) OnUpdate(_, obj any) { x.OnAdd(obj, false) }

// OnDelete implements cache.ResourceEventHandler.
func (x *Index) OnDelete(obj any) {
	if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = unknown.Obj
	}
	p, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}
	x.mu.Lock()
	known := x.remove(p.UID)
	x.mu.Unlock()
	if known {
		x.changed()
	}
}

func (x *Index) update(p *corev1.Pod) {
	uuids := environments(p)
	if len(uuids) == 0 {
		return
	}
	x.mu.Lock()
	changed := x.replace(p, uuids)
	x.mu.Unlock()
	if changed {
		x.changed()
	}
}

// catchUp is told of pods that have a node in the snapshot. The lister that it is made of knows of a binding before handlers
// do, and a pod that is wanted as well as placed would be bought for twice.
func (x *Index) catchUp(bound []*framework.PodInfo) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range bound {
		if e := x.pods[p.UID]; e != nil && e.group != nil {
			x.replace(p.Pod, environments(p.Pod))
		}
	}
}

// replace takes the pod's present state for its last one and reports whether what is wanted changed by it.
func (x *Index) replace(p *corev1.Pod, uuids []string) bool {
	pending, name := isPending(p), gangOf(p)
	last := x.pods[p.UID]
	if last != nil && last.group != nil && pending {
		last.group.pods[p.UID] = p // what matters of a pending pod's spec cannot change
		return false
	}
	placed := name != "" && p.Spec.NodeName != "" && p.DeletionTimestamp == nil
	if last != nil && last.group == nil && placed {
		return false
	}
	removed := x.remove(p.UID)
	switch {
	case pending:
		x.add(p, name, uuids)
	case placed:
		x.gang(name).placed++
		x.gang(name).observe(p)
		x.pods[p.UID] = &entry{gang: name}
	}
	return removed || pending || placed
}

func (x *Index) add(p *corev1.Pod, name string, uuids []string) {
	v, complete := Request(p)
	alone := !complete || mindsNeighbours(p)
	shape := shapeOf(p, v, alone)
	groups, key := x.shapes, shape
	if name != "" {
		g := x.gang(name)
		g.observe(p)
		groups, key = g.pending, "gang/"+name+"/"+shape
	}
	members := groups[shape]
	if members == nil {
		members = &group{key: key, shape: shape, request: v, alone: alone, environments: uuids, pods: map[types.UID]*corev1.Pod{}}
		groups[shape], x.byKey[key] = members, members
	}
	members.pods[p.UID] = p
	x.pods[p.UID] = &entry{gang: name, group: members}
}

func (x *Index) gang(name string) *gang {
	g := x.gangs[name]
	if g == nil {
		g = &gang{pending: map[string]*group{}}
		x.gangs[name] = g
	}
	return g
}

func (x *Index) remove(uid types.UID) bool {
	e := x.pods[uid]
	if e == nil {
		return false
	}
	delete(x.pods, uid)
	groups := x.shapes
	if g := x.gangs[e.gang]; e.gang != "" {
		groups = g.pending
		if e.group == nil {
			g.placed--
		}
	}
	if m := e.group; m != nil {
		x.left[uid] = true
		delete(m.pods, uid)
		if len(m.pods) == 0 {
			delete(groups, m.shape)
			delete(x.byKey, m.key)
		}
	}
	if g := x.gangs[e.gang]; g != nil && g.placed == 0 && len(g.pending) == 0 {
		delete(x.gangs, e.gang)
	}
	return true
}

// isPending reports whether the pod is counted by the last Demands, or would be by the next.
func (x *Index) isPending(pod types.UID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.left[pod] {
		return true
	}
	e := x.pods[pod]
	return e != nil && e.group != nil
}

// Demands are what is wanted now: gangs first, in the scheduler's order, since what is left beside a gang serves the others
// but not the other way round.
func (x *Index) Demands() []Demand {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.left)
	names := slices.SortedFunc(maps.Keys(x.gangs), func(a, b string) int {
		return cmp.Or(x.gangs[a].compare(x.gangs[b]), cmp.Compare(a, b))
	})
	var out, loose []Demand
	for _, name := range names {
		for _, d := range x.gangs[name].demands(name) {
			if d.Whole {
				out = append(out, d)
			} else {
				loose = append(loose, d)
			}
		}
	}
	for _, shape := range slices.Sorted(maps.Keys(x.shapes)) {
		members := x.shapes[shape]
		loose = append(loose, Demand{Parts: []Part{members.part(len(members.pods))}})
	}
	return append(out, loose...)
}

func (m *group) part(count int) Part {
	p := Part{
		Part:         pack.Part{Key: m.key, Request: m.request, Count: count, Alone: m.alone},
		Shape:        m.shape,
		Environments: m.environments,
	}
	for _, pod := range m.pods {
		p.Exemplar = pod
		break
	}
	return p
}

// Pods are up to limit pods that the part with the key stands for now.
func (x *Index) Pods(key string, limit int) []*corev1.Pod {
	x.mu.Lock()
	defer x.mu.Unlock()
	members := x.byKey[strings.TrimSuffix(key, surplus)]
	if members == nil {
		return nil
	}
	var out []*corev1.Pod
	for _, pod := range members.pods {
		if len(out) == limit {
			break
		}
		out = append(out, pod)
	}
	return out
}
