// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/util"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/soletenant"
)

// EventsToRegister names the events that may help a pod which this plugin turned away: anything that may change a Filter
// plugin's answer for a member.
//
// A pod of no gang is judged by its own hint. Of the members of refused gangs only those are asked that had a cycle of their
// own, the ledger's watchers, and whoever is asked first judges the event for all refused gangs. None of them is queued by
// its hint: the gangs that the event may help get their turns in order, and keepGoing activates the leader of the next.
func (g *GangFit) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	on := func(resource framework.EventResource, action framework.ActionType, judge judge) framework.ClusterEventWithHint {
		return framework.ClusterEventWithHint{
			Event:          framework.ClusterEvent{Resource: resource, ActionType: action},
			QueueingHintFn: g.hint(judge),
		}
	}
	const nodeUpdate = framework.UpdateNodeAllocatable | framework.UpdateNodeLabel | framework.UpdateNodeTaint
	const written = framework.Add | framework.Update
	return []framework.ClusterEventWithHint{
		on(framework.Node, framework.Add|nodeUpdate, g.afterNode),
		on(framework.Node, framework.UpdateNodeAnnotation, g.afterAnnotation),
		on(framework.Pod, framework.Delete|framework.UpdatePodScaleDown, g.afterRoom),
		on(framework.Pod, framework.Add|framework.UpdatePodLabel, afterNeighbour),
		on(framework.Pod, framework.UpdatePodToleration, afterToleration),
		on(framework.PersistentVolumeClaim, written, afterStorage),
		on(framework.PersistentVolume, written, afterStorage),
		on(framework.StorageClass, written, afterStorage),
		on(framework.CSINode, written, afterStorage),
		on(framework.CSIDriver, written, afterStorage),
		on(framework.CSIStorageCapacity, written, afterStorage),
		on(framework.VolumeAttachment, framework.Delete, afterStorage),
	}, nil
}

// judge returns how many more pods like a given one may fit after an event, at most: 0 for none, gang.Unknown for any number.
type judge func(oldObj, newObj any) (func(pod *corev1.Pod) int, error)

// hint judges an event for the pod, or for all refused gangs.
func (g *GangFit) hint(judge judge) framework.QueueingHintFn {
	return func(_ klog.Logger, pod *corev1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
		if _, isMember := gang.KeyOf(pod); !isMember {
			gain, err := judge(oldObj, newObj)
			if err != nil {
				return framework.Queue, err
			}
			return queueIf(gain(pod) > 0), nil
		}
		refusals, watches := g.ledger.Watches(pod.UID)
		if !watches || g.judged.has(oldObj, newObj, refusals) {
			return framework.QueueSkip, nil
		}
		gain, err := judge(oldObj, newObj)
		if err != nil {
			g.reconsider()
			return framework.QueueSkip, err
		}
		if g.ledger.Help(ownerOf(oldObj), forKinds(gain)) {
			g.kick()
		}
		return framework.QueueSkip, nil
	}
}

// ownerOf returns the gang whose pod an event is about, if any.
func ownerOf(oldObj any) gang.Key {
	var key gang.Key
	if pod, ok := oldObj.(*corev1.Pod); ok && pod != nil {
		key, _ = gang.KeyOf(pod)
	}
	return key
}

// forKinds is the gain for a gang of several kinds of members. Gangs that are alike share their kinds: these are judged once.
func forKinds(gain func(*corev1.Pod) int) gang.Gain {
	known := map[*corev1.Pod]int{} // by the first of the kinds
	return func(kinds []*corev1.Pod) int {
		if len(kinds) == 0 {
			return gang.Unknown
		}
		n, ok := known[kinds[0]]
		if !ok {
			for _, pod := range kinds {
				n = max(n, gain(pod))
			}
			known[kinds[0]] = n
		}
		return n
	}
}

// judged is the event that was judged last. Several watchers are asked about the same event one after the other.
type judged struct {
	mu             sync.Mutex // guards what follows
	oldObj, newObj any
	refusals       uint64 // there were so many then
}

// has reports whether the event was judged for all gangs that are refused now; if not, it is from now on.
func (j *judged) has(oldObj, newObj any, refusals uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.oldObj == oldObj && j.newObj == newObj && j.refusals == refusals {
		return true
	}
	j.oldObj, j.newObj, j.refusals = oldObj, newObj, refusals
	return false
}

