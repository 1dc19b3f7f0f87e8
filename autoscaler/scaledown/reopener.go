// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"
	"k8s.io/autoscaler/cluster-autoscaler/utils/taints"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// reopenInterval is the time between two looks for nodes whose end has failed.
const reopenInterval = 5 * time.Second

// Instances are what nodes run on: a provider.Provider.
type Instances interface {
	// Hold calls do unless the instance is being ended, and lets nobody end it meanwhile. It reports whether it did.
	Hold(providerID string, do func() error) (bool, error)
}

// Reopener opens nodes again that were closed to be ended and are not: the API server or the fleet failed, and so did the
// write that was to open them. cluster-autoscaler itself thinks for five minutes more that they are about to go, in which
// they take no pods and cost what the others do.
type Reopener struct {
	client    typedcorev1.NodeInterface
	nodes     kubeutil.NodeLister
	instances Instances
	after     time.Duration
	clock     clock.Clock
}

// NewReopener makes a Reopener of the nodes listed. After is how long a node is closed before its instance is ended at the
// latest, unless something fails.
func NewReopener(
	client typedcorev1.NodeInterface, nodes kubeutil.NodeLister, i Instances, after time.Duration, c clock.Clock,
) *Reopener {
	return &Reopener{client: client, nodes: nodes, instances: i, after: after, clock: c}
}

// Run opens nodes until ctx ends.
func (r *Reopener) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.clock.After(reopenInterval):
		}
		if err := r.Reopen(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Cannot open all nodes again whose end has failed, trying again")
		}
	}
}

// Reopen looks at all nodes once. Nodes that could not be opened are in the error; the next call tries them again.
func (r *Reopener) Reopen(ctx context.Context) error {
	nodes, err := r.nodes.List()
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	var errs []error
	for _, n := range nodes {
		closed, err := taints.GetToBeDeletedTime(n)
		if err != nil || closed == nil || r.clock.Since(*closed) < r.after {
			continue
		}
		_, err = r.instances.Hold(n.Spec.ProviderID, func() error { return r.open(ctx, n) })
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r *Reopener) open(ctx context.Context, n *corev1.Node) error {
	rest := slices.DeleteFunc(slices.Clone(n.Spec.Taints), func(t corev1.Taint) bool { return t.Key == taints.ToBeDeletedTaint })
	written, err := writeTaints(ctx, r.client, n, rest)
	if written {
		klog.FromContext(ctx).Info("Node is open again, as its end has failed", "node", klog.KObj(n))
	}
	return err
}
