// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/util"

	"github.com/muster-batch/muster/plugins/gang"
)

// EventsToRegister names the events that may help a pod which this plugin turned away: anything that may change a Filter
// plugin's answer for a member. Each hint speaks for its own pod; whichever member is woken first plans for all.
func (g *GangFit) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	on := func(resource framework.EventResource, action framework.ActionType, hint framework.QueueingHintFn) framework.ClusterEventWithHint {
		return framework.ClusterEventWithHint{
			Event:          framework.ClusterEvent{Resource: resource, ActionType: action},
			QueueingHintFn: g.ifReady(hint),
		}
	}
	const nodeUpdate = framework.UpdateNodeAllocatable | framework.UpdateNodeLabel | framework.UpdateNodeTaint
	const written = framework.Add | framework.Update
	return []framework.ClusterEventWithHint{
		on(framework.Node, framework.Add|nodeUpdate, g.afterNode),
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

// ifReady skips every event while the gang is incomplete: its last member's arrival wakes it.
func (g *GangFit) ifReady(hint framework.QueueingHintFn) framework.QueueingHintFn {
	return func(logger klog.Logger, pod *corev1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
		if g.ledger.Obstacle(pod) != "" {
			return framework.QueueSkip, nil
		}
		return hint(logger, pod, oldObj, newObj)
	}
}

// afterNode wakes a pod for a node that would take it. One that was held for want of any node is woken by every node.
func (g *GangFit) afterNode(_ klog.Logger, pod *corev1.Pod, _, newObj any) (framework.QueueingHint, error) {
	_, node, err := util.As[*corev1.Node](nil, newObj)
	if err != nil {
		return framework.Queue, err
	}
	_, isMember := gang.KeyOf(pod)
	return queueIf(!isMember || admits(node, pod)), nil
}

// afterRoom wakes a gang when a pod leaves or shrinks on a node that would take a member. The room that the gang gives
// back itself helps once only.
func (g *GangFit) afterRoom(_ klog.Logger, pod *corev1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	from, to, err := util.As[*corev1.Pod](oldObj, newObj)
	if err != nil {
		return framework.Queue, err
	}
	if to != nil && to.Spec.NodeName == "" { // a pending pod asks for less
		return queueIf(to.UID == pod.UID), nil
	}
	mine, _ := gang.KeyOf(pod)
	if theirs, ok := gang.KeyOf(from); ok && theirs == mine && !g.ledger.MayRetry(mine) {
		return framework.QueueSkip, nil
	}
	node, err := g.nodes.Get(from.Spec.NodeName)
	return queueIf(err != nil || admits(node, pod)), nil //nolint:nilerr // an unknown node: better woken for nothing
}

// afterNeighbour wakes a gang that other pods can help: one that wants to be near them, or evenly spread among them.
func afterNeighbour(_ klog.Logger, pod *corev1.Pod, _, _ any) (framework.QueueingHint, error) {
	affinity := pod.Spec.Affinity
	return queueIf(len(pod.Spec.TopologySpreadConstraints) > 0 ||
		(affinity != nil && (affinity.PodAffinity != nil || affinity.PodAntiAffinity != nil))), nil
}

// afterToleration wakes the pod whose tolerations were added to.
func afterToleration(_ klog.Logger, pod *corev1.Pod, _, newObj any) (framework.QueueingHint, error) {
	_, updated, err := util.As[*corev1.Pod](nil, newObj)
	if err != nil {
		return framework.Queue, err
	}
	return queueIf(updated.UID == pod.UID), nil
}

// afterStorage wakes a pod that uses storage.
func afterStorage(_ klog.Logger, pod *corev1.Pod, _, _ any) (framework.QueueingHint, error) {
	return queueIf(usesStorage(pod)), nil
}

// admits reports whether the node's labels and taints let pod in.
func admits(node *corev1.Node, pod *corev1.Pod) bool {
	_, untolerated := corev1helpers.FindMatchingUntoleratedTaint(node.Spec.Taints, pod.Spec.Tolerations, func(t *corev1.Taint) bool {
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	})
	if untolerated {
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
