// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/plugins/plugintest"
)

// TestAHungLeaderBindsNothing has the leader stand still until its Lease runs out, while a pod waits for the node that comes
// meanwhile: when the leader goes on it could bind the pod at once, and must not.
func TestAHungLeaderBindsNothing(t *testing.T) {
	cluster := kubetest.Start(t)
	cluster.CreateNamespace("muster-system")
	cluster.Apply("../../../manifests/base/scheduler")
	c := &client{ControlPlane: cluster, t: t}
	program := build(t)
	hung := cluster.RunScheduler(program)
	c.awaitReady(hung)
	c.create(plugintest.Pod("waiting", 2))
	c.awaitCondition("no nodes available", "waiting")

	hung.Pause()
	c.Await("the Lease ran out", func(ctx context.Context) bool {
		lease, err := c.Client.CoordinationV1().Leases("muster-system").Get(ctx, "batch-scheduler", metav1.GetOptions{})
		if err != nil || lease.Spec.RenewTime == nil {
			return false
		}
		lives := time.Duration(*lease.Spec.LeaseDurationSeconds) * time.Second
		return time.Since(lease.Spec.RenewTime.Time) > lives+time.Second // whatever was under way began earlier
	})
	c.bootNode("node-1")
	hung.Resume()
	c.Await("the scheduler that hung has ended", func(context.Context) bool { return hung.HasEnded() })
	if !strings.Contains(hung.Log(), errRanOut.Error()) {
		t.Error("it ended for another reason")
	}
	if node := c.pod(t.Context(), "waiting").Spec.NodeName; node != "" {
		t.Errorf("it bound the pod to %s", node)
	}

	c.RunScheduler(program, "--leader-elect=false")
	c.Await("its successor binds the pod", func(ctx context.Context) bool { return c.pod(ctx, "waiting").Spec.NodeName != "" })
}
