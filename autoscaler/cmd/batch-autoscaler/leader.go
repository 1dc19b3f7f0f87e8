// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/autoscaler/provider"
)

// leaseName is the Lease of the one leader.
const leaseName = "batch-autoscaler"

// elect calls lead whenever this process leads, until ctx ends. Who loses the lease, as in an outage of the API server, ends
// its lead and stands again; so does who was deposed without being told. The process goes on. Any other error of lead ends it all.
func elect(ctx context.Context, client kubernetes.Interface, recorder record.EventRecorder, o *options, lead func(context.Context) error) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name this candidate: %w", err)
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, o.Namespace, leaseName, client.CoreV1(), client.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID()), EventRecorder: recorder})
	if err != nil {
		return fmt.Errorf("make leader lock: %w", err)
	}
	for ctx.Err() == nil {
		if err := stand(ctx, lock, o, lead); err != nil && !errors.Is(err, provider.ErrDeposed) {
			return err
		}
	}
	return nil
}

// stand takes part in one election and leads for as long as the lease is held. It returns when lead has.
func stand(ctx context.Context, lock resourcelock.Interface, o *options, lead func(context.Context) error) error {
	// The lease is given back after lead has returned, not when ctx ends: the next leader must find this one gone.
	election, finish := context.WithCancel(context.WithoutCancel(ctx))
	defer finish()
	var leading atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		if !leading.Load() {
			finish()
		}
	})
	defer stop()
	result := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: leaseName, ReleaseOnCancel: true,
		LeaseDuration: o.LeaseDuration, RenewDeadline: o.LeaseDuration * 2 / 3, RetryPeriod: o.LeaseDuration * 2 / 15,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				leading.Store(true)
				term, end := context.WithCancel(held)
				defer end()
				defer context.AfterFunc(ctx, end)()
				result <- lead(term)
				finish()
			},
			OnStoppedLeading: func() { klog.FromContext(ctx).V(2).Info("Election ended", "led", leading.Load()) },
		},
	})
	if err != nil {
		return fmt.Errorf("make leader elector: %w", err)
	}
	elector.Run(election)
	if !leading.Load() {
		return nil
	}
	return <-result
}
