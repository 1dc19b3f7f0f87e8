// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
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
	s.at(time.Now().Add(bootTime), func() { s.join(n) })
}

// join makes an instance a ready node, if it is still there.
func (s *simulation) join(n *simNode) {
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
	_, err = s.client.CoreV1().Nodes().Create(s.Context(), node, metav1.CreateOptions{})
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

// schedule starts every job that has room, in the order of their coming, each whole or not at all. The room of the one that is
// next in its environment is kept from those behind.
func (s *simulation) schedule() {
	free := s.room()
	kept := map[int]func(){}
	s.pending = slices.DeleteFunc(s.pending, func(j *simJob) bool {
		seats, whole := seat(j, free)
		switch {
		case whole:
			s.begin(j, seats)
		case kept[j.environment] == nil:
			kept[j.environment] = func() { unseat(seats) }
		default:
			unseat(seats)
		}
		return whole
	})
	for _, giveUp := range kept {
		giveUp()
	}
}

// place is a node as the scheduler sees it.
type place struct {
	*simNode
	node *corev1.Node
}

// room is the nodes that take pods, those with least room first, so that others empty out.
func (s *simulation) room() []place {
	if len(s.pending) == 0 {
		return nil
	}
	all, err := s.informers.Core().V1().Nodes().Lister().List(labels.Everything())
	s.must(err)
	byName := map[string]*simNode{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		if !n.gone && n.name != "" {
			byName[n.name] = n
		}
	}
	var out []place
	for _, node := range all {
		open := !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key != batchmeta.BatchNode })
		if n := byName[node.Name]; n != nil && open && !node.Spec.Unschedulable {
			out = append(out, place{n, node})
		}
	}
	slices.SortFunc(out, func(a, b place) int {
		return int(a.free-b.free)*1_000_000 + a.instanceOrder() - b.instanceOrder()
	})
	return out
}

func (n *simNode) instanceOrder() int {
	var order int
	_, _ = fmt.Sscanf(n.instance.ID, "i-%x", &order)
	return order % 1_000_000
}

// simSeat is a pod's place.
type simSeat struct {
	*simNode
	cpu int64
}

// seat finds a node for each pod of a job, as far as there is room. The nodes' free CPUs are taken at once.
func seat(j *simJob, nodes []place) (seats []simSeat, whole bool) {
	whole = true
	uuid := simEnvironments[j.environment].uuid
	for _, part := range j.parts {
		left := part.count
		for _, n := range nodes {
			l := n.node.Labels
			if l[batchmeta.ComputeEnvironmentUUID] != uuid || part.typeName != "" && l[corev1.LabelInstanceTypeStable] != part.typeName {
				continue
			}
			for ; left > 0 && n.free >= part.cpus*1000; left-- {
				n.free -= part.cpus * 1000
				seats = append(seats, simSeat{n.simNode, part.cpus * 1000})
			}
		}
		whole = whole && left == 0
	}
	return seats, whole
}

// unseat gives back what a job's pods took.
func unseat(seats []simSeat) {
	for _, s := range seats {
		s.free += s.cpu
	}
}

// begin binds a job's pods, and ends them when their time has come.
func (s *simulation) begin(j *simJob, seats []simSeat) {
	j.on = seats
	for i, p := range j.pods {
		p.Spec.NodeName, p.Status.Phase = seats[i].name, corev1.PodRunning
		_, err := s.client.CoreV1().Pods("jobs").Update(s.Context(), p, metav1.UpdateOptions{})
		s.must(err)
	}
	s.mu.Lock()
	for _, n := range seats {
		if !n.used {
			s.result.Stranded += time.Since(n.ready).Seconds()
		}
		s.result.idled(n.simNode)
		n.used = true
		n.pods++
	}
	s.result.Wait += time.Since(j.pods[0].CreationTimestamp.Time)
	if len(j.pods) > 1 {
		s.result.Gangs++
	} else {
		s.result.Singles++
	}
	s.mu.Unlock()
	s.running[j.name] = j
	s.at(time.Now().Add(j.lasts), func() { s.finish(j) })
}

func (s *simulation) finish(j *simJob) {
	for _, p := range j.pods {
		s.must(s.client.CoreV1().Pods("jobs").Delete(s.Context(), p.Name, metav1.DeleteOptions{}))
	}
	s.mu.Lock()
	for _, n := range j.on {
		if n.pods--; n.pods == 0 {
			n.idleSince = time.Now()
		}
	}
	s.mu.Unlock()
	unseat(j.on)
	delete(s.running, j.name)
}

// sum counts what is left at the end.
func (s *simulation) sum() result {
	for _, i := range s.cloud.Instances() {
		s.ended(i)
	}
	s.result.Unplaced, s.result.Calls = len(s.pending), s.cloud.Calls("CreateFleet")
	return s.result
}
