// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// kubelet is scheduler and kubelet of a control plane: it runs every pod of the jobs' namespace for a while, with success.
type kubelet struct {
	*kubetest.ControlPlane

	mu   sync.Mutex // guards what follows
	ran  map[string]int
	live map[types.UID]time.Time // when each pod was started; zero once it has ended
}

// runFor is how long each pod runs.
const runFor = 1500 * time.Millisecond

func runKubelet(t *testing.T, cluster *kubetest.ControlPlane) *kubelet {
	t.Helper()
	k := &kubelet{ControlPlane: cluster, ran: map[string]int{}, live: map[types.UID]time.Time{}}
	_, err := cluster.Client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			k.lookOnce(ctx)
			time.Sleep(50 * time.Millisecond)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return k
}

// lookOnce moves every pod on. What fails is tried again.
func (k *kubelet) lookOnce(ctx context.Context) {
	pods := k.Client.CoreV1().Pods("muster-jobs")
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: batchmeta.JobID})
	if err != nil {
		return
	}
	for _, pod := range list.Items {
		switch {
		case pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil:
			_ = pods.Bind(ctx, &corev1.Binding{
				ObjectMeta: metav1.ObjectMeta{Name: pod.Name, UID: pod.UID}, Target: corev1.ObjectReference{Kind: "Node", Name: "n"},
			}, metav1.CreateOptions{})
		case pod.Status.Phase == corev1.PodPending && pod.Spec.NodeName != "":
			now := metav1.Now()
			k.write(ctx, &pod, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}})
		case pod.Status.Phase == corev1.PodRunning && k.isOver(pod.UID):
			k.write(ctx, &pod, corev1.PodSucceeded, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ContainerID: "c", Reason: "Completed", StartedAt: metav1.Now(), FinishedAt: metav1.Now(),
			}})
		}
	}
}

func (k *kubelet) write(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase, state corev1.ContainerState) {
	pod.Status.Phase = phase
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: state, ContainerID: "c"}}
	if _, err := k.Client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if phase == corev1.PodRunning {
		k.ran[pod.Labels[batchmeta.JobID]]++
		k.live[pod.UID] = time.Now()
	} else {
		k.live[pod.UID] = time.Time{}
	}
}

func (k *kubelet) isOver(uid types.UID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Since(k.live[uid]) >= runFor
}

// runs is how often each job was started.
func (k *kubelet) runs() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.ran)
}

// started is how many pods were, ended how many of them have ended.
func (k *kubelet) started() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.live)
}

func (k *kubelet) running() int { return k.started() - k.ended() }

func (k *kubelet) ended() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, since := range k.live {
		if since.IsZero() {
			n++
		}
	}
	return n
}
