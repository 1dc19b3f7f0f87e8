// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// A machine that is gone is told by Kubernetes' own taint node.kubernetes.io/out-of-service, which the autoscaler puts on the
// node of an instance that ended, and an admin on a machine that is known to be off. Nothing runs there, and no kubelet will
// say so: the attempts of its pods end at once, and their objects are deleted without waiting for it.

// hostMargin is how long before a machine ends its pods must have ended, so that their kubelet can still tell how.
const hostMargin = 5 * time.Second

// members are the pods of a job, each with whether its host is gone. Before a pod counts as lost the API server is asked: the
// kubelet's last word may not have reached the cache yet.
func (w *Watcher) members(ctx context.Context, id string) ([]member, error) {
	members := membersOf(w.pods.OfJob(id))
	for i := range members {
		m := &members[i]
		m.late = m.pod.Spec.NodeName != "" && w.pods.GivenUp(m.pod.Spec.NodeName)
		if isFinished(m.pod) || !w.pods.HostGone(m.pod) {
			continue
		}
		live, err := w.pods.Live(ctx, m.pod.Namespace, m.pod.Name)
		if err != nil {
			return nil, err
		}
		if live != nil { // else its deletion is on its way to us
			m.pod, m.lost = live, !isFinished(live)
		}
	}
	return members, nil
}

// shorten gives a pod that is being stopped no more time than its machine has.
func (w *Watcher) shorten(ctx context.Context, m member) error {
	if m.isOver() || m.pod.DeletionTimestamp == nil || m.pod.Spec.NodeName == "" {
		return nil
	}
	ends := w.pods.HostEnds(m.pod.Spec.NodeName)
	by := ends.Add(-hostMargin)
	left := by.Sub(w.cfg.Clock.Now()).Truncate(time.Second)
	if ends.IsZero() || left < time.Second || !m.pod.DeletionTimestamp.After(by) {
		return nil
	}
	return w.pods.StopWithin(ctx, m.pod, left)
}

// bury removes the object of a pod whose host is gone.
func (w *Watcher) bury(ctx context.Context, pod *corev1.Pod) error {
	if err := w.pods.Release(ctx, pod); err != nil {
		return err
	}
	return w.pods.StopWithin(ctx, pod, 0)
}

// HostGone implements Pods.
func (c *Cluster) HostGone(pod *corev1.Pod) bool {
	if pod.Spec.NodeName == "" {
		return false
	}
	obj, ok, err := c.nodes.GetStore().GetByKey(pod.Spec.NodeName)
	if err != nil || !ok {
		return err == nil && c.gone.has(pod.Spec.NodeName)
	}
	return isOutOfService(obj.(*corev1.Node))
}

// GivenUp implements Pods. The autoscaler ends a machine only when no pod is there and its scheduler must know that none is to
// come; a scheduler that is far behind may bind one all the same, which Kubernetes then collects.
func (c *Cluster) GivenUp(node string) bool { return c.givenUp.has(node) }

// HostEnds implements Pods.
func (c *Cluster) HostEnds(node string) time.Time {
	obj, ok, err := c.nodes.GetStore().GetByKey(node)
	if err != nil || !ok {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, obj.(*corev1.Node).Annotations[batchmeta.InterruptionDeadline])
	if err != nil {
		return time.Time{}
	}
	return at
}

// StopWithin implements Pods.
func (c *Cluster) StopWithin(ctx context.Context, pod *corev1.Pod, grace time.Duration) error {
	options := metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(grace / time.Second)), Preconditions: &metav1.Preconditions{UID: &pod.UID},
	}
	return ignoreGone(crashpoint.Around("pods/stop-within", func() error {
		return c.client.Pods(pod.Namespace).Delete(ctx, pod.Name, options)
	}))
}

// onNodeChange tells w of the pods of nodes that end or have ended.
func (c *Cluster) onNodeChange(w *Watcher) cache.ResourceEventHandler {
	changed := func(obj any) {
		if node, ok := obj.(*corev1.Node); ok && (isOutOfService(node) || node.Annotations[batchmeta.InterruptionDeadline] != "") {
			for _, pod := range c.podsOn(node.Name) {
				w.PodChanged(pod)
			}
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			if node, ok := obj.(*corev1.Node); ok {
				c.gone.remove(node.Name)
				c.givenUp.remove(node.Name)
			}
			changed(obj)
		},
		UpdateFunc: func(_, obj any) { changed(obj) },
		DeleteFunc: func(obj any) {
			if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = last.Obj
			}
			if node, ok := obj.(*corev1.Node); ok {
				c.remember(node)
			}
			changed(obj)
		},
	}
}

// remember notes why a node was deleted.
func (c *Cluster) remember(node *corev1.Node) {
	switch {
	case isOutOfService(node):
		c.gone.add(node.Name, time.Now())
	case hasTaint(node, batchmeta.ToBeDeleted):
		c.givenUp.add(node.Name, time.Now())
	}
}

func (c *Cluster) podsOn(node string) []*corev1.Pod {
	objs, err := c.pods.GetIndexer().ByIndex(byNode, node)
	if err != nil {
		return nil
	}
	return asPods(objs)
}

func isOutOfService(node *corev1.Node) bool { return hasTaint(node, corev1.TaintNodeOutOfService) }

func hasTaint(node *corev1.Node, key string) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == key })
}

// goneFor is how long a deleted node is remembered. Kubernetes' own collection of pods without a node takes about a minute.
const goneFor = 10 * time.Minute

// goneNodes are nodes that were deleted, until one of the name comes again.
type goneNodes struct {
	mu sync.Mutex // guards at
	at map[string]time.Time
}

func (g *goneNodes) add(node string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at == nil {
		g.at = map[string]time.Time{}
	}
	for name, at := range g.at {
		if now.Sub(at) > goneFor {
			delete(g.at, name)
		}
	}
	g.at[node] = now
}

func (g *goneNodes) has(node string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.at[node]
	return ok
}

func (g *goneNodes) remove(node string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.at, node)
}