// afterNode: a node may take as many pods as it has room for when it is empty. For want of knowledge that is also how many
// more it may take when it changed.
func (g *GangFit) afterNode(_, newObj any) (func(*corev1.Pod) int, error) {
	_, node, err := util.As[*corev1.Node](nil, newObj)
	if err != nil {
		return nil, err
	}
	room := framework.NewResource(node.Status.Allocatable)
	return func(pod *corev1.Pod) int {
		if _, isMember := gang.KeyOf(pod); !isMember {
			return gang.Unknown // it was held for want of any node
		}
		switch {
		case !isPlain(pod):
			return gang.Unknown // it may make room on other nodes
		case !admits(node, pod):
			return 0
		}
		n := room.AllowedPodNumber
		each(requestOf(pod), room, func(asked, free int64) { n = min(n, int(free/asked)) })
		return n
	}, nil
}

// afterAnnotation: a node that is no longer reserved, or for others, may take whom it was kept from. One event may be of
// several changes, and is judged once: what afterNode would say of the others counts here, too.
func (g *GangFit) afterAnnotation(oldObj, newObj any) (func(*corev1.Pod) int, error) {
	before, node, err := util.As[*corev1.Node](oldObj, newObj)
	if err != nil {
		return nil, err
	}
	if isHandedOver(before, node) || isOtherwiseChanged(before, node) {
		return g.afterNode(oldObj, newObj)
	}
	return func(*corev1.Pod) int { return 0 }, nil
}

func isOtherwiseChanged(before, node *corev1.Node) bool {
	return before == nil || before.Spec.Unschedulable != node.Spec.Unschedulable || !maps.Equal(before.Labels, node.Labels) ||
		!equality.Semantic.DeepEqual(before.Spec.Taints, node.Spec.Taints) ||
		!equality.Semantic.DeepEqual(before.Status.Allocatable, node.Status.Allocatable)
}

// afterRoom: where a pod leaves or shrinks, at most one member fits for what was free before, and as many more as fit into
// what the pod had.
func (g *GangFit) afterRoom(oldObj, newObj any) (func(*corev1.Pod) int, error) {
	from, to, err := util.As[*corev1.Pod](oldObj, newObj)
	if err != nil {
		return nil, err
	}
	if to != nil && to.Spec.NodeName == "" { // a pending pod asks for less; the ledger heard of it if it is a member
		return func(pod *corev1.Pod) int { return yes(pod.UID == to.UID) }, nil
	}
	node, err := g.nodes.Get(from.Spec.NodeName)
	freed := requestOf(from)
	repels := from.Spec.Affinity != nil && from.Spec.Affinity.PodAntiAffinity != nil
	return func(pod *corev1.Pod) int {
		switch {
		case err != nil, repels, !isPlain(pod):
			return gang.Unknown // better woken for nothing
		case !admits(node, pod):
			return 0
		}
		n := 1
		each(requestOf(pod), freed, func(asked, free int64) { n = max(n, 1+int(free/asked)) })
		return n
	}, nil
}

// each calls f for each resource of which something is asked.
func each(asked, free *framework.Resource, f func(asked, free int64)) {
	call := func(asked, free int64) {
		if asked > 0 {
			f(asked, free)
		}
	}
	call(asked.MilliCPU, free.MilliCPU)
	call(asked.Memory, free.Memory)
	call(asked.EphemeralStorage, free.EphemeralStorage)
	for name, n := range asked.ScalarResources {
		call(n, free.ScalarResources[name])
	}
}

// afterNeighbour: other pods help those that want to be near them, or evenly spread among them.
func afterNeighbour(_, _ any) (func(*corev1.Pod) int, error) {
	return func(pod *corev1.Pod) int {
		affinity := pod.Spec.Affinity
		return yes(len(pod.Spec.TopologySpreadConstraints) > 0 ||
			(affinity != nil && (affinity.PodAffinity != nil || affinity.PodAntiAffinity != nil)))
	}, nil
}

// afterToleration: it helps the pod whose tolerations were added to.
func afterToleration(_, newObj any) (func(*corev1.Pod) int, error) {
	_, updated, err := util.As[*corev1.Pod](nil, newObj)
	if err != nil {
		return nil, err
	}
	return func(pod *corev1.Pod) int { return yes(updated.UID == pod.UID) }, nil
}

// afterStorage: storage helps those that use it.
func afterStorage(_, _ any) (func(*corev1.Pod) int, error) {
	return func(pod *corev1.Pod) int { return yes(usesStorage(pod)) }, nil
}

// yes is the gain when an event may help, but nobody can say how far.
func yes(helps bool) int {
	if helps {
		return gang.Unknown
	}
	return 0
}

// admits reports whether the node's labels, its taints and who it was given to let pod in.
func admits(node *corev1.Node, pod *corev1.Pod) bool {
	if soletenant.IsTaken(node, pod.UID) || !tolerates(pod, node) {
		return false
	}
	match, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node)
	return err != nil || match
}

func queueIf(helps bool) framework.QueueingHint {
	if helps {
		return framework.Queue
	}
	return framework.QueueSkip
}
