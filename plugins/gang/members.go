// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Members returns the live members of a gang, with a node or without, by name.
func (l *Ledger) Members(key Key) []*corev1.Pod {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r := l.gangs[key]
	if r == nil {
		return nil
	}
	pods := make([]*corev1.Pod, 0, len(r.members))
	for _, m := range r.members {
		pods = append(pods, m.pod)
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods
}

// Exists reports whether a gang has a live member.
func (l *Ledger) Exists(key Key) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.gangs[key] != nil
}

// DraftOf is the draft for a pod of no gang.
func DraftOf(pod *corev1.Pod) *Draft {
	return &Draft{
		Key: Key{Namespace: pod.Namespace, Name: pod.Name}, Spec: Spec{Size: 1, Min: 1}, Members: []*corev1.Pod{pod},
		size: 1, need: 1,
	}
}
