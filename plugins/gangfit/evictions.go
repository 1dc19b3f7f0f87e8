// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

const (
	overdue = time.Minute     // how long after its grace period a pod that ends is counted on to be gone
	unheard = 2 * time.Second // how long the snapshot may not have heard that a pod is gone
)

// evictions are the pods that are being ended for somebody, from the decision on: the API server may not have been told yet.
type evictions struct {
	mu    sync.Mutex // guards all below
	byPod map[types.UID]*eviction
}

func newEvictions() *evictions { return &evictions{byPod: map[types.UID]*eviction{}} }

// eviction is the pods that are ended at one time for one preemptor.
type eviction struct {
	preemptor *corev1.Pod
	all, left sets.Set[types.UID]
	until     time.Time
}

// begin takes note that pods are ended for a preemptor, and until when they are counted on to be gone.
func (e *evictions) begin(preemptor *corev1.Pod, pods []*corev1.Pod, until time.Time) *eviction {
	e.mu.Lock()
	defer e.mu.Unlock()
	one := &eviction{preemptor: preemptor, all: sets.New[types.UID](), left: sets.New[types.UID](), until: until}
	for _, pod := range pods {
		one.all.Insert(pod.UID)
		one.left.Insert(pod.UID)
		e.byPod[pod.UID] = one
	}
	return one
}

// isEnding reports whether the pod will be gone soon, or is gone and the snapshot has not heard of it. One that should be
// gone by now is not counted on.
func (e *evictions) isEnding(pod *corev1.Pod, now time.Time) bool {
	if pod.DeletionTimestamp != nil { // the end of its grace period
		return now.Before(pod.DeletionTimestamp.Add(overdue))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	one := e.byPod[pod.UID]
	return one != nil && now.Before(one.until)
}

// gone takes note that a pod is gone, or gave its room back. It returns the preemptor when nobody is left whom it waits for.
func (e *evictions) gone(uid types.UID, now time.Time) *corev1.Pod {
	e.mu.Lock()
	defer e.mu.Unlock()
	one := e.byPod[uid]
	if one == nil || !one.left.Has(uid) {
		return nil
	}
	e.byPod[uid] = &eviction{until: now.Add(unheard)}
	if one.left.Delete(uid); one.left.Len() > 0 {
		return nil
	}
	return one.preemptor
}

// end takes note that an eviction failed, or that its time is over. It reports whether anybody was left.
func (e *evictions) end(one *eviction) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for uid := range one.all {
		if now := e.byPod[uid]; now == one || (now != nil && now.preemptor == nil) {
			delete(e.byPod, uid)
		}
	}
	return one.left.Len() > 0
}
