// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// Cluster is the cluster's Batch pods and nodes: read from informers, changed through the API server. It is made of the one
// API group that it needs; a whole clientset would double the program's size.
type Cluster struct {
	client  corev1client.CoreV1Interface
	pods    cache.SharedIndexInformer
	nodes   cache.SharedIndexInformer
	events  cache.SharedIndexInformer
	gone    goneNodes // that were out of service
	givenUp goneNodes // that the autoscaler ended
}

var _ Pods = (*Cluster)(nil)

const (
	byJob  = "job"
	byNode = "node"
)

// resync is so rare that there is none. An informer that was told so waits for it on a channel of the process's, in which time
// that a test makes up does not pass.
const resync = 1000 * time.Hour

// NewCluster makes the informers: pods with a job's label, nodes of compute environments, and the autoscaler's Events. They
// list and watch through source, whose requests may last; all else goes through client.
func NewCluster(client corev1client.CoreV1Interface, source cache.Getter) (*Cluster, error) {
	informer := func(resource string, example runtime.Object, indexers cache.Indexers, tweak func(*metav1.ListOptions)) cache.SharedIndexInformer {
		source := cache.NewFilteredListWatchFromClient(source, resource, metav1.NamespaceAll, tweak)
		return cache.NewSharedIndexInformer(source, example, resync, indexers)
	}
	jobOf := func(obj any) ([]string, error) { return []string{ownerOf(obj.(*corev1.Pod))}, nil }
	nodeOf := func(obj any) ([]string, error) { return []string{obj.(*corev1.Pod).Spec.NodeName}, nil }
	c := &Cluster{
		client: client,
		pods: informer("pods", &corev1.Pod{}, cache.Indexers{byJob: jobOf, byNode: nodeOf}, func(o *metav1.ListOptions) {
			o.LabelSelector = batchmeta.JobID
		}),
		nodes: informer("nodes", &corev1.Node{}, nil, func(o *metav1.ListOptions) {
			o.LabelSelector = batchmeta.ComputeEnvironmentUUID
		}),
		events: informer("events", &corev1.Event{}, nil, func(o *metav1.ListOptions) {
			o.FieldSelector = "reason=" + batchmeta.ReasonScaleUpFailed
		}),
	}
	for informer, trim := range map[cache.SharedIndexInformer]cache.TransformFunc{c.pods: trimPod, c.nodes: trimNode, c.events: trimEvent} {
		if err := informer.SetTransform(trim); err != nil {
			return nil, fmt.Errorf("set up informer: %w", err)
		}
	}
	return c, nil
}

// trimPod drops what nobody here reads: the cache holds every pod of every job.
func trimPod(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	pod.ManagedFields = nil
	var kept map[string]string
	if nonEssential, ok := pod.Annotations[batchmeta.NonEssential]; ok {
		kept = map[string]string{batchmeta.NonEssential: nonEssential}
	}
	if isGang(pod) { // a job's own requests are those of all its nodes together, which may differ
		if kept == nil {
			kept = map[string]string{}
		}
		kept[requestsKept] = formatRequests(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}))
	}
	pod.Annotations = kept
	pod.Spec = corev1.PodSpec{NodeName: pod.Spec.NodeName, HostNetwork: pod.Spec.HostNetwork}
	return pod, nil
}

func trimNode(obj any) (any, error) {
	node, ok := obj.(*corev1.Node)
	if !ok {
		return obj, nil
	}
	kept := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, ResourceVersion: node.ResourceVersion, Labels: node.Labels},
		Spec:       corev1.NodeSpec{Taints: node.Spec.Taints},
		Status:     corev1.NodeStatus{Addresses: node.Status.Addresses, Allocatable: allocatableOf(node)},
	}
	if deadline, ok := node.Annotations[batchmeta.InterruptionDeadline]; ok {
		kept.Annotations = map[string]string{batchmeta.InterruptionDeadline: deadline}
	}
	return kept, nil
}

func trimEvent(obj any) (any, error) {
	if event, ok := obj.(*corev1.Event); ok {
		event.ManagedFields = nil
	}
	return obj, nil
}

