// SPDX-License-Identifier: Apache-2.0

//go:build integration && crashpoints

package crash

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Variables of containers that say what becomes of them.
const (
	envFails = "FAILS" // so many attempts fail
	envHolds = "HOLDS" // it runs until it is ended
)

// kubelets stand for the scheduler and the kubelets of all worlds: they bind pods, run them for a moment, and end those that
// are to end. What ran, and when, goes into the world's ledger.
type kubelets struct {
	client kubernetes.Interface
	pods   cache.SharedIndexInformer
	work   workqueue.TypedRateLimitingInterface[string]

	mu     sync.Mutex        // guards worlds
	worlds map[string]*world // by namespace
}

func startKubelets(ctx context.Context, t *testing.T, client kubernetes.Interface) *kubelets {
	t.Helper()
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = batchmeta.JobID }))
	k := &kubelets{
		client: client, pods: factory.Core().V1().Pods().Informer(), worlds: map[string]*world{},
		work: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](10*time.Millisecond, time.Second)),
	}
	changed := func(obj any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj); err == nil {
			k.work.Add(key)
		}
	}
	if _, err := k.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: changed, UpdateFunc: func(_, obj any) { changed(obj) },
		DeleteFunc: func(obj any) {
			if pod, ok := obj.(*corev1.Pod); ok {
				k.world(pod.Namespace).ledger.end(pod.UID, false)
			}
		},
	}); err != nil {
		t.Fatal(err)
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for k.next(ctx) {
			}
		})
	}
	t.Cleanup(func() {
		k.work.ShutDown()
		workers.Wait()
		factory.Shutdown()
	})
	return k
}

func (k *kubelets) next(ctx context.Context) bool {
	key, quit := k.work.Get()
	if quit {
		return false
	}
	defer k.work.Done(key)
	obj, found, err := k.pods.GetStore().GetByKey(key)
	if err != nil || !found {
		k.work.Forget(key)
		return true
	}
	again, err := k.sync(ctx, obj.(*corev1.Pod).DeepCopy())
	switch {
	case err != nil && !apierrors.IsNotFound(err):
		k.work.AddRateLimited(key)
	case again > 0:
		k.work.AddAfter(key, again)
	default:
		k.work.Forget(key)
	}
	return true
}

func (k *kubelets) world(namespace string) *world {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.worlds[namespace]
}

// sync does the next thing with a pod and tells when to look at it again if nothing changes.
func (k *kubelets) sync(ctx context.Context, pod *corev1.Pod) (again time.Duration, err error) {
	w := k.world(pod.Namespace)
	switch {
	case w == nil:
		return 0, nil
	case pod.DeletionTimestamp != nil:
		return 0, k.end(ctx, w, pod)
	case isFinished(pod):
		return 0, nil
	case pod.Spec.NodeName == "":
		if w.isDry(pod) {
			return 10 * time.Millisecond, nil
		}
		binding := &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: w.nodeName()},
		}
		return 0, k.client.CoreV1().Pods(pod.Namespace).Bind(ctx, binding, metav1.CreateOptions{})
	case w.isGone(pod.Spec.NodeName):
		return 0, nil
	case pod.Status.Phase != corev1.PodRunning:
		return 0, k.begin(ctx, w, pod)
	case env(pod, envHolds) != "":
		return 0, nil
	}
	if left := w.ledger.left(pod.UID); left > 0 {
		return left, nil
	}
	fails, _ := strconv.Atoi(env(pod, envFails))
	attempt, _ := strconv.Atoi(pod.Labels[batchmeta.Attempt])
	return 0, k.finish(ctx, w, pod, attempt > fails)
}

// begin starts a pod's container; one that waits for the main node's address says so first.
func (k *kubelets) begin(ctx context.Context, w *world, pod *corev1.Pod) error {
	if isWaitingForMain(pod) {
		if len(pod.Status.ContainerStatuses) > 0 {
			return nil // until it is nudged
		}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{
				Reason: "CreateContainerConfigError", Message: `configmap "` + pod.Labels[batchmeta.Gang] + `" not found`,
			},
		}}}
		return k.write(ctx, pod)
	}
	w.ledger.begin(pod)
	pod.Status.Phase = corev1.PodRunning
	pod.Status.PodIP, pod.Status.PodIPs = "10.9.9.9", []corev1.PodIP{{IP: "10.9.9.9"}}
	pod.Status.StartTime = new(metav1.Now())
	pod.Status.ContainerStatuses = nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		})
	}
	return k.write(ctx, pod)
}

