// SPDX-License-Identifier: Apache-2.0

package gang

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// finished are the pods of one gang that succeeded and still exist. They hold no room, but they did their part: nobody is
// to make them again, and the gang is not short of them.
type finished map[types.UID]end

// end is how a pod that succeeded is told from one of an earlier gang of the same name.
type end struct {
	of         *record   // whose live member it was; nil when it was first seen after its end
	controller types.UID // empty when it has none
}

// controllerOf returns the UID of the pod's controller; empty when it has none.
func controllerOf(pod *corev1.Pod) types.UID {
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
		return owner.UID
	}
	return ""
}

// done returns how many members of the gang have succeeded: those that were live members, and those that a controller of a
// live member made. It looks at each, so it is asked only where the answer matters.
func (r *record) done() int {
	n := r.gone
	for _, e := range r.finished {
		if r.counts(e) {
			n++
		}
	}
	return n
}

func (r *record) counts(e end) bool {
	return e.of == r || (e.controller != "" && r.controllers[e.controller] > 0)
}

// finish takes note that a pod of the gang has succeeded. If it was no live member, that may complete the gang at once.
func (l *Ledger) finish(key Key, pod *corev1.Pod) Change {
	if _, ok := l.finishedIn[pod.UID]; ok {
		return Change{}
	}
	r := l.gangs[key]
	if r == nil || l.owner[pod.UID] == r {
		l.addFinished(key, pod)
		return Change{}
	}
	before := r.standing()
	l.addFinished(key, pod)
	return l.settle(r, before, false, nil)
}

func (l *Ledger) addFinished(key Key, pod *corev1.Pod) {
	all := l.finished[key]
	if all == nil {
		all = finished{}
		l.finished[key] = all
		if r := l.gangs[key]; r != nil {
			r.finished = all
		}
	}
	l.finishedIn[pod.UID] = key
	all[pod.UID] = end{of: l.owner[pod.UID], controller: controllerOf(pod)}
}

// bury takes note that a pod is deleted, in case that it had succeeded. While its gang goes on it stays done.
func (l *Ledger) bury(uid types.UID) {
	key, ok := l.finishedIn[uid]
	if !ok {
		return
	}
	all := l.finished[key]
	if r := l.gangs[key]; r != nil && r.counts(all[uid]) {
		r.gone++
	}
	delete(all, uid)
	delete(l.finishedIn, uid)
	if len(all) == 0 {
		delete(l.finished, key)
		if r := l.gangs[key]; r != nil {
			r.finished = nil
		}
	}
}
