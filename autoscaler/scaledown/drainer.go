// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

const (
	// drainInterval is the time between two looks for nodes that are to be replaced.
	drainInterval = time.Second
	// drainParallel is how many nodes are tainted at once.
	drainParallel = 16
)

// Environments is where the compute environments come from: a computeenv.Reader.
type Environments interface {
	// Snapshot is nil until the environments are known.
	Snapshot() *computeenv.Snapshot
	// ReadAt is when the snapshot was last confirmed.
	ReadAt() time.Time
}

// Drainer empties the nodes that an infrastructure update replaces: they take no new pods at once, and the pods that they
// have are ended when the environment's updatePolicy says. It ends no node: that is scale-down's, as soon as one is empty.
//
// All that it remembers is on the nodes, so that a restart changes nothing: since when a node is to be replaced is when its
// taint was added.
type Drainer struct {
	client       typedcorev1.NodeInterface
	nodes        kubeutil.NodeLister
	environments Environments
	within       time.Duration
	clock        clock.Clock
}

// NewDrainer makes a Drainer of the nodes listed. No job is ended by what the environments said longer ago than within.
func NewDrainer(
	client typedcorev1.NodeInterface, nodes kubeutil.NodeLister, e Environments, within time.Duration, c clock.Clock,
) *Drainer {
	return &Drainer{client: client, nodes: nodes, environments: e, within: within, clock: c}
}

// Run drains until ctx ends.
func (d *Drainer) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.clock.After(drainInterval):
		}
		err := d.Drain(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Cannot taint all nodes that are to be replaced, trying again")
		}
		failing = err != nil
	}
}

// Drain looks at all nodes once. Nodes that could not be tainted are in the error; the next call tries them again.
func (d *Drainer) Drain(ctx context.Context) error {
	snapshot := d.environments.Snapshot()
	if snapshot == nil {
		return nil
	}
	nodes, err := d.nodes.List()
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	var group errgroup.Group
	group.SetLimit(drainParallel)
	errs := make([]error, len(nodes))
	for i, n := range nodes {
		taints := d.taints(n, snapshot.Environment(n.Labels[batchmeta.ComputeEnvironmentUUID]))
		if slices.Equal(taints, n.Spec.Taints) {
			continue
		}
		group.Go(func() error {
			errs[i] = d.taint(ctx, n, taints)
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(errs...)
}

// taints are those that the node should have: its own and, if it is to be replaced, ours.
func (d *Drainer) taints(n *corev1.Node, e *computeenv.Environment) []corev1.Taint {
	if e == nil || !batchmeta.IsOutdated(n.Labels[batchmeta.Generation], e.Generation) {
		return n.Spec.Taints
	}
	out := slices.Clone(n.Spec.Taints)
	closed := find(out, corev1.TaintEffectNoSchedule)
	if closed == nil {
		out = append(out, outdated(corev1.TaintEffectNoSchedule, d.clock.Now()))
		closed = &out[len(out)-1]
	}
	if closed.TimeAdded == nil { // somebody else's hand
		closed.TimeAdded = new(metav1.NewTime(d.clock.Now()))
	}
	isDue := d.clock.Since(closed.TimeAdded.Time) >= e.UpdateGrace && d.clock.Since(d.environments.ReadAt()) <= d.within
	if isDue && find(out, corev1.TaintEffectNoExecute) == nil {
		out = append(out, outdated(corev1.TaintEffectNoExecute, d.clock.Now()))
	}
	return out
}

func outdated(effect corev1.TaintEffect, at time.Time) corev1.Taint {
	return corev1.Taint{Key: batchmeta.Outdated, Effect: effect, TimeAdded: new(metav1.NewTime(at))}
}

// find is the taint of ours with the effect; nil if there is none.
func find(taints []corev1.Taint, effect corev1.TaintEffect) *corev1.Taint {
	i := slices.IndexFunc(taints, func(t corev1.Taint) bool { return t.Key == batchmeta.Outdated && t.Effect == effect })
	if i < 0 {
		return nil
	}
	return &taints[i]
}

// taint writes a node's taints.
func (d *Drainer) taint(ctx context.Context, n *corev1.Node, taints []corev1.Taint) error {
	written, err := writeTaints(ctx, d.client, n, taints)
	if written {
		klog.FromContext(ctx).Info("Node is to be replaced", "node", klog.KObj(n),
			"generation", n.Labels[batchmeta.Generation], "endsJobs", find(taints, corev1.TaintEffectNoExecute) != nil)
	}
	return err
}

// writeTaints writes a node's taints and reports whether it did: not if the node has changed meanwhile or is gone. The next
// look finds out what it needs.
func writeTaints(ctx context.Context, client typedcorev1.NodeInterface, n *corev1.Node, taints []corev1.Taint) (bool, error) {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": n.UID, "resourceVersion": n.ResourceVersion},
		"spec":     map[string]any{"taints": taints},
	})
	if err != nil {
		return false, fmt.Errorf("encode taints of node %s: %w", n.Name, err)
	}
	err = crashpoint.Around("nodes/taint", func() error {
		_, err := client.Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("taint node %s: %w", n.Name, err)
	}
	return true, nil
}