// Run keeps the caches until ctx ends and tells w what changes; ready is called once they are complete.
func (c *Cluster) Run(ctx context.Context, w *Watcher, ready func()) error {
	handlers := map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		c.pods:  onChange(w),
		c.nodes: c.onNodeChange(w),
		c.events: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(obj any) { w.ScaleUpFailed(ctx, obj.(*corev1.Event)) },
			UpdateFunc: func(_, obj any) { w.ScaleUpFailed(ctx, obj.(*corev1.Event)) },
		},
	}
	for informer, handler := range handlers {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	var running sync.WaitGroup
	start := func(informer cache.SharedIndexInformer) { running.Go(func() { informer.Run(ctx.Done()) }) }
	start(c.pods)
	start(c.nodes)
	// Events are of pods: one that came before its pod would mean nothing, and may not come again for long.
	if cache.WaitForCacheSync(ctx.Done(), c.pods.HasSynced, c.nodes.HasSynced) {
		start(c.events)
	}
	if cache.WaitForCacheSync(ctx.Done(), c.events.HasSynced) {
		ready()
	}
	<-ctx.Done()
	running.Wait()
	return nil
}

func onChange(w *Watcher) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { w.PodChanged(obj.(*corev1.Pod)) },
		UpdateFunc: func(_, obj any) { w.PodChanged(obj.(*corev1.Pod)) },
		DeleteFunc: func(obj any) {
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if pod, ok := obj.(*corev1.Pod); ok {
				w.PodDeleted(pod)
			}
		},
	}
}

// Get implements Pods.
func (c *Cluster) Get(namespace, name string) *corev1.Pod {
	obj, ok, err := c.pods.GetStore().GetByKey(namespace + "/" + name)
	if err != nil || !ok {
		return nil
	}
	return obj.(*corev1.Pod)
}

// OfJob implements Pods.
func (c *Cluster) OfJob(id string) []*corev1.Pod {
	objs, err := c.pods.GetIndexer().ByIndex(byJob, id)
	if err != nil {
		return nil
	}
	return asPods(objs)
}

// All implements Pods.
func (c *Cluster) All() []*corev1.Pod { return asPods(c.pods.GetStore().List()) }

func asPods(objs []any) []*corev1.Pod {
	out := make([]*corev1.Pod, 0, len(objs))
	for _, obj := range objs {
		out = append(out, obj.(*corev1.Pod))
	}
	return out
}

// Live implements Pods.
func (c *Cluster) Live(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	pod, err := c.client.Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return pod, err
}

// InstanceID implements Pods. Nodes that no fleet launched have no instance; their name stands for it.
func (c *Cluster) InstanceID(ctx context.Context, node string) string {
	if node == "" {
		return ""
	}
	if obj, ok, err := c.nodes.GetStore().GetByKey(node); err == nil && ok {
		if id := obj.(*corev1.Node).Labels[batchmeta.InstanceID]; id != "" {
			return id
		}
	}
	return node
}

// Announce implements Pods: it makes the ConfigMap that the other nodes' containers take the address from. It goes with the
// main node's pod.
func (c *Cluster) Announce(ctx context.Context, main *corev1.Pod) (bool, error) {
	address := c.addressOf(main)
	if address == "" {
		return false, nil
	}
	name := main.Labels[batchmeta.Gang]
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{batchmeta.JobID: main.Labels[batchmeta.JobID], batchmeta.Gang: name},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: main.Name, UID: main.UID}},
		},
		Immutable: new(true),
		Data:      map[string]string{podspec.MainAddressKey: address},
	}
	err := crashpoint.Around("configmaps/announce", func() error {
		_, err := c.client.ConfigMaps(main.Namespace).Create(ctx, cm, metav1.CreateOptions{})
		return err
	})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return false, fmt.Errorf("tell the main node's address: %w", err)
	}
	return true, nil
}

// addressOf is the pod's IPv4 address; empty while it is not known. A pod on its host's network has the host's, which is
// known as soon as it is bound.
func (c *Cluster) addressOf(pod *corev1.Pod) string {
	for _, ip := range pod.Status.PodIPs {
		if isIPv4(ip.IP) {
			return ip.IP
		}
	}
	if pod.Status.PodIP != "" || !pod.Spec.HostNetwork {
		return pod.Status.PodIP // in a cluster without IPv4
	}
	if obj, ok, err := c.nodes.GetStore().GetByKey(pod.Spec.NodeName); err == nil && ok {
		for _, a := range obj.(*corev1.Node).Status.Addresses {
			if a.Type == corev1.NodeInternalIP && isIPv4(a.Address) {
				return a.Address
			}
		}
	}
	return ""
}

