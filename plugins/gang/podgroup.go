// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// PodGroup is what a PodGroup says of its gang.
type PodGroup struct {
	MinMember   int32
	Patience    time.Duration       // 0 if it says nothing
	Needs       corev1.ResourceList // what must be free for the gang to start; nil if it says nothing
	Created     time.Time
	Annotations map[string]string
}

// group is a PodGroup as its gang's record has it.
type group struct {
	claim   claim
	created int64 // Unix seconds
	needs   corev1.ResourceList
}

func newGroup(pg PodGroup) *group {
	least := max(int(pg.MinMember), 1)
	g := &group{created: pg.Created.Unix(), needs: pg.Needs}
	spec := Spec{Size: least, Min: least, Patience: pg.Patience}
	if err := spec.setOptions(pg.Annotations); err != nil {
		g.claim = claim{fault: err.Error()}
	} else {
		g.claim = claim{spec: spec}
	}
	return g
}

// ObserveGroup takes note of a PodGroup as the API server has it now.
func (l *Ledger) ObserveGroup(namespace, name string, pg PodGroup) Change {
	return l.setGroup(Key{Namespace: namespace, Name: name, PodGroup: true}, newGroup(pg))
}

// ForgetGroup takes note that a PodGroup is gone. Members that have a node keep it; the others are held from now on.
func (l *Ledger) ForgetGroup(namespace, name string) Change {
	return l.setGroup(Key{Namespace: namespace, Name: name, PodGroup: true}, nil)
}

func (l *Ledger) setGroup(key Key, g *group) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g == nil {
		delete(l.groups, key)
	} else {
		l.groups[key] = g
	}
	r := l.gangs[key]
	if r == nil {
		return Change{}
	}
	before := r.standing()
	r.group = g
	return l.settle(r, before, true, nil)
}
