// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/plugins/plugintest"
)

// TestGangsThatCannotFitHoldUpNobody has a thousand gangs of two wait where there is room for one member, in front of gangs
// that fit: at once, and after an event that might have helped all of them.
func TestGangsThatCannotFitHoldUpNobody(t *testing.T) {
	const gangs = 1000
	cluster := kubetest.Start(t)
	cluster.CreateNamespace("muster-system")
	cluster.Apply("../../../manifests/base/scheduler")
	c := &client{ControlPlane: cluster, t: t}
	c.bootNode("node-1")
	scheduler := cluster.RunScheduler(build(t), "-v=2")
	c.awaitReady(scheduler)
	c.binds([]string{"tenant"}, func() { c.create(plugintest.Pod("tenant", 1)) })
	c.bootNode("node-2")
	var creating sync.WaitGroup
	for worker := range 8 {
		creating.Go(func() {
			for i := worker; i < gangs; i += 8 {
				c.create(plugintest.Gang(fmt.Sprintf("hopeless-%04d", i), 2, 2)...)
			}
		})
	}
	creating.Wait()
	c.binds([]string{"small-0", "small-1"}, func() { c.create(plugintest.Gang("small", 2, 1)...) })

	c.create(plugintest.Gang("next", 2, 1)...)
	c.awaitCondition("gang next: 1 of 2 members fit", "next-0", "next-1")
	c.binds([]string{"next-0", "next-1"}, func() { c.delete("tenant") })

	c.Await("every member knows why it waits", func(ctx context.Context) bool {
		pods, err := c.Client.CoreV1().Pods(plugintest.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			cond := plugintest.Condition(pod)
			if pod.Spec.NodeName == "" && (cond == nil || cond.Reason != corev1.PodReasonUnschedulable || !strings.Contains(cond.Message, "short of")) {
				return false
			}
		}
		return true
	})
	if log := scheduler.Log(); strings.Contains(log, "forbidden") {
		t.Errorf("something was forbidden:\n%s", log)
	}
}
