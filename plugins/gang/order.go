// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Order is a pod's place in the scheduling queue. The members of a gang share all of it but the member, so nothing sorts
// between them.
type Order struct {
	rank     string // empty when the queue API gave none
	priority int32
	created  int64 // Unix seconds
	gang     Key   // of a gang of one, the namespace alone
	member   string
}

// OrderOf returns the order that pod has by itself.
func OrderOf(pod *corev1.Pod) Order {
	key, _ := KeyOf(pod)
	o := Order{rank: rankOf(pod), created: pod.CreationTimestamp.Unix(), gang: key, member: pod.Name}
	if pod.Spec.Priority != nil {
		o.priority = *pod.Spec.Priority
	}
	return o
}

// rankOf returns the pod's rank. One that is not a decimal number is none: such a pod would sort before all others.
func rankOf(pod *corev1.Pod) string {
	rank := pod.Annotations[batchmeta.Rank]
	if strings.Trim(rank, "0123456789") != "" {
		return ""
	}
	return rank
}

// Before reports whether o goes before p: ranked pods by rank, then unranked ones by priority and age; then by gang,
// then by member. It is a strict weak order.
func (o Order) Before(p Order) bool { return o.compare(p) < 0 }

func (o Order) compare(p Order) int {
	if (o.rank == "") != (p.rank == "") {
		return strings.Compare(p.rank, o.rank) // "" sorts last
	}
	c := strings.Compare(o.rank, p.rank)
	if o.rank == "" {
		c = cmp.Or(cmp.Compare(p.priority, o.priority), cmp.Compare(o.created, p.created))
	}
	return cmp.Or(c,
		strings.Compare(o.gang.Namespace, p.gang.Namespace),
		strings.Compare(o.gang.Name, p.gang.Name),
		compareBool(o.gang.PodGroup, p.gang.PodGroup),
		strings.Compare(o.member, p.member))
}

// compareBool puts false first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// join widens o to be the order of a gang that p's pod is a member of too: the best rank and priority, the earliest
// creation.
func (o Order) join(p Order) Order {
	if o.rank == "" || (p.rank != "" && p.rank < o.rank) {
		o.rank = p.rank
	}
	o.priority = max(o.priority, p.priority)
	o.created = min(o.created, p.created)
	return o
}

// of returns the order of one member of the gang whose order o is.
func (o Order) of(pod *corev1.Pod) Order {
	o.member = pod.Name
	return o
}

// orders keeps the order that each member was queued with. A pod that is gone from the ledger may still stand in the
// scheduling queue for a moment, and its key must not change there: so the orders of the pods deleted last are kept,
// between keepDeleted and twice as many.
type orders struct {
	live, deleted, older map[types.UID]Order
}

const keepDeleted = 4096

func newOrders() orders {
	return orders{live: map[types.UID]Order{}, deleted: map[types.UID]Order{}}
}

func (o *orders) get(uid types.UID) (Order, bool) {
	for _, m := range []map[types.UID]Order{o.live, o.deleted, o.older} {
		if order, ok := m[uid]; ok {
			return order, true
		}
	}
	return Order{}, false
}

// setOnce gives uid its order unless it already has one.
func (o *orders) setOnce(uid types.UID, order Order) {
	if _, ok := o.get(uid); !ok {
		o.live[uid] = order
	}
}

func (o *orders) retire(uid types.UID) {
	order, ok := o.live[uid]
	if !ok {
		return
	}
	delete(o.live, uid)
	if len(o.deleted) >= keepDeleted {
		o.older, o.deleted = o.deleted, map[types.UID]Order{}
	}
	o.deleted[uid] = order
}
