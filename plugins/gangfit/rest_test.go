// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
)

// room is what a node has left, in thousandths.
type room struct {
	node *corev1.Node
	free map[corev1.ResourceName]int64
}

// rooms returns what all nodes have left; with nothing running if empty.
func (w *world) rooms(empty bool) []room {
	var rooms []room
	for _, node := range w.c.Nodes() {
		r := room{node: node, free: w.c.Free(node)}
		if empty {
			for name, quantity := range node.Status.Allocatable {
				r.free[name] = quantity.MilliValue()
			}
		}
		rooms = append(rooms, r)
	}
	return rooms
}

// takes reports how many pods of the shape the node has room for.
func (r room) takes(s shape) int {
	_, tainted := r.node.Status.Allocatable["nvidia.com/gpu"]
	if (s.zone != "" && r.node.Labels[corev1.LabelTopologyZone] != s.zone) || (tainted && s.gpus == 0) {
		return 0
	}
	n := min(r.free[corev1.ResourcePods]/1000, r.free[corev1.ResourceCPU]/int64(1000*s.cpus))
	if s.gpus > 0 {
		n = min(n, r.free["nvidia.com/gpu"]/int64(1000*s.gpus))
	}
	return int(max(n, 0))
}

// surelyFit reports whether so many of the members fit however they are seated: there are as many places that would take
// the largest of them. When all members are alike, none but those fit.
func surelyFit(rooms []room, shapes []shape, need int) bool { return places(rooms, shapes) >= need }

// places returns how many pods of the largest of the shapes there is room for.
func places(rooms []room, shapes []shape) int {
	largest := shapes[0]
	for _, s := range shapes {
		largest.cpus = max(largest.cpus, s.cpus)
	}
	n := 0
	for _, r := range rooms {
		n += r.takes(largest)
	}
	return n
}

// zonesOf returns the zones that pods are in.
func (w *world) zonesOf(pods []*corev1.Pod) []string {
	zones := map[string]bool{}
	for _, pod := range pods {
		for _, node := range w.nodes {
			if node.Name == pod.Spec.NodeName {
				zones[node.Labels[corev1.LabelTopologyZone]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(zones))
}

// widestZone returns the rooms of the zone that the bound members are in; without any, of the one with the most places.
func (w *world) widestZone(rooms []room, bound []*corev1.Pod, shapes []shape) []room {
	candidates := w.zonesOf(bound)
	if len(candidates) == 0 {
		candidates = zones
	}
	var widest []room
	for _, zone := range candidates {
		var there []room
		for _, r := range rooms {
			if r.node.Labels[corev1.LabelTopologyZone] == zone {
				there = append(there, r)
			}
		}
		if widest == nil || places(there, shapes) > places(widest, shapes) {
			widest = there
		}
	}
	return widest
}

// wrongAtRest says what is wrong with the cluster now that it is at rest; nothing should be.
func (w *world) wrongAtRest() []string {
	var wrong []string
	for _, what := range w.c.Overfull() {
		wrong = append(wrong, "too much on node "+what)
	}
	rooms := w.rooms(false)
	for _, o := range w.owners {
		if !o.ended {
			wrong = append(wrong, w.wrongWith(o, rooms)...)
		}
	}
	return wrong
}

func (w *world) wrongWith(o *owner, rooms []room) []string {
	live, bound := o.members(w.c)
	say := func(format string, args ...any) []string {
		what := fmt.Sprintf("%s (size %d, min %d, %v; %d live, %d bound): ", o.name, o.size, o.least, o.shapes[0], len(live), len(bound))
		return []string{what + fmt.Sprintf(format, args...)}
	}
	if len(bound) > 0 && len(bound) < o.least {
		if !w.isExcused(o) {
			return say("it is bound in part")
		}
		if o.onLoss != "" && time.Since(o.shortSince) > lossTimeout+time.Minute {
			return say("nobody ends it though it is below its min")
		}
		w.counts.belowMin++
	}
	if zones := w.zonesOf(bound); o.together && len(zones) > 1 {
		if o.lost { // while its node is gone, nobody knows the zone of a member that is still there
			return nil
		}
		return say("it is in zones %v", zones)
	}
	if len(live) == len(bound) || (len(live) < o.size && len(bound) == 0) {
		return nil // nothing waits, or for members that do not exist
	}
	need := o.least - len(bound)
	if len(bound) > 0 {
		need = min(need, len(live)-len(bound))
	}
	if o.together && !o.single {
		rooms = w.widestZone(rooms, bound, o.pending(live))
	}
	if surelyFit(rooms, o.pending(live), max(need, 1)) {
		if strings.Contains(w.reasonsOf(live), "keep room for gang") {
			w.counts.keptOut++ // for a bounded time: in the end, all must have run
			return nil
		}
		return say("it waits though it fits: %s", w.reasonsOf(live))
	}
	for _, pod := range live {
		if pod.Spec.NodeName == "" && !o.hasReason(pod) {
			return say("%s does not say why it waits: %+v", pod.Name, plugintest.Condition(pod))
		}
	}
	return nil
}

// pending returns the shapes of the members that have no node.
func (o *owner) pending(live []*corev1.Pod) []shape {
	waiting := map[string]bool{}
	for _, pod := range live {
		waiting[pod.Name] = pod.Spec.NodeName == ""
	}
	var shapes []shape
	for i, s := range o.pods {
		if waiting[s.pod] {
			shapes = append(shapes, o.shapes[i])
		}
	}
	return shapes
}

// hasReason reports whether the pod says why it waits. (The condition's own reason is not looked at: the scheduler patches
// what it believes to have changed, which a late event makes it err about.)
func (o *owner) hasReason(pod *corev1.Pod) bool {
	condition := plugintest.Condition(pod)
	return condition != nil && (o.single || strings.Contains(condition.Message, "gang "+o.name+": ") ||
		strings.Contains(condition.Message, "no nodes available")) // when it was tried last
}

func (w *world) reasonsOf(live []*corev1.Pod) string {
	counts := map[string]int{}
	for _, pod := range live {
		if condition := plugintest.Condition(pod); condition != nil && pod.Spec.NodeName == "" {
			counts[condition.Message]++
		}
	}
	return fmt.Sprint(counts)
}

// isExcused reports whether a gang may be bound in part: one of its Bindings failed, a member was lost, or the leader died
// while it was bound.
func (w *world) isExcused(o *owner) bool {
	if o.disturbed || w.faults.had(o) {
		return true
	}
	for _, death := range w.deaths {
		if death.After(o.firstBound.Add(-5 * time.Second)) {
			return true
		}
	}
	return false
}
