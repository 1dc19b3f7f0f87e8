// SPDX-License-Identifier: Apache-2.0

//go:build integration && upgrade

package upgrade

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	nodeName = "node"
	// envFails is a container's variable: its first attempt fails.
	envFails = "FAILS"
)

// kubelet stands for the scheduler and all kubelets: it binds pods, runs them until it is released, and ends them. It notes
// what ran, and how often.
type kubelet struct {
	t        *testing.T
	client   kubernetes.Interface
	loop     *kubetest.PodLoop
	released atomic.Bool

	mu      sync.Mutex // guards what follows
	began   map[string]types.UID
	running map[string]types.UID
	passed  map[string]int
	wrong   []string
}

func startKubelet(ctx context.Context, t *testing.T, client kubernetes.Interface) *kubelet {
	t.Helper()
	k := &kubelet{
		t: t, client: client, began: map[string]types.UID{}, running: map[string]types.UID{}, passed: map[string]int{},
	}
	// An API server whose client ends while it takes a pod's last finalizer away may leave the pod there: it is looked at again.
	k.loop = kubetest.RunPodLoop(t, client, kubetest.PodLoopConfig{Selector: batchmeta.JobID, Sync: k.sync, Resync: 10 * time.Second, Workers: 32})
	var beating sync.WaitGroup
	beating.Go(func() { k.beat(ctx) })
	t.Cleanup(beating.Wait)
	return k
}

// beat says now and then that the node is well: pods on one that is not are evicted.
func (k *kubelet) beat(ctx context.Context) {
	for {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}
		if _, err := k.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) && ctx.Err() == nil {
			k.t.Error(err)
		}
		patch := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":%q}]}}`, time.Now().UTC().Format(time.RFC3339))
		_, _ = k.client.CoreV1().Nodes().Patch(ctx, nodeName, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status") // next time
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Second):
		}
	}
}

// release lets what runs end, now and from now on.
func (k *kubelet) release() {
	k.released.Store(true)
	k.loop.AgainAll()
}

// sync does the next thing with a pod.
func (k *kubelet) sync(ctx context.Context, pod *corev1.Pod) (time.Duration, error) {
	isFinished := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	switch {
	case pod.DeletionTimestamp != nil && pod.Spec.NodeName != "":
		k.end(pod, false)
		return 0, k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	case pod.DeletionTimestamp != nil, isFinished:
		return 0, nil
	case pod.Spec.NodeName == "":
		return 0, k.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: nodeName},
		}, metav1.CreateOptions{})
	case pod.Status.Phase != corev1.PodRunning:
		k.begin(pod)
		return 0, k.say(ctx, pod, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}})
	case !k.released.Load():
		return 0, nil
	}
	phase, code := corev1.PodSucceeded, int32(0)
	if len(pod.Spec.Containers[0].Env) > 0 && fails(pod) {
		phase, code = corev1.PodFailed, 1
	}
	k.end(pod, code == 0)
	return 0, k.say(ctx, pod, phase, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, StartedAt: metav1.Now(), FinishedAt: metav1.Now(), ContainerID: "test://" + string(pod.UID),
	}})
}

func fails(pod *corev1.Pod) bool {
	for _, v := range pod.Spec.Containers[0].Env {
		if v.Name == envFails {
			return pod.Labels[batchmeta.Attempt] == "1"
		}
	}
	return false
}

func (k *kubelet) say(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase, state corev1.ContainerState) error {
	pod.Status.Phase, pod.Status.StartTime, pod.Status.ContainerStatuses = phase, new(metav1.Now()), nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: c.Name, State: state})
	}
	_, err := k.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// jobOf is the job that a pod is of, with the child's index.
func jobOf(pod *corev1.Pod) string {
	id := pod.Labels[batchmeta.JobID]
	if index := pod.Labels[batchmeta.ArrayIndex]; index != "" {
		id += ":" + index
	}
	return id
}

// begin notes that a pod runs. A write that is repeated says nothing new.
func (k *kubelet) begin(pod *corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	job := jobOf(pod)
	attempt := job + "/" + pod.Labels[batchmeta.Attempt]
	if before, ran := k.began[attempt]; ran && before != pod.UID {
		k.wrong = append(k.wrong, attempt+" runs twice")
	}
	if other, runs := k.running[job]; runs && other != pod.UID {
		k.wrong = append(k.wrong, job+" has two pods that run")
	}
	if k.passed[job] > 0 {
		k.wrong = append(k.wrong, job+" runs after its success")
	}
	k.began[attempt], k.running[job] = pod.UID, pod.UID
}

func (k *kubelet) end(pod *corev1.Pod, passed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	job := jobOf(pod)
	if k.running[job] != pod.UID {
		return // it has been said
	}
	delete(k.running, job)
	if passed {
		k.passed[job]++
	}
}

// counts are how many jobs run, how many have succeeded, and what was wrong.
func (k *kubelet) counts() (running, passed int, wrong []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.running), len(k.passed), append([]string(nil), k.wrong...)
}
