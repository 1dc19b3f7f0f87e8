// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/buildinfo"
	"github.com/muster-batch/muster/queue-api/jobtrace"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/tracing"
)

// flushTimeout bounds how long the program's end waits for the last spans to be sent.
const flushTimeout = 5 * time.Second

// newTraces sends traces where the environment says; nil, and nothing to flush, if it does not.
func newTraces(ctx context.Context) (traces *tracing.Jobs, flush func(), err error) {
	tracer, err := jobtrace.Start(ctx, "queue-api", buildinfo.Get().Version)
	if err != nil {
		return nil, nil, err
	}
	return tracing.New(tracer, clock.RealClock{}), func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := tracer.Shutdown(ctx); err != nil {
			klog.FromContext(ctx).Error(err, "The last spans are lost")
		}
	}, nil
}

// observers are all who are told of changes of jobs.
type observers []redisstore.Observer

// Changed implements redisstore.Observer.
func (o observers) Changed(old, next *batch.Job) {
	for _, each := range o {
		each.Changed(old, next)
	}
}

// observed has the traces told as well, if there are any.
func observed(first redisstore.Observer, traces *tracing.Jobs) redisstore.Observer {
	if traces == nil {
		return first
	}
	return observers{first, traces}
}
