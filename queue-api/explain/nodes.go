// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Ask is what the pods of a job ask of nodes.
type Ask struct {
	// Largest is the largest of what they ask for, amount by amount: a node that holds it holds each of them.
	Largest batch.Requests
	// Pods are those of the job in each compute environment, by its name, of each shape one.
	Pods map[string][]*corev1.Pod
	// Nodes are those that there are in unmanaged compute environments, by the environment's name; absent if nobody knows.
	Nodes map[string][]Node
}

// Node is one that there is.
type Node struct {
	*corev1.Node

	// Room is what pods may ask of it when it is empty, and Free what of that nobody has.
	Room, Free batch.Requests
}

// refusal is why a node takes none of the pods of some kind, whatever its size: the first constraint that it does not meet; empty if
// it meets all. These are the rules of kube-scheduler.
func refusal(pods []*corev1.Pod, node *corev1.Node) string {
	for _, pod := range pods {
		for _, key := range slices.Sorted(maps.Keys(pod.Spec.NodeSelector)) {
			if want, has := pod.Spec.NodeSelector[key], node.Labels[key]; has != want {
				return fmt.Sprintf("%s is %s, not %s", key, cmp.Or(has, "not set"), want)
			}
		}
		required := nodeaffinity.GetRequiredNodeAffinity(pod)
		if ok, err := required.Match(node); err != nil || !ok {
			return "the required node affinity does not match its labels"
		}
		taint, isLeft := corev1helpers.FindMatchingUntoleratedTaint(node.Spec.Taints, pod.Spec.Tolerations, keepsOff)
		if isLeft {
			return "its taint " + taint.ToString() + " is not tolerated"
		}
	}
	if node.Spec.Unschedulable {
		return "it is cordoned"
	}
	return ""
}

func keepsOff(t *corev1.Taint) bool {
	return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
}

// nodeOf is what a node of an instance type will look like, as far as pods may ask for it.
func nodeOf(e Environment, o *batchmeta.Offer, capacity string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: o.InstanceType, Labels: map[string]string{
			batchmeta.ComputeEnvironmentUUID: e.UUID,
			batchmeta.CapacityType:           capacity,
			corev1.LabelInstanceTypeStable:   o.InstanceType,
			corev1.LabelArchStable:           cmp.Or(o.Architecture, "amd64"),
			corev1.LabelOSStable:             string(corev1.Linux),
		}},
		Spec: corev1.NodeSpec{Taints: []corev1.Taint{
			{Key: batchmeta.BatchNode, Value: e.UUID, Effect: corev1.TaintEffectNoSchedule},
			{Key: batchmeta.BatchNode, Value: e.UUID, Effect: corev1.TaintEffectNoExecute},
		}},
	}
}

// exclude tells of an instance type, or of a node of it, that is large enough and takes no such pod. Nodes are counted, not named.
func exclude(d *viewapi.SimulatedEnvironment, instanceType, because string, nodes int) {
	x := viewapi.Exclusion{InstanceType: instanceType, Reason: because}
	same := slices.IndexFunc(d.Excluded, func(o viewapi.Exclusion) bool { return o.InstanceType == x.InstanceType && o.Reason == x.Reason })
	switch {
	case same >= 0:
		d.Excluded[same].Nodes += nodes
		return
	case len(d.Excluded) < MaxTypes:
		x.Nodes = nodes
		d.Excluded = append(d.Excluded, x)
	}
	d.ExcludedInAll++
}

// named are how many exclusions a sentence tells of.
const named = 3

// whyExcluded says why none of what is large enough takes the job.
func whyExcluded(d *viewapi.SimulatedEnvironment, of string) string {
	var parts []string
	for _, x := range d.Excluded[:min(len(d.Excluded), named)] {
		parts = append(parts, strings.TrimPrefix(x.InstanceType+": "+x.Reason, ": "))
	}
	text := "none of its " + of + " takes it: " + strings.Join(parts, ", ")
	if more := d.ExcludedInAll - len(parts); more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// existing says what a job finds on the nodes of an unmanaged environment; takesNone is whether nodes are there, and none of them
// could ever hold it.
func existing(d *viewapi.SimulatedEnvironment, nodes []Node, ask *Ask) (takesNone bool) {
	large, free := 0, 0
	for i := range nodes {
		n := &nodes[i]
		switch because := refusal(ask.Pods[d.Name], n.Node); {
		case !holds(n.Room, ask.Largest):
		case because != "":
			exclude(d, n.Labels[corev1.LabelInstanceTypeStable], because, 1)
		case holds(n.Free, ask.Largest):
			large, free = large+1, free+1
		default:
			large++
		}
	}
	switch {
	case free > 0:
	case len(nodes) == 0:
		d.FitsNow, d.Reason = false, "it has no nodes"
	case large > 0:
		d.FitsNow, d.Reason = false, fmt.Sprintf("none of its nodes has so much free; %d could hold it", large)
	case d.ExcludedInAll > 0:
		d.Fits, d.FitsNow, d.Reason = false, false, whyExcluded(d, "nodes")
		return true
	default:
		d.Fits, d.FitsNow, d.Reason = false, false, "none of its nodes holds "+sizeOf(ask.Largest)
		return true
	}
	return false
}

func holds(has, wants batch.Requests) bool {
	return has.MilliVCPU >= wants.MilliVCPU && has.MemoryMiB >= wants.MemoryMiB && has.GPU >= wants.GPU
}
