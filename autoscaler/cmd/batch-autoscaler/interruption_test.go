// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clienttesting "k8s.io/client-go/testing"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// newSpotRig is a rig over Spot instances of EC2 with the pod a on the node of the first, which reads what is told of them.
func newSpotRig(t *testing.T) (r *rig, cloud *ec2fake.Cloud, first ec2fake.Instance) {
	t.Helper()
	r, cloud = newEC2Rig(t, types.CRTypeSpot)
	r.pods("a")
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.provider.Wait() // until the launch is answered nobody knows whose instance it is
	r.bind("a")
	r.watch()
	return r, cloud, cloud.Instances()[0]
}

// watch reads what is told of instances until the test ends.
func (r *rig) watch() {
	r.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	done := make(chan error)
	go func() { done <- r.watcher.Run(ctx) }()
	r.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.Error(err)
		}
	})
}

// nodeOf is an instance's node; nil if it is gone.
func (r *rig) nodeOf(i *ec2fake.Instance) *corev1.Node {
	r.Helper()
	node, err := r.client.CoreV1().Nodes().Get(r.Context(), i.NodeName(), metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return node
}

func hasTaint(n *corev1.Node, want string) bool {
	return n != nil && slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.ToString() == want })
}

// evict does what Kubernetes does with the pod a on a tainted node, and queue-api when it is gone.
func (r *rig) evict(name string) {
	r.Helper()
	if err := r.client.CoreV1().Pods("jobs").Delete(r.Context(), name, metav1.DeleteOptions{}); err != nil {
		r.Fatal(err)
	}
	r.pods(name + "-again")
}

func TestASpotInstanceThatIsTakenBackIsReplacedInTime(t *testing.T) {
	t.Parallel()
	r, cloud, first := newSpotRig(t)
	r.pace = 20 * time.Millisecond // two minutes are thousands of loops
	cloud.Interrupt(first.ID)
	told := r.clock.Now()
	r.loops("the mark", func() bool { return hasTaint(r.nodeOf(&first), "muster.sh/interruption=spot:NoExecute") })
	deadline, err := time.Parse(time.RFC3339, r.nodeOf(&first).Annotations[batchmeta.InterruptionDeadline])
	if left := deadline.Sub(told); err != nil || left < 119*time.Second || left > 120*time.Second {
		t.Errorf("deadline in %v, %v; want two minutes", left, err)
	}
	r.evict("a")
	r.loops("a node elsewhere", func() bool { return len(cloud.Instances()) > 1 || cloud.Instances()[0].ID != first.ID })
	next := cloud.Instances()[len(cloud.Instances())-1]
	if next.Zone == first.Zone {
		t.Errorf("the next instance is in %s, from where EC2 takes them back", next.Zone)
	}
	r.loops("the node to go", func() bool { return r.nodeOf(&first) == nil })
	if took := r.clock.Since(told); took > 2*time.Minute {
		t.Errorf("the empty node went after %v", took)
	}
	r.loops("all messages to be done", func() bool { return cloud.Messages() == 0 })
	if got := len(cloud.Instances()); got != 1 {
		t.Errorf("%d instances, want one", got)
	}
}

func TestANodeThatEC2EndsIsOutOfServiceBeforeItIsDeleted(t *testing.T) {
	t.Parallel()
	r, cloud, first := newSpotRig(t)
	cloud.Reclaim(first.ID)
	r.loops("the mark", func() bool { return hasTaint(r.nodeOf(&first), "muster.sh/interruption=state-change:NoExecute") })
	r.reconcile(time.Second) // it ends meanwhile
	r.loops("the node to go", func() bool { return r.nodeOf(&first) == nil })
	var writes []string
	for _, a := range r.client.Actions() {
		switch a := a.(type) {
		case clienttesting.PatchAction:
			if a.GetResource().Resource == "nodes" && strings.Contains(string(a.GetPatch()), "out-of-service") {
				writes = append(writes, "out of service")
			}
		case clienttesting.DeleteAction:
			if a.GetResource().Resource == "nodes" {
				writes = append(writes, "deleted")
			}
		}
	}
	if !slices.Equal(slices.Compact(writes), []string{"out of service", "deleted"}) { // either may be repeated
		t.Errorf("the node was %v", writes)
	}
	r.evict("a")
	r.loops("another node", func() bool { return len(cloud.Instances()) == 1 && len(r.nodeNames()) == 1 })
}

func TestARebalanceRecommendationEndsNoJob(t *testing.T) {
	t.Parallel()
	r, cloud, first := newSpotRig(t)
	cloud.Recommend(first.ID)
	r.loops("the mark", func() bool { return hasTaint(r.nodeOf(&first), "muster.sh/interruption=rebalance:NoSchedule") })
	r.pods("b") // would fit beside a
	r.loops("another node", func() bool { return len(r.nodeNames()) == 2 })
	r.elapse(2 * r.options.ScaleDownDelay)
	if r.nodeOf(&first) == nil || len(cloud.Instances()) != 2 {
		t.Error("the node went under its job")
	}
	r.change("a", finish(corev1.PodSucceeded))
	r.loops("the node to go", func() bool { return r.nodeOf(&first) == nil })
}

func TestAMessageOutlivesItsReader(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeSpot)
	r.pods("a")
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.bind("a")
	first := cloud.Instances()[0]
	cloud.Interrupt(first.ID)
	if got, err := r.notices.Receive(t.Context()); err != nil || len(got) != 1 { // and then it crashed
		t.Fatalf("received %v, %v", got, err)
	}
	r.restart()
	r.watch()
	r.loops("the mark", func() bool { return hasTaint(r.nodeOf(&first), "muster.sh/interruption=spot:NoExecute") })
	r.loops("the message to be done", func() bool { return cloud.Messages() == 0 })
}
