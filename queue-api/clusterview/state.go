// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// state is a cluster as it was read. It is shared and does not change.
type state struct {
	nodes []node
	pods  map[podName]*pod  // of jobs, those that have not ended
	on    map[string][]*pod // by node; also of others than jobs
	names map[string]*node
}

type podName struct{ namespace, name string }

// node is what is shown of a node.
type node struct {
	name, uuid, instanceType, instanceID, zone, capacityType, reserved string

	createdAt   time.Time
	isReady     bool
	isDraining  bool
	mark        string
	allocatable viewapi.Resources
	// rules are its labels, its taints and whether it is cordoned, no more: what decides which pods it takes.
	rules *corev1.Node
}

// pod is what is shown of a pod.
type pod struct {
	podName
	node string // empty while it waits
	uuid string // of the compute environment
	job  string // id of the job, or of the array's child; empty for a pod of no job
	// The rest is of jobs' pods alone.
	jobName, queue string
	attempt        int
	nodeIndex      *int
	unscheduled    string // why no node was found; empty if one was

	requests viewapi.Resources
}

// readState reads a cluster. Both lists are answered from the API server's memory.
func readState(ctx context.Context, client Client) (*state, error) {
	nodes, err := client.Nodes().List(ctx, metav1.ListOptions{LabelSelector: batchmeta.ComputeEnvironmentUUID, ResourceVersion: "0"})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	pods, err := client.Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: "status.phase!=Succeeded,status.phase!=Failed", ResourceVersion: "0",
	})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	s := &state{nodes: make([]node, len(nodes.Items)), pods: map[podName]*pod{}, on: map[string][]*pod{}, names: map[string]*node{}}
	for i := range nodes.Items {
		s.nodes[i] = nodeOf(&nodes.Items[i])
		s.names[s.nodes[i].name] = &s.nodes[i]
	}
	for i := range pods.Items {
		s.add(&pods.Items[i])
	}
	return s, nil
}

// add takes a pod that is of a job or on one of the nodes.
func (s *state) add(p *corev1.Pod) {
	// Some API servers, such as tests' fakes, do not select by phase.
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return
	}
	isJobs := p.Labels[batchmeta.JobID] != ""
	if _, ok := s.names[p.Spec.NodeName]; !ok && !isJobs {
		return
	}
	one := podOf(p)
	if isJobs {
		s.pods[one.podName] = one
	}
	if one.node != "" {
		s.on[one.node] = append(s.on[one.node], one)
	}
}

func podOf(p *corev1.Pod) *pod {
	one := &pod{
		podName: podName{p.Namespace, p.Name}, node: p.Spec.NodeName, uuid: p.Labels[batchmeta.ComputeEnvironmentUUID],
		requests: resourcesOf(resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{})),
	}
	if one.job = p.Labels[batchmeta.JobID]; one.job == "" {
		return one
	}
	one.queue, one.attempt = p.Labels[batchmeta.JobQueue], max(number(p.Labels[batchmeta.Attempt]), 1)
	if i := number(p.Labels[batchmeta.ArrayIndex]); i >= 0 {
		one.job = batch.ChildID(one.job, i)
	}
	if i := number(p.Labels[batchmeta.NodeIndex]); i >= 0 {
		one.nodeIndex = &i
	}
	var record struct{ Name, Queue string }
	if json.Unmarshal([]byte(p.Annotations[batchmeta.Job]), &record) == nil {
		one.jobName = record.Name
		if record.Queue != "" { // the label is cut where the name is long
			one.queue = record.Queue
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			one.unscheduled = c.Message
		}
	}
	return one
}

// number reads a label; -1 if it is none.
func number(label string) int {
	n, err := strconv.Atoi(label)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

const gpuResource corev1.ResourceName = "nvidia.com/gpu"

func resourcesOf(list corev1.ResourceList) viewapi.Resources {
	gpus := list[gpuResource]
	return viewapi.Resources{
		VCPUs: float64(list.Cpu().MilliValue()) / 1000, MemoryMiB: list.Memory().Value() >> 20, GPUs: gpus.Value(), Pods: list.Pods().Value(),
	}
}

func nodeOf(n *corev1.Node) node {
	one := node{
		name: n.Name, uuid: n.Labels[batchmeta.ComputeEnvironmentUUID], instanceType: n.Labels[corev1.LabelInstanceTypeStable],
		instanceID: n.Labels[batchmeta.InstanceID], zone: n.Labels[corev1.LabelTopologyZone], createdAt: n.CreationTimestamp.Time,
		allocatable: resourcesOf(n.Status.Allocatable), reserved: n.Annotations[batchmeta.Reserved],
	}
	switch n.Labels[batchmeta.CapacityType] {
	case batchmeta.CapacityOnDemand:
		one.capacityType = "ON_DEMAND"
	case batchmeta.CapacitySpot:
		one.capacityType = "SPOT"
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			one.isReady = c.Status == corev1.ConditionTrue
		}
	}
	one.rules = &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}, Spec: corev1.NodeSpec{Taints: n.Spec.Taints, Unschedulable: n.Spec.Unschedulable},
	}
	one.mark = markOf(n)
	one.isDraining = one.mark != ""
	return one
}

// markOf says why a node takes no new pods; empty if it does. What is more pressing comes first.
func markOf(n *corev1.Node) string {
	taints := map[string]corev1.Taint{}
	for _, t := range n.Spec.Taints {
		if known, ok := taints[t.Key]; !ok || known.Effect != corev1.TaintEffectNoExecute {
			taints[t.Key] = t
		}
	}
	if t, ok := taints[batchmeta.Interruption]; ok {
		return interruptions[t.Value] + until(n.Annotations[batchmeta.InterruptionDeadline])
	}
	if _, ok := taints[batchmeta.ToBeDeleted]; ok {
		return "idle: its machine is about to end"
	}
	if t, ok := taints[batchmeta.Outdated]; ok {
		if t.Effect == corev1.TaintEffectNoExecute {
			return "outdated: its jobs are ended and it is replaced"
		}
		return "outdated: replaced once its jobs have ended"
	}
	if n.Spec.Unschedulable {
		return "cordoned"
	}
	return ""
}

// interruptions say what was announced of an instance.
var interruptions = map[string]string{
	"":                                    "the instance is interrupted",
	batchmeta.InterruptionSpot:            "EC2 takes the Spot instance back",
	batchmeta.InterruptionRebalance:       "EC2 is likely to take the Spot instance back",
	batchmeta.InterruptionStateChange:     "the instance is being stopped or ended",
	batchmeta.InterruptionScheduledChange: "EC2 will stop, reboot or retire the instance",
	batchmeta.InterruptionMaintenance:     "EC2 will stop, reboot or retire the instance",
}

// until tells a deadline that can be read.
func until(deadline string) string {
	at, err := time.Parse(time.RFC3339, deadline)
	if err != nil {
		return ""
	}
	return ", at " + at.UTC().Format(time.TimeOnly) + " UTC at the latest"
}
