// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Watcher keeps the reports of one cluster. It is safe for concurrent use.
type Watcher struct {
	informer cache.SharedIndexInformer
}

// byUUID is the index of reports by their environments' UUIDs.
const byUUID = "uuid"

// New makes a Watcher of the reports in a namespace; Run lets it read. client must reach an API server: the fake clientset
// has no REST client.
func New(client corev1client.CoreV1Interface, namespace string) (*Watcher, error) {
	source := cache.NewFilteredListWatchFromClient(client.RESTClient(), "configmaps", namespace, func(o *metav1.ListOptions) {
		o.LabelSelector = batchmeta.EnvironmentReport
	})
	return newWatcher(source)
}

func newWatcher(source cache.ListerWatcher) (*Watcher, error) {
	w := &Watcher{informer: cache.NewSharedIndexInformer(source, &corev1.ConfigMap{}, 0, cache.Indexers{byUUID: uuidOf})}
	if err := w.informer.SetTransform(trim); err != nil {
		return nil, fmt.Errorf("set up informer: %w", err)
	}
	return w, nil
}

func uuidOf(obj any) ([]string, error) {
	return []string{obj.(*corev1.ConfigMap).Labels[batchmeta.EnvironmentReport]}, nil
}

func trim(obj any) (any, error) {
	if cm, ok := obj.(*corev1.ConfigMap); ok {
		cm.ManagedFields = nil
	}
	return obj, nil
}

// Run reads until ctx ends. changed is called after each change; it must not block.
func (w *Watcher) Run(ctx context.Context, changed func()) error {
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
	}
	if _, err := w.informer.AddEventHandler(handler); err != nil {
		return fmt.Errorf("watch reports: %w", err)
	}
	w.informer.RunWithContext(ctx)
	return nil
}

// Report is what the autoscaler said last of an environment; nil if it said nothing, or nothing that can be read.
func (w *Watcher) Report(ctx context.Context, environmentUUID string) *batch.Report {
	found, err := w.informer.GetIndexer().ByIndex(byUUID, environmentUUID)
	if err != nil || len(found) == 0 || environmentUUID == "" {
		return nil
	}
	r, err := read(found[0].(*corev1.ConfigMap))
	if err != nil {
		klog.FromContext(ctx).V(2).Info("Ignoring what cannot be read", "err", err)
		return nil
	}
	return r
}
