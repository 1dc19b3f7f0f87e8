// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	cacontext "k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/processors/nodes"
	caerrors "k8s.io/autoscaler/cluster-autoscaler/utils/errors"
	"k8s.io/utils/clock"
)

// Candidates offers no node for removal while the environments are known only from old: a ScaleDownNodeProcessor. What
// cannot be asked may have changed, and a node that is kept too long costs less than one that is ended wrongly.
type Candidates struct {
	nodes.ScaleDownNodeProcessor
	readAt func() time.Time
	within time.Duration
	clock  clock.PassiveClock
}

// NewCandidates makes a processor that asks next, unless what readAt tells is longer ago than within.
func NewCandidates(next nodes.ScaleDownNodeProcessor, readAt func() time.Time, within time.Duration, c clock.PassiveClock) *Candidates {
	return &Candidates{ScaleDownNodeProcessor: next, readAt: readAt, within: within, clock: c}
}

// GetScaleDownCandidates implements nodes.ScaleDownNodeProcessor.
func (c *Candidates) GetScaleDownCandidates(
	ctx *cacontext.AutoscalingContext, all []*corev1.Node,
) ([]*corev1.Node, caerrors.AutoscalerError) {
	if c.clock.Since(c.readAt()) > c.within {
		return nil, nil
	}
	return c.ScaleDownNodeProcessor.GetScaleDownCandidates(ctx, all)
}
