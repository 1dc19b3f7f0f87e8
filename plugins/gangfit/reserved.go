// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// newFor is how long a bought node that nobody has used is taken to have been bought for somebody.
const newFor = time.Minute

// watchNodes keeps nodes for the gangs that they are reserved for (batchmeta.Reserved). A gang whose nodes are bought together
// starts when the last of them is ready; whoever took one of the others meanwhile would let all the rest stand idle until
// another one is there.
func (g *GangFit) watchNodes(informer cache.SharedIndexInformer) error {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { g.reserve(nil, nodeOf(obj)) },
		UpdateFunc: func(before, obj any) {
			g.reserve(nodeOf(before), nodeOf(obj))
		},
	})
	if err != nil {
		return fmt.Errorf("watch nodes: %w", err)
	}
	return nil
}

func nodeOf(obj any) *corev1.Node {
	node, _ := obj.(*corev1.Node)
	return node
}

// reservationOf returns what a node is reserved for, whoever that is and until whenever.
func reservationOf(node *corev1.Node) (batchmeta.Reservation, bool) {
	if node == nil {
		return batchmeta.Reservation{}, false
	}
	value := node.Annotations[batchmeta.Reserved]
	if value == "" {
		return batchmeta.Reservation{}, false
	}
	return batchmeta.ReservationOf(value)
}

// isHandedOver reports whether a node was reserved for a gang and is so no longer.
func isHandedOver(before, node *corev1.Node) bool {
	was, had := reservationOf(before)
	is, has := reservationOf(node)
	return had && (!has || was.Gang != is.Gang)
}

// reserve puts in force what a node's annotation says. All nodes of one gang are one hold, which ends with the last of them.
// Whom it kept from a node that is handed over is woken by the event, once the scheduler's own view of the node has it.
func (g *GangFit) reserve(before, node *corev1.Node) {
	was, _ := reservationOf(before)
	is, has := reservationOf(node)
	if !has || was == is || !g.clock.Now().Before(is.Until) {
		return
	}
	key := gang.KeyNamed(is.Gang)
	if h := g.holds.get(reservedFor(key)); h != nil && !h.expiry.Before(is.Until) {
		return
	}
	g.holds.Set(&hold{
		id: reservedFor(key), name: is.Gang, expiry: is.Until,
		isOver: func() bool { return !g.ledger.IsWaiting(key) },
	})
}

func reservedFor(key gang.Key) holdID { return holdID{holder{gang: key}, reserved} }

// reservedOn returns the hold by which a node is reserved, nil for none.
func reservedOn(info *framework.NodeInfo, against []*hold) *hold {
	r, ok := batchmeta.Reservation{}, false
	for _, h := range against {
		if h.id.purpose != reserved {
			continue
		}
		if r.Gang == "" {
			if r, ok = reservationOf(info.Node()); !ok {
				return nil
			}
		}
		if h.name == r.Gang {
			return h
		}
	}
	return nil
}

// leftOn returns all that is free on a node.
func leftOn(info *framework.NodeInfo) *framework.Resource {
	all := info.Allocatable.Clone()
	remove(all, info.Requested)
	all.AllowedPodNumber = info.Allocatable.AllowedPodNumber - len(info.Pods)
	return all
}

// isForOthers reports whether no room is to be kept on a node for the gang, as the autoscaler bought it for others: it says
// so, or the node has come just now and has had no pod. One that comes for the gang itself needs no room kept.
func (v *view) isForOthers(n *seen, key gang.Key) bool {
	if r, ok := reservationOf(n.node); ok && v.now.Before(r.Until) {
		return r.Gang != key.String()
	}
	if n.node.Labels[batchmeta.NodeGroup] == "" || len(n.pods) > 0 {
		return false
	}
	for _, c := range n.node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return v.now.Sub(c.LastTransitionTime.Time) < newFor
		}
	}
	return false
}