func isIPv4(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is4()
}

// Stop implements Pods.
func (c *Cluster) Stop(ctx context.Context, pod *corev1.Pod) error {
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}}
	return ignoreGone(crashpoint.Around("pods/stop", func() error {
		return c.client.Pods(pod.Namespace).Delete(ctx, pod.Name, options)
	}))
}

// Nudge implements Pods: a kubelet that waits before it tries again looks at once at a pod that changed.
func (c *Cluster) Nudge(ctx context.Context, pod *corev1.Pod, now time.Time) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": pod.UID, "annotations": map[string]string{batchmeta.Nudged: now.UTC().Format(time.RFC3339Nano)},
	}})
	if err != nil {
		return fmt.Errorf("nudge pod: %w", err)
	}
	return ignoreGone(crashpoint.Around("pods/nudge", func() error {
		_, err := c.client.Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	}))
}

// Release implements Pods.
func (c *Cluster) Release(ctx context.Context, pod *corev1.Pod) error {
	if !slices.Contains(pod.Finalizers, batchmeta.Tracking) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":                                 pod.UID,
		"$deleteFromPrimitiveList/finalizers": []string{batchmeta.Tracking},
	}})
	if err != nil {
		return fmt.Errorf("release pod: %w", err)
	}
	return ignoreGone(crashpoint.Around("pods/release", func() error {
		_, err := c.client.Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		return err
	}))
}

// ignoreGone treats a pod that is gone, or whose name another has taken, as done with.
func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || isOfAnother(err) {
		return nil
	}
	return err
}

// isOfAnother reports whether a patch named another pod's uid: to the API server it is one that would change the uid.
func isOfAnother(err error) bool {
	refused, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || !apierrors.IsInvalid(err) || refused.ErrStatus.Details == nil {
		return false
	}
	return slices.ContainsFunc(refused.ErrStatus.Details.Causes, func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" })
}

// NamespaceExists tells whether there is such a namespace; it fails if it cannot tell.
func (c *Cluster) NamespaceExists(ctx context.Context, name string) (bool, error) {
	_, err := c.client.Namespaces().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// HasNodes tells whether the environment has nodes; it asks the API server.
func (c *Cluster) HasNodes(ctx context.Context, environmentUUID string) (bool, error) {
	nodes, err := c.client.Nodes().List(ctx, metav1.ListOptions{
		LabelSelector: batchmeta.ComputeEnvironmentUUID + "=" + environmentUUID, Limit: 1,
	})
	if err != nil {
		return false, fmt.Errorf("list nodes: %w", err)
	}
	return len(nodes.Items) > 0, nil
}

// HasOutdatedNodes tells whether the environment has nodes of a generation before this one; it asks the API server.
func (c *Cluster) HasOutdatedNodes(ctx context.Context, environmentUUID string, generation int) (bool, error) {
	nodes, err := c.client.Nodes().List(ctx, metav1.ListOptions{
		LabelSelector: batchmeta.ComputeEnvironmentUUID + "=" + environmentUUID + "," + batchmeta.Generation,
	})
	if err != nil {
		return false, fmt.Errorf("list nodes: %w", err)
	}
	return slices.ContainsFunc(nodes.Items, func(n corev1.Node) bool {
		return batchmeta.IsOutdated(n.Labels[batchmeta.Generation], generation)
	}), nil
}

// DeleteUnbound deletes the environment's pods that have no node yet. A pod that is bound meanwhile is kept: its
// resourceVersion has changed.
func (c *Cluster) DeleteUnbound(ctx context.Context, environmentUUID string) error {
	for _, pod := range c.All() {
		if pod.Labels[batchmeta.ComputeEnvironmentUUID] != environmentUUID || pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil {
			continue
		}
		options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID, ResourceVersion: &pod.ResourceVersion}}
		err := crashpoint.Around("pods/withdraw-unbound", func() error {
			return c.client.Pods(pod.Namespace).Delete(ctx, pod.Name, options)
		})
		if err := ignoreGone(err); err != nil {
			return fmt.Errorf("withdraw pod: %w", err)
		}
	}
	return nil
}
