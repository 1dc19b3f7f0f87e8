// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// simNode is an instance and what became of it.
type simNode struct {
	instance  ec2fake.Instance
	name      string
	free      int64     // CPUs in thousandths
	ready     time.Time // zero before it is a node
	used      bool      // has had a pod
	pods      int
	idleSince time.Time
	gone      bool
}

// result is what is counted of a simulation.
type result struct {
	Nodes     int     // that were bought
	Unused    int     // that ended without ever having had a pod
	Stranded  float64 // node-seconds between ready and the first pod, or the end
	Calls     int     // of CreateFleet
	Exceeded  int     // launches beyond maxvCpus
	Killed    int     // nodes that ended under a pod
	Unplaced  int     // jobs that never ran
	Gangs     int     // that ran
	Singles   int
	IdleWorst time.Duration // that a node was kept without a pod
	Wait      time.Duration // of all jobs together, from their coming to their start
}

// launched boots an instance.
func (s *simulation) launched(i ec2fake.Instance) {
	s.mu.Lock()
	n := &simNode{instance: i}
	s.nodes[i.ID] = n
	s.result.Nodes++
	vcpus := 0
	for _, other := range s.nodes {
		if !other.gone && other.instance.Tags[batchmeta.ComputeEnvironmentUUID] == i.Tags[batchmeta.ComputeEnvironmentUUID] {
			vcpus += vcpusOfAll
		}
	}
	if vcpus > int(s.trace.MaxvCPUs) {
		s.result.Exceeded++
	}
	s.mu.Unlock()
	s.at(time.Now().Add(bootTime-netTime), func() { s.register(n) })
}

// register makes an instance a node, if it is still there, which is ready soon.
func (s *simulation) register(n *simNode) {
	s.mu.Lock()
	gone := n.gone
	s.mu.Unlock()
	if gone {
		return
	}
	node, err := s.cloud.NodeOf(&n.instance)
	if err != nil {
		s.Error(err)
		return
	}
	node.UID, node.CreationTimestamp = apitypes.UID(n.instance.ID), metav1.NewTime(time.Now())
	for i := range node.Status.Conditions {
		if c := &node.Status.Conditions[i]; c.Type == corev1.NodeReady {
			c.Status = corev1.ConditionFalse
		}
	}
	node.Spec.Taints = append(node.Spec.Taints, notReady)
	_, err = s.client.CoreV1().Nodes().Create(s.Context(), node, metav1.CreateOptions{})
	s.must(err)
	s.at(time.Now().Add(netTime), func() { s.join(n, node.Name) })
}

// notReady is Kubernetes' own taint.
var notReady = corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}

// join makes a node ready, if it is still there.
func (s *simulation) join(n *simNode, name string) {
	node, err := s.client.CoreV1().Nodes().Get(s.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return
	}
	s.must(err)
	for i := range node.Status.Conditions {
		if c := &node.Status.Conditions[i]; c.Type == corev1.NodeReady {
			c.Status = corev1.ConditionTrue
		}
	}
	node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == notReady.Key })
	_, err = s.client.CoreV1().Nodes().Update(s.Context(), node, metav1.UpdateOptions{})
	s.must(err)
	n.name, n.ready, n.idleSince, n.free = node.Name, time.Now(), time.Now(), node.Status.Allocatable.Cpu().MilliValue()
}

// ended counts what an instance was good for.
func (s *simulation) ended(i ec2fake.Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[i.ID]
	if n == nil || n.gone {
		return
	}
	n.gone = true
	if n.pods > 0 {
		s.result.Killed++
	}
	if n.used {
		s.result.idled(n)
		return
	}
	s.result.Unused++
	if !n.ready.IsZero() {
		s.result.Stranded += time.Since(n.ready).Seconds()
		s.result.idled(n)
	}
}

func (r *result) idled(n *simNode) {
	if n.pods == 0 {
		r.IdleWorst = max(r.IdleWorst, time.Since(n.idleSince))
	}
}

// sum counts what is left at the end.
func (s *simulation) sum() result {
	for _, i := range s.cloud.Instances() {
		s.ended(i)
	}
	s.result.Unplaced, s.result.Calls = len(s.pending), s.cloud.Calls("CreateFleet")
	return s.result
}
