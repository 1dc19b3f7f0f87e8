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

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// schedule starts every job that has room, in the order of their coming, each whole or not at all. As batch-scheduler does, it
// leaves reserved nodes to their gangs while these wait, and keeps room for the gang that is next in its environment from those
// behind, if all of the nodes could hold it, but not where a node has just come for somebody.
func (s *simulation) schedule() {
	free := s.room()
	kept, waiting := map[int][]simSeat{}, map[string]bool{}
	for _, j := range s.pending {
		waiting[j.gang()] = true
	}
	s.pending = slices.DeleteFunc(s.pending, func(j *simJob) bool {
		seats, whole := seat(j, free, func(n *place) bool { return !n.isReserved(j, waiting) })
		if whole {
			s.begin(j, seats)
			delete(waiting, j.gang())
			return true
		}
		unseat(seats)
		if kept[j.environment] == nil && j.size() > 1 && couldHold(j, free) {
			kept[j.environment], _ = seat(j, free, func(n *place) bool { return !n.isForOthers(j) })
		}
		return false
	})
	for _, seats := range kept {
		unseat(seats)
	}
}

// gang is how programs name the job's.
func (j *simJob) gang() string { return batchmeta.GangName("jobs", j.name, false) }

// isReserved reports whether the node is reserved for another gang that waits.
func (n *place) isReserved(j *simJob, waiting map[string]bool) bool {
	r, ok := batchmeta.ReservationOf(n.node.Annotations[batchmeta.Reserved])
	return ok && r.Gang != j.gang() && waiting[r.Gang] && time.Now().Before(r.Until)
}

// isForOthers reports whether no room is kept on the node for the job, as somebody else was bought it.
func (n *place) isForOthers(j *simJob) bool {
	r, ok := batchmeta.ReservationOf(n.node.Annotations[batchmeta.Reserved])
	if ok && time.Now().Before(r.Until) {
		return r.Gang != j.gang()
	}
	return n.pods == 0 && time.Since(n.ready) < time.Minute
}

// couldHold reports whether the nodes had room for the job if nothing ran on them.
func couldHold(j *simJob, nodes []place) bool {
	for _, part := range j.parts {
		room := 0
		for i := range nodes {
			if n := &nodes[i]; n.suits(j, &part) {
				room += int(n.node.Status.Allocatable.Cpu().MilliValue() / (part.cpus * 1000))
			}
		}
		if room < part.count {
			return false
		}
	}
	return true
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

// suits reports whether the part's pods may run on the node, room and reservations aside.
func (n *place) suits(j *simJob, part *simPart) bool {
	l := n.node.Labels
	return l[batchmeta.ComputeEnvironmentUUID] == simEnvironments[j.environment].uuid &&
		(part.typeName == "" || l[corev1.LabelInstanceTypeStable] == part.typeName)
}

// seat finds a node for each pod of a job, as far as there is room where it may be. The nodes' free CPUs are taken at once.
func seat(j *simJob, nodes []place, may func(*place) bool) (seats []simSeat, whole bool) {
	whole = true
	for _, part := range j.parts {
		left := part.count
		for i := range nodes {
			n := &nodes[i]
			if left == 0 || n.free < part.cpus*1000 || !n.suits(j, &part) || !may(n) {
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
