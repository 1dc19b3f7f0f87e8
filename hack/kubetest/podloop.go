// SPDX-License-Identifier: Apache-2.0

package kubetest

import (
	"context"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// PodLoop moves pods on in place of a scheduler and of kubelets.
type PodLoop struct {
	Pods cache.Indexer

	work workqueue.TypedRateLimitingInterface[string]
}

// PodLoopConfig says which pods are moved on, and how.
type PodLoopConfig struct {
	// Selector of labels that the pods have.
	Selector string
	// Sync does the next thing with a pod, and tells when to look at it again if nothing changes; 0 is never. An error has it tried
	// again, unless it says that the pod is gone. Several pods are moved on at once, and no pod twice at a time.
	Sync func(ctx context.Context, pod *corev1.Pod) (again time.Duration, err error)
	// Gone is told of each pod that is no more. Default nobody is.
	Gone func(pod *corev1.Pod)
	// Resync is how often all pods are looked at again; 0 is never.
	Resync time.Duration
	// Workers move pods on at once.
	Workers int
}

// RunPodLoop moves pods on until the test ends.
func RunPodLoop(tb testing.TB, client kubernetes.Interface, cfg PodLoopConfig) *PodLoop {
	tb.Helper()
	factory := informers.NewSharedInformerFactoryWithOptions(client, cfg.Resync,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = cfg.Selector }))
	informer := factory.Core().V1().Pods().Informer()
	l := &PodLoop{
		Pods: informer.GetIndexer(),
		work: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](10*time.Millisecond, time.Second)),
	}
	changed := func(obj any) {
		if key, err := cache.MetaNamespaceKeyFunc(obj); err == nil {
			l.work.Add(key)
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: changed, UpdateFunc: func(_, obj any) { changed(obj) }, DeleteFunc: cfg.gone,
	}); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	var workers sync.WaitGroup
	for range cfg.Workers {
		workers.Go(func() {
			for l.next(ctx, cfg.Sync) {
			}
		})
	}
	tb.Cleanup(func() {
		cancel()
		l.work.ShutDown()
		workers.Wait()
		factory.Shutdown()
	})
	return l
}

func (c *PodLoopConfig) gone(obj any) {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	if pod, ok := obj.(*corev1.Pod); ok && c.Gone != nil {
		c.Gone(pod)
	}
}

// AgainAll has all pods looked at again.
func (l *PodLoop) AgainAll() {
	for _, key := range l.Pods.ListKeys() {
		l.work.Add(key)
	}
}

// next moves a pod on; it returns false when there will be no more.
func (l *PodLoop) next(ctx context.Context, sync func(context.Context, *corev1.Pod) (time.Duration, error)) bool {
	key, quit := l.work.Get()
	if quit {
		return false
	}
	defer l.work.Done(key)
	obj, found, err := l.Pods.GetByKey(key)
	if err != nil || !found {
		l.work.Forget(key)
		return true
	}
	again, err := sync(ctx, obj.(*corev1.Pod).DeepCopy())
	if err != nil && !apierrors.IsNotFound(err) {
		l.work.AddRateLimited(key)
		return true
	}
	l.work.Forget(key)
	if again > 0 {
		l.work.AddAfter(key, again)
	}
	return true
}
