// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/room"
)

// forecaster turns what the informers know into what package room works on.
type forecaster struct {
	nodes   corelisters.NodeLister
	pods    corelisters.PodLister
	profile string // only this scheduler's pods are taken to end some day
	holds   *holds

	uses map[types.UID]*framework.Resource // what running pods use, as long as somebody waits
}

// view is the cluster at one time.
type view struct {
	f     *forecaster
	now   time.Time
	nodes []*seen // by name
	named map[string]*seen
}

// seen is one node of a view.
type seen struct {
	node *corev1.Node
	free *framework.Resource // what nobody uses and nobody else keeps
	pods []running
}

// running is a pod, and what it uses.
type running struct {
	pod *corev1.Pod
	use *framework.Resource
}

// forget drops what is only needed while somebody waits.
func (f *forecaster) forget() { f.uses = nil }

// look takes a view of the cluster. The listers are indexes in memory: they return no errors.
func (f *forecaster) look(now time.Time) *view {
	nodes, _ := f.nodes.List(labels.Everything())
	v := &view{f: f, now: now, nodes: make([]*seen, len(nodes)), named: make(map[string]*seen, len(nodes))}
	for i, node := range nodes {
		v.nodes[i] = &seen{node: node, free: framework.NewResource(node.Status.Allocatable)}
		v.named[node.Name] = v.nodes[i]
	}
	slices.SortFunc(v.nodes, func(a, b *seen) int { return strings.Compare(a.node.Name, b.node.Name) })
	f.run(v)
	for _, h := range f.holds.all() {
		if h.id.purpose != nextToFit && h.isInForce(now) {
			v.take(h)
		}
	}
	return v
}

// run puts the running pods on the view's nodes, always in the same order: of equal choices the same one is made again, so
// that rooms stay where they are.
func (f *forecaster) run(v *view) {
	pods, _ := f.pods.List(labels.Everything())
	uses := make(map[types.UID]*framework.Resource, len(f.uses))
	for _, pod := range pods {
		n := v.named[pod.Spec.NodeName]
		if n == nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		use := f.uses[pod.UID]
		if use == nil {
			use = requestOf(pod)
		}
		uses[pod.UID] = use
		remove(n.free, use)
		n.pods = append(n.pods, running{pod, use})
	}
	f.uses = uses
	for _, n := range v.nodes {
		slices.SortFunc(n.pods, func(a, b running) int { return strings.Compare(string(a.pod.UID), string(b.pod.UID)) })
	}
}

// take takes what a hold keeps off what is free: all of it, since what others still use of it becomes free for the holder. The
// seats that members have taken are used already.
func (v *view) take(h *hold) {
	for node, r := range h.rooms {
		n := v.named[node]
		if n == nil {
			continue
		}
		remove(n.free, &r.kept)
		if h.id.purpose != openSeats {
			continue
		}
		for _, p := range n.pods {
			if used := r.used[p.pod.UID]; used != nil {
				add(n.free, used)
			}
		}
	}
}

// nodesFor returns the nodes on which members of a gang may run.
func (v *view) nodesFor(draft *gang.Draft, r *roles) []room.Node {
	held := v.f.holds.roomsOf(keptFor(draft.Key))
	key := draft.Spec.RequiredTopology
	only, pinned := v.domainOf(draft)
	nodes := make([]room.Node, 0, len(v.nodes))
	for _, n := range v.nodes {
		node := n.node
		if v.isForOthers(n, draft.Key) {
			continue
		}
		domain := node.Labels[key]
		if key != "" && (domain == "" || (pinned && domain != only)) {
			continue
		}
		may, isAny := r.admittedBy(node)
		if !isAny {
			continue
		}
		to := room.Node{
			Name: node.Name, Domain: domain, Free: r.amounts(n.free), May: may, Held: held[node.Name] != nil,
			Pods: make([]room.Pod, 0, len(n.pods)),
		}
		for _, p := range n.pods {
			if at, ends := v.endOf(p.pod); ends {
				to.Pods = append(to.Pods, room.Pod{ID: string(p.pod.UID), Uses: r.amounts(p.use), Ends: at})
			}
		}
		nodes = append(nodes, to)
	}
	return nodes
}

// domainOf returns the topology domain that the gang's placed members pin the others to; false when nothing does.
func (v *view) domainOf(draft *gang.Draft) (string, bool) {
	if len(draft.Placed) == 0 {
		return "", false
	}
	if n := v.named[draft.Placed[0]]; n != nil {
		return n.node.Labels[draft.Spec.RequiredTopology], true
	}
	return "", false
}

// endOf returns when a running pod ends at the latest, zero when nobody knows; false when it is not to be waited for at all:
// what other schedulers placed, and what a node's own agents run, may stay for ever.
func (v *view) endOf(pod *corev1.Pod) (at time.Time, ends bool) {
	if pod.DeletionTimestamp != nil {
		return pod.DeletionTimestamp.Time, true
	}
	return overBy(pod, v.now), pod.Spec.SchedulerName == v.f.profile
}

// rooms turns a plan into what a hold keeps.
func (v *view) rooms(r *roles, nodes []room.Node, plan room.Plan) map[string]*keptRoom {
	rooms := make(map[string]*keptRoom, len(plan.Rooms))
	for _, p := range plan.Rooms {
		kept := &keptRoom{used: make(map[types.UID]*framework.Resource, len(p.Awaits))}
		for i, seats := range p.Seats {
			for range seats {
				add(&kept.kept, r.list[i].use)
			}
		}
		for _, id := range p.Awaits {
			kept.used[types.UID(id)] = v.f.uses[types.UID(id)]
		}
		rooms[nodes[p.Node].Name] = kept
	}
	return rooms
}
