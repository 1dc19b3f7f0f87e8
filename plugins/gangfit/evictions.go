// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// overdue is how long after its grace period a pod that ends is counted on to be gone.
const overdue = time.Minute

// evictions are the pods that are being ended for somebody, from the decision on: the API server may not have been told yet.
type evictions struct {
	mu    sync.Mutex // guards all below
	byPod map[types.UID]*eviction
}

func newEvictions() *evictions { return &evictions{byPod: map[types.UID]*eviction{}} }

// eviction is the pods that are ended at one time for one preemptor.
type eviction struct {
	preemptor *corev1.Pod
	left      sets.Set[types.UID]
	until     time.Time
}

// begin takes note that pods are ended for a preemptor, and until when they are counted on to be gone.
func (e *evictions) begin(preemptor *corev1.Pod, pods []*corev1.Pod, until time.Time) *eviction {
	e.mu.Lock()
	defer e.mu.Unlock()
	one := &eviction{preemptor: preemptor, left: sets.New[types.UID](), until: until}
	for _, pod := range pods {
		one.left.Insert(pod.UID)
		e.byPod[pod.UID] = one
	}
	return one
}

// isEnding reports whether the pod will be gone soon. One that should be gone by now is not counted on.
func (e *evictions) isEnding(pod *corev1.Pod, now time.Time) bool {
	if pod.DeletionTimestamp != nil { // the end of its grace period
		return now.Before(pod.DeletionTimestamp.Add(overdue))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	one := e.byPod[pod.UID]
	return one != nil && now.Before(one.until)
}

// gone takes note that a pod is gone. It returns the preemptor when nobody is left whom it waits for.
func (e *evictions) gone(uid types.UID) *corev1.Pod {
	e.mu.Lock()
	defer e.mu.Unlock()
	one := e.byPod[uid]
	if one == nil {
		return nil
	}
	delete(e.byPod, uid)
	if one.left.Delete(uid); one.left.Len() > 0 {
		return nil
	}
	return one.preemptor
}

// end takes note that an eviction failed, or took too long. It reports whether anybody was left.
func (e *evictions) end(one *eviction) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	left := false
	for uid := range one.left {
		if e.byPod[uid] == one {
			delete(e.byPod, uid)
			left = true
		}
	}
	return left
}
