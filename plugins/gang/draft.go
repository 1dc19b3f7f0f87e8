// SPDX-License-Identifier: Apache-2.0

package gang

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Draft is a plan to be made.
type Draft struct {
	Key     Key
	Spec    Spec                 // what the members agree on
	Members []*corev1.Pod        // to be seated, in this order
	Kinds   []*corev1.Pod        // for the planner to set: one of each kind of member; nil when that is not known
	Left    map[types.UID]string // the nodes where members may still be assumed from a plan that was withdrawn
	Placed  []string             // the nodes of the members that have theirs already

	// Needs is what must be free for the gang to start, by the word of its PodGroup; nil if there is none or it has started.
	Needs corev1.ResourceList

	size int // members of the whole gang
	held int // members that have their node already
	need int // how many more must be seated. Invariant: 1 <= need.

	gang  *record
	edits int       // of the gang when the draft was made
	short Shortfall // why it was refused
}

// Seat looks for a node for one member, the earlier ones being seated. It returns the node, or why there is none.
type Seat func(member *corev1.Pod) (node, why string, err error)

// Fill seats the members one after the other. It returns the seats when enough members fit, else the reason. An error of
// seat ends it.
func (d *Draft) Fill(seat Seat) (seats map[types.UID]string, reason string, err error) {
	seats = make(map[types.UID]string, len(d.Members))
	misfit := ""
	for _, pod := range d.Members {
		node, why, err := seat(pod)
		if err != nil {
			return nil, "", err
		}
		if node != "" {
			seats[pod.UID] = node
		} else if misfit == "" {
			misfit = pod.Name + ": " + why
		}
	}
	if len(seats) >= d.need {
		return seats, "", nil
	}
	return nil, d.Refuse(Shortfall{Fit: len(seats), Words: misfit}), nil
}

func (r *record) draft() *Draft {
	d := &Draft{
		Key: r.key, Spec: r.claim().spec, Members: r.pendingPods(), Left: map[types.UID]string{},
		need: r.need(), gang: r, edits: r.edits,
	}
	if r.kindsAt == r.edits {
		d.Kinds = r.kinds
	}
	for _, pod := range d.Members {
		if m := r.members[pod.UID]; m.left != "" {
			d.Left[pod.UID] = m.left
		}
	}
	for _, m := range r.members {
		if node := m.node(); node != "" {
			d.Placed = append(d.Placed, node)
		}
	}
	d.held = r.held
	if r.group != nil && r.held == 0 {
		d.Needs = r.group.needs
	}
	d.size = max(r.claim().spec.Size, len(r.members))
	return d
}

// redraft is the draft for the open seats of p: all of them are needed.
func (r *record) redraft(p *Plan) *Draft {
	d := r.draft()
	open := d.Members[:0]
	for _, pod := range d.Members {
		switch s := p.seats[pod.UID]; {
		case s == nil:
		case s.reserved:
			d.Placed = append(d.Placed, s.node)
		default:
			open = append(open, pod)
		}
	}
	d.Members, d.need = open, len(open)
	d.held += p.reserved
	return d
}
