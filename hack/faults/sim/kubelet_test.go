// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// execution is what a kubelet does with a pod.
type execution struct {
	pod     *corev1.Pod
	key     string // of what runs: job or child, and node
	begins  time.Time
	lasts   time.Duration
	code    int32
	started time.Time // zero before
	over    bool
}

// keyOf names what a pod runs, whichever attempt it is.
func keyOf(pod *corev1.Pod) string {
	return pod.Labels[batchmeta.JobID] + "/" + pod.Labels[batchmeta.ArrayIndex] + "/" + pod.Labels[batchmeta.NodeIndex]
}

func isFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// kubelets do what is due: what has ended is noted before anything begins.
func (w *world) kubelets() {
	pods := w.c.Pods()
	seen := map[types.UID]bool{}
	for _, pod := range pods {
		seen[pod.UID] = !isFinished(pod) && w.nodes[pod.Spec.NodeName] != nil
	}
	for uid, e := range w.executions {
		if !seen[uid] {
			w.ends(e)
			delete(w.executions, uid)
		}
	}
	for _, pod := range pods {
		if seen[pod.UID] {
			w.tend(pod)
		}
	}
}

func (w *world) tend(pod *corev1.Pod) {
	now := time.Now()
	e := w.executions[pod.UID]
	if e == nil {
		e = &execution{
			pod: pod, key: keyOf(pod), begins: now.Add(w.upTo(5 * time.Second)),
			lasts: 10*time.Second + w.upTo(4*time.Minute), code: int32(w.random.IntN(7) / 6),
		}
		w.executions[pod.UID] = e
		w.c.Change(pod, func(s *corev1.PodStatus) { s.PodIP, s.PodIPs = "10.0.0.1", []corev1.PodIP{{IP: "10.0.0.1"}} })
	}
	switch {
	case e.over || pod.DeletionTimestamp != nil:
	case e.started.IsZero() && !now.Before(e.begins) && w.mayBegin(pod):
		w.starts(e)
		w.c.Change(pod, func(s *corev1.PodStatus) {
			s.Phase = corev1.PodRunning
			s.ContainerStatuses = []corev1.ContainerStatus{{
				Name: "default", ContainerID: "c://" + string(pod.UID), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
			}}
		})
	case !e.started.IsZero() && now.Sub(e.started) >= e.lasts:
		w.finish(e)
	}
}

// mayBegin reports whether the pod has what its containers wait for.
func (w *world) mayBegin(pod *corev1.Pod) bool {
	index, isGang := pod.Labels[batchmeta.NodeIndex]
	return !isGang || index == "0" || w.c.HasConfigMap(pod.Labels[batchmeta.Gang])
}

func (w *world) finish(e *execution) {
	phase, reason := corev1.PodSucceeded, "Completed"
	if e.code != 0 {
		phase, reason = corev1.PodFailed, "Error"
	}
	e.over = true
	w.c.Change(e.pod, func(s *corev1.PodStatus) {
		s.Phase = phase
		for i := range s.ContainerStatuses {
			s.ContainerStatuses[i].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: e.code, Reason: reason, ContainerID: "c://" + string(e.pod.UID),
				StartedAt: metav1.NewTime(e.started), FinishedAt: metav1.Now(),
			}}
		}
	})
	if e.code == 0 {
		w.succeeded[e.key] = true
	}
}

// starts writes the ledger, and holds that nothing runs twice at a time nor after its success.
func (w *world) starts(e *execution) {
	if other := w.alive[e.key]; other != nil {
		w.wrong("two live pods of %s: %s and %s", e.key, other.pod.UID, e.pod.UID)
	}
	if w.succeeded[e.key] && e.pod.Labels[batchmeta.NodeIndex] == "" {
		w.wrong("%s starts again after its success, as %s", e.key, e.pod.UID)
	}
	e.started = time.Now()
	w.alive[e.key] = e
	w.counts.executions++
}

func (w *world) ends(e *execution) {
	if w.alive[e.key] == e {
		delete(w.alive, e.key)
	}
}

// wrong notes a violation of what must hold.
func (w *world) wrong(format string, args ...any) {
	w.wrongs = append(w.wrongs, fmt.Sprintf("%v: %s", time.Since(w.began), fmt.Sprintf(format, args...)))
}
