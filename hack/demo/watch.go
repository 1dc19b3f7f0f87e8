// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// watcher notes when nodes and pods were first seen to be what. Kubernetes itself keeps whole seconds only.
type watcher struct {
	client kubernetes.Interface

	// mu guards what follows.
	mu    sync.Mutex
	nodes map[string]nodeTimes // by name
	pods  map[string]podTimes  // by job id
}

type nodeTimes struct {
	added, ready time.Time
}

type podTimes struct {
	node           string
	bound, running time.Time
}

// newWatcher returns when everything there is has been seen.
func newWatcher(ctx context.Context, env environment) (*watcher, error) {
	config, err := clientcmd.BuildConfigFromFlags("", env["KUBECONFIG"])
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make Kubernetes client: %w", err)
	}
	w := &watcher{client: client, nodes: map[string]nodeTimes{}, pods: map[string]podTimes{}}
	factory := informers.NewSharedInformerFactory(client, 0)
	for informer, see := range map[cache.SharedIndexInformer]func(any){
		factory.Core().V1().Nodes().Informer(): w.seeNode,
		factory.Core().V1().Pods().Informer():  w.seePod,
	} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: see, UpdateFunc: func(_, now any) { see(now) }})
		if err != nil {
			return nil, fmt.Errorf("watch: %w", err)
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return w, ctx.Err()
}

func (w *watcher) seeNode(object any) {
	node, now := object.(*corev1.Node), time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	times := w.nodes[node.Name]
	note(&times.added, true, now)
	for _, condition := range node.Status.Conditions {
		note(&times.ready, condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue, now)
	}
	w.nodes[node.Name] = times
}

func (w *watcher) seePod(object any) {
	pod, now := object.(*corev1.Pod), time.Now()
	job := pod.Labels[batchmeta.JobID]
	if job == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	times := w.pods[job]
	times.node = pod.Spec.NodeName
	note(&times.bound, pod.Spec.NodeName != "", now)
	note(&times.running, pod.Status.Phase != corev1.PodPending, now)
	w.pods[job] = times
}

// note sets when to now the first time that happened is true.
func note(when *time.Time, happened bool, now time.Time) {
	if happened && when.IsZero() {
		*when = now
	}
}

func (w *watcher) node(name string) nodeTimes {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[name]
}

func (w *watcher) pod(job string) podTimes {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pods[job]
}

// batchNodes is how many nodes of compute environments there are.
func (w *watcher) batchNodes(ctx context.Context) (int, error) {
	nodes, err := w.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: batchmeta.ComputeEnvironmentUUID})
	if err != nil {
		return 0, fmt.Errorf("list nodes: %w", err)
	}
	return len(nodes.Items), nil
}

// log is what the pod's containers printed.
func (w *watcher) log(ctx context.Context, namespace, pod string) (string, error) {
	stream, err := w.client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{}).Stream(ctx)
	if err != nil {
		return "", fmt.Errorf("read log of pod %s: %w", pod, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, 1<<16))
	if err != nil {
		return "", fmt.Errorf("read log of pod %s: %w", pod, err)
	}
	return string(text), nil
}

// findPod returns the pod of the job that has the label, too, if one is given.
func (w *watcher) findPod(ctx context.Context, job, label string) (*corev1.Pod, error) {
	selector := batchmeta.JobID + "=" + job
	if label != "" {
		selector += "," + label
	}
	pods, err := w.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("find pod of job %s: %w", job, err)
	}
	if len(pods.Items) == 0 {
		return nil, fmt.Errorf("find pod of job %s: there is none", job)
	}
	return &pods.Items[0], nil
}
