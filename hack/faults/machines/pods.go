// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	apitypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// watch tells machines of their pods until ctx ends. One watch serves all of them.
func (f *Fleet) watch(ctx context.Context) {
	pods := cache.NewFilteredListWatchFromClient(f.kube.CoreV1().RESTClient(), "pods", metav1.NamespaceAll, func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermNotEqualSelector("spec.nodeName", "").String()
		o.LabelSelector = batchmeta.JobID
	})
	changed := func(obj any) {
		if pod, ok := obj.(*corev1.Pod); ok {
			if m := f.of(pod); m != nil {
				m.changed(pod)
			}
		}
	}
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: pods, ObjectType: &corev1.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    changed,
			UpdateFunc: func(_, obj any) { changed(obj) },
			DeleteFunc: func(obj any) {
				if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
					obj = last.Obj
				}
				if pod, ok := obj.(*corev1.Pod); ok {
					if m := f.of(pod); m != nil {
						m.gone(pod)
					}
				}
			},
		},
	})
	controller.RunWithContext(ctx)
}

// changed begins with a pod that is new here, and stops one that is to be deleted.
func (m *machine) changed(pod *corev1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pulled {
		return
	}
	r, known := m.runs[string(pod.UID)]
	if !known {
		if pod.Status.Phase != corev1.PodPending {
			return
		}
		ctx, stop := context.WithCancel(m.ctx)
		r = newRun(m, pod, stop)
		m.runs[string(pod.UID)] = r
		m.living.Go(func() { r.live(ctx) })
	}
	if pod.DeletionTimestamp != nil {
		r.stop()
	}
	isTold := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	if r.isDone.Load() && (!isTold || pod.DeletionTimestamp != nil) {
		m.living.Go(func() { r.remind(isTold) })
	}
}

// remind tells the end of a pod again that looks otherwise: a request that was given up can arrive after the one that
// repeated it. A kubelet, too, compares what it knows with what it is shown.
func (r *run) remind(isTold bool) {
	if !isTold {
		r.tell(r.ctx, r.endedStatus())
	}
	r.remove()
}

// gone ends a pod that is no longer there: nobody can be told how.
func (m *machine) gone(pod *corev1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, known := m.runs[string(pod.UID)]; known {
		r.stop()
	}
}

func (r *run) isPulled() bool {
	r.machine.mu.Lock()
	defer r.machine.mu.Unlock()
	return r.pulled
}

// tell writes the pod's status until it is there; false if that can never be.
func (r *run) tell(ctx context.Context, status *corev1.PodStatus) bool {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": r.pod.UID}, "status": status})
	if err != nil {
		return false
	}
	told := false
	r.insist(ctx, "tell status", func(ctx context.Context) error {
		if r.isPulled() {
			return nil
		}
		_, err := r.kube.CoreV1().Pods(r.pod.Namespace).Patch(ctx, r.pod.Name, apitypes.MergePatchType, patch, metav1.PatchOptions{}, "status")
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // it is gone, or another of its name is there
			return nil
		}
		told = err == nil
		return err
	})
	return told
}

// remove deletes a pod for good that was to be deleted and has ended.
func (r *run) remove() {
	r.insist(r.ctx, "remove pod", func(ctx context.Context) error {
		pods := r.kube.CoreV1().Pods(r.pod.Namespace)
		now, err := pods.Get(ctx, r.pod.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || r.isPulled() {
			return nil
		}
		if err != nil {
			return err
		}
		if now.UID != r.pod.UID || now.DeletionTimestamp == nil {
			return nil
		}
		err = pods.Delete(ctx, r.pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &r.pod.UID},
		})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		return err
	})
}

func (r *run) runningStatus() *corev1.PodStatus {
	at := metav1.NewTime(r.started())
	return r.status(corev1.PodRunning, &corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}}, true)
}

func (r *run) endedStatus() *corev1.PodStatus {
	r.mu.Lock()
	e := r.entry
	r.mu.Unlock()
	phase, reason := corev1.PodSucceeded, "Completed"
	if e.ExitCode != 0 {
		phase, reason = corev1.PodFailed, "Error"
	}
	return r.status(phase, &corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ContainerID: r.containerID(), ExitCode: int32(e.ExitCode), Reason: reason, //nolint:gosec // an exit code is small
		StartedAt: metav1.NewTime(e.Start), FinishedAt: metav1.NewTime(e.End),
	}}, false)
}

// neverStatus is what a kubelet says of a pod that it never began with.
func (r *run) neverStatus() *corev1.PodStatus {
	return r.status(corev1.PodFailed, &corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 137, Reason: "ContainerStatusUnknown", Message: "The container could not be located when the pod was deleted",
	}}, false)
}

func (r *run) containerID() string { return "rig://" + string(r.pod.UID) }

func (r *run) status(phase corev1.PodPhase, state *corev1.ContainerState, ready bool) *corev1.PodStatus {
	s := &corev1.PodStatus{Phase: phase, HostIP: "127.0.0.1", PodIP: "127.0.0.1"}
	for _, c := range r.pod.Spec.Containers {
		s.ContainerStatuses = append(s.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: c.Image, ContainerID: r.containerID(), Ready: ready, State: *state,
		})
	}
	return s
}
