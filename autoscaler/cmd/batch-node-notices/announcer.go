// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/interruption"
)

// source is what tells of the instance: an imds.Client.
type source interface {
	Notices(ctx context.Context) ([]interruption.Notice, error)
}

// announcer marks its node by what its instance is told.
type announcer struct {
	node     string
	interval time.Duration
	source   source
	marker   *interruption.Marker
	clock    clock.Clock

	// done are the kinds that are written: they need not be compared with the node each time.
	done map[interruption.Kind]bool
}

// Run looks at once and then each interval, until ctx ends.
func (a *announcer) Run(ctx context.Context) error {
	failing := false
	for {
		err := a.runOnce(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Cannot tell what is announced of this instance, trying on")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-a.clock.After(a.interval):
		}
	}
}

// runOnce marks the node for what is new. What can be read is acted on even if the rest cannot.
func (a *announcer) runOnce(ctx context.Context) error {
	notices, err := a.source.Notices(ctx)
	errs := []error{err}
	for i := range notices {
		n := &notices[i]
		if a.done[n.Kind] {
			continue
		}
		changed, err := a.marker.Mark(ctx, a.node, n)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if a.done == nil {
			a.done = map[interruption.Kind]bool{}
		}
		a.done[n.Kind] = true
		klog.FromContext(ctx).Info("Announced", "kind", n.Kind, "instance", n.InstanceID, "deadline", n.Deadline, "changed", changed)
	}
	return errors.Join(errs...)
}