// isWaitingForMain: a gang's other members need the main node's address, and their kubelet looks for it again when nudged.
func isWaitingForMain(pod *corev1.Pod) bool {
	index := pod.Labels[batchmeta.NodeIndex]
	return index != "" && index != "0" && pod.Annotations[batchmeta.Nudged] == ""
}

func (k *kubelets) finish(ctx context.Context, w *world, pod *corev1.Pod, succeeded bool) error {
	w.ledger.end(pod.UID, succeeded)
	pod.Status.Phase = corev1.PodFailed
	code := int32(1)
	if succeeded {
		pod.Status.Phase, code = corev1.PodSucceeded, 0
	}
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		ended := &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.Now(), ContainerID: "test://" + string(pod.UID)}
		if s.State.Running != nil {
			ended.StartedAt = s.State.Running.StartedAt
		}
		s.State = corev1.ContainerState{Terminated: ended}
	}
	return k.write(ctx, pod)
}

// end ends what still runs of a pod that is to go, says how, and lets it go, again and again until it is gone: an API server
// whose client dies while it takes the last finalizer away may leave the pod there.
func (k *kubelets) end(ctx context.Context, w *world, pod *corev1.Pod) error {
	if w.isGone(pod.Spec.NodeName) {
		return nil
	}
	if !isFinished(pod) && pod.Spec.NodeName != "" {
		return k.finish(ctx, w, pod, false)
	}
	if *pod.DeletionGracePeriodSeconds == 0 && len(pod.Finalizers) > 0 {
		return nil // the finalizer alone keeps it
	}
	return k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &pod.UID},
	})
}

func (k *kubelets) write(ctx context.Context, pod *corev1.Pod) error {
	_, err := k.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// podsOf are the pods of a world.
func (k *kubelets) podsOf(namespace string) []*corev1.Pod {
	objs, err := k.pods.GetIndexer().ByIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil
	}
	pods := make([]*corev1.Pod, len(objs))
	for i, obj := range objs {
		pods[i] = obj.(*corev1.Pod)
	}
	return pods
}

func isFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func env(pod *corev1.Pod, name string) string {
	for _, v := range pod.Spec.Containers[0].Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// run is one pod's time on its node.
type run struct {
	pod          string
	job          string // of an array's child, the array's
	slot         string // job, array index and node index: of what no two may run at once
	attempt      int
	begun, ended time.Time
	lasts        time.Duration
	succeeded    bool
}

// ledger is what the containers themselves could tell of a world: what ran, and when.
type ledger struct {
	mu   sync.Mutex // guards what follows
	runs map[types.UID]*run
	list []*run
}

func (l *ledger) begin(pod *corev1.Pod) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs == nil {
		l.runs = map[types.UID]*run{}
	}
	if l.runs[pod.UID] != nil {
		return
	}
	labels := pod.Labels
	attempt, _ := strconv.Atoi(labels[batchmeta.Attempt])
	r := &run{
		pod: pod.Name, job: labels[batchmeta.JobID], attempt: attempt, begun: time.Now(),
		slot:  strings.Join([]string{labels[batchmeta.JobID], labels[batchmeta.ArrayIndex], labels[batchmeta.NodeIndex]}, "/"),
		lasts: time.Duration(rand.IntN(40)) * time.Millisecond,
	}
	if labels[batchmeta.NodeIndex] != "" {
		r.lasts += 400 * time.Millisecond // a gang whose main node ends at once needs to be told nothing
	}
	l.runs[pod.UID] = r
	l.list = append(l.list, r)
}

// left is for how long a pod still runs.
func (l *ledger) left(pod types.UID) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.runs[pod]
	if r == nil {
		return 0
	}
	return time.Until(r.begun.Add(r.lasts))
}

func (l *ledger) end(pod types.UID, succeeded bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.runs[pod]; r != nil && r.ended.IsZero() {
		r.ended, r.succeeded = time.Now(), succeeded
	}
}

// take gives what ran since it was last asked, of pods that are all gone.
func (l *ledger) take() []*run {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list, l.runs = nil, nil
	return list
}

// nodes are a world's node, and those before it that are lost.
type nodes struct {
	serial atomic.Int64
	lost   sync.Map // names
}
