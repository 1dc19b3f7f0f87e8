// SPDX-License-Identifier: Apache-2.0

package demand

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/processors/pods"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// Source gives cluster-autoscaler its demand: one exemplar for each part instead of the pods themselves. The counts are
// kept beside it, for our orchestrator.
type Source struct {
	index   *Index
	current []Demand
}

var _ pods.PodListProcessor = (*Source)(nil)

// NewSource makes a source of the index's counts.
func NewSource(index *Index) *Source { return &Source{index: index} }

// Process implements pods.PodListProcessor, at the start of each loop's scale-up.
func (s *Source) Process(ctx *context.AutoscalingContext, _ []*corev1.Pod) ([]*corev1.Pod, error) {
	nodes, err := ctx.ClusterSnapshot.ListNodeInfos()
	if err != nil {
		return nil, fmt.Errorf("list nodes of the snapshot: %w", err)
	}
	for _, n := range nodes {
		s.index.catchUp(n.Pods())
	}
	s.current = s.index.Demands()
	var exemplars []*corev1.Pod
	for _, d := range s.current {
		for _, p := range d.Parts {
			exemplar := *p.Exemplar
			exemplar.CreationTimestamp = metav1.NewTime(time.Unix(0, 0)) // core drops pods younger than its clock
			exemplars = append(exemplars, &exemplar)
		}
	}
	return exemplars, nil
}

// CleanUp implements pods.PodListProcessor.
func (*Source) CleanUp() {}

// Current are the demands of this loop. Only the loop may call it.
func (s *Source) Current() []Demand { return s.current }

// IsPending reports whether the pod is counted by Current, or has come since.
func (s *Source) IsPending(pod types.UID) bool { return s.index.isPending(pod) }

// BoundPods lists the unfinished pods on the autoscaler's own nodes: all that cluster-autoscaler needs to see of a
// cluster's pods, as pending ones reach it through Source.
type BoundPods struct {
	Pods corelisters.PodLister
	// Nodes lists the nodes that count.
	Nodes kubeutil.NodeLister
}

var _ kubeutil.PodLister = (*BoundPods)(nil)

// List implements kubernetes.PodLister.
func (b *BoundPods) List() ([]*corev1.Pod, error) {
	nodes, err := b.Nodes.List()
	if err != nil {
		return nil, err
	}
	ours := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		ours[n.Name] = true
	}
	all, err := b.Pods.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for _, p := range all {
		if p.Spec.NodeName != "" && ours[p.Spec.NodeName] && !IsFinished(p) {
			out = append(out, p)
		}
	}
	return out, nil
}
