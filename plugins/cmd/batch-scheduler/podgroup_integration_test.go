// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"
	podgroupclient "sigs.k8s.io/scheduler-plugins/pkg/generated/clientset/versioned/typed/scheduling/v1alpha1"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// TestPodGroups runs the program under its own role against a cluster that gets PodGroups only later.
func TestPodGroups(t *testing.T) {
	cluster := kubetest.Start(t)
	cluster.CreateNamespace("muster-system")
	cluster.Apply("../../../manifests/base/scheduler")
	scheduler := cluster.RunScheduler(build(t), "-v=2")
	c := &client{ControlPlane: cluster, t: t}
	c.awaitReady(scheduler)
	c.bootNode("node-1")
	c.bootNode("node-2")

	early := c.createGrouped("early", 2)
	single := plugintest.Pod("single", 1)
	c.binds([]string{single.Name}, func() { c.create(single) })
	if got := c.bound(early...); got > 0 {
		t.Errorf("%d pods are bound whose PodGroup does not exist", got)
	}
	c.Apply("testdata/podgroups")
	c.Await("there are PodGroups", func(ctx context.Context) bool { return c.createPodGroup(ctx, "early", nil) == nil })
	c.binds(early, func() {})

	c.binds([]string{"lossy-0", "lossy-1"}, func() {
		options := map[string]string{batchmeta.GangOnMemberLoss: batchmeta.MemberLossRestart}
		if err := c.createPodGroup(t.Context(), "lossy", options); err != nil {
			t.Fatal(err)
		}
		c.delete(single.Name)
		c.delete(early[0])
		c.createGrouped("lossy", 2)
	})
	c.delete("lossy-0")
	c.Await("the rest of the group is handed back", func(ctx context.Context) bool {
		pod := c.pod(ctx, "lossy-1")
		return pod.DeletionTimestamp != nil && slices.ContainsFunc(pod.Status.Conditions, func(cond corev1.PodCondition) bool {
			return cond.Type == corev1.DisruptionTarget && cond.Reason == batchmeta.ReasonMemberLost
		})
	})
	if log := scheduler.Log(); strings.Contains(log, "forbidden") {
		t.Errorf("something was forbidden:\n%s", log)
	}
}

// createGrouped makes n pods of a PodGroup and returns their names.
func (c *client) createGrouped(group string, n int) []string {
	c.t.Helper()
	pods := plugintest.Gang(group, n, 1)
	for _, pod := range pods {
		pod.Labels = map[string]string{batchmeta.PodGroup: group}
		pod.Annotations = nil
	}
	c.create(pods...)
	return plugintest.Names(pods)
}

// createPodGroup makes a PodGroup of two.
func (c *client) createPodGroup(ctx context.Context, name string, annotations map[string]string) error {
	cfg, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig(kubetest.AdminToken))
	if err != nil {
		return err
	}
	groups, err := podgroupclient.NewForConfig(cfg)
	if err != nil {
		return err
	}
	_, err = groups.PodGroups(plugintest.Namespace).Create(ctx, &v1alpha1.PodGroup{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations},
		Spec:       v1alpha1.PodGroupSpec{MinMember: 2},
	}, metav1.CreateOptions{})
	return err
}

func (c *client) bound(names ...string) int {
	n := 0
	for _, name := range names {
		if c.pod(c.t.Context(), name).Spec.NodeName != "" {
			n++
		}
	}
	return n
}
