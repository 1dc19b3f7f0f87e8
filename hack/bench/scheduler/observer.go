// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"
)

// binding is a pod that was seen on its node.
type binding struct {
	gang string
	at   time.Time
}

// observer sees pods being bound, through an informer of its own.
type observer struct {
	stop     func()
	mu       sync.Mutex // guards what follows
	bindings []binding
}

// observe begins to watch a namespace without pods.
func (c *controlPlane) observe(ctx context.Context, namespace string) (*observer, error) {
	ctx, cancel := context.WithCancel(ctx)
	o := &observer{}
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(c.client.CoreV1().RESTClient(), "pods", namespace,
			fields.OneTermNotEqualSelector("spec.nodeName", "")),
		ObjectType: &corev1.Pod{},
		Handler:    cache.ResourceEventHandlerFuncs{AddFunc: o.add},
	})
	var running sync.WaitGroup
	running.Go(func() { informer.RunWithContext(ctx) })
	o.stop = func() {
		cancel()
		running.Wait()
	}
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		o.stop()
		return nil, fmt.Errorf("watch pods: %w", ctx.Err())
	}
	return o, nil
}

func (o *observer) add(object any) {
	now := time.Now()
	pod, ok := object.(metav1.Object)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bindings = append(o.bindings, binding{pod.GetLabels()[gangLabel], now})
}

// soFar are the pods bound until now, in order.
func (o *observer) soFar() []binding {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clip(o.bindings)
}

// await waits until so many pods are bound and returns them.
func (o *observer) await(ctx context.Context, count int, patience time.Duration) ([]binding, error) {
	var bindings []binding
	err := await(ctx, "all pods are bound", patience, func() bool {
		bindings = o.soFar()
		return len(bindings) >= count
	})
	if err != nil {
		return bindings, fmt.Errorf("%d of %d pods: %w", len(bindings), count, err)
	}
	return bindings, nil
}

// rate is pods a second as scheduler_perf counts them: without what was bound in the first second.
func rate(bindings []binding) float64 {
	first, last := bindings[0].at, bindings[len(bindings)-1].at
	after := first.Add(time.Second)
	if !last.After(after.Add(time.Second)) {
		return float64(len(bindings)-1) / last.Sub(first).Seconds()
	}
	n := 0
	for _, b := range bindings {
		if b.at.After(after) {
			n++
		}
	}
	return float64(n) / last.Sub(after).Seconds()
}
