// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/autoscaler/envhealth"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// What went wrong elsewhere, and must not here. Each test is named after the report.

// C1, karpenter#3138: the nodes of a gang were launched one by one, and three of four stood there and were paid for while
// the last pod was pending.
func TestC1NoPartOfAGangIsPaidFor(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeEc2)
	cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 3)
	for n := range 4 {
		r.create(pod(fmt.Sprint("g-", n), gang("g", 4), cpus(3)))
	}
	for range 5 {
		r.elapse(time.Minute)
		if got := len(cloud.Instances()); got != 0 {
			t.Fatalf("%d instances of a gang of 4 are paid for", got)
		}
	}
	cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 4)
	r.loops("four nodes", func() bool { r.elapse(time.Minute); return len(r.nodeNames()) == 4 })
}

// C2, karpenter#742, volcano#4030: no nodes came for the pods of a gang scheduler. Here any pod that asks for an environment
// gets its node, whoever made it and its gang.
func TestC2AGangThatNoQueueMadeGetsNodes(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	for n := range 3 {
		r.create(pod(fmt.Sprint("g-", n), cpus(3), func(p *corev1.Pod) {
			p.Labels = map[string]string{batchmeta.Gang: "own"}
			p.Annotations = map[string]string{batchmeta.GangSize: "3"}
		}))
	}
	r.loops("three nodes", func() bool { return len(r.nodeNames()) == 3 })
}

// C3, volcano#2558: a gang whose pods are made late got no nodes, or got them one by one.
func TestC3AGangIsBoughtForOnceAllOfItExists(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	for n := range 3 {
		r.create(pod(fmt.Sprint("g-", n), gang("g", 4), cpus(3)))
		r.loop(3)
	}
	if got := r.launched(); got != 0 {
		t.Errorf("%d instances launched for three of four", got)
	}
	r.create(pod("g-3", gang("g", 4), cpus(3)))
	r.loops("four nodes", func() bool { return len(r.nodeNames()) == 4 })
	if got := r.fleet.Launches(); len(got) != 1 {
		t.Errorf("%d launches, want one", len(got))
	}
}

// C4, autoscaler#8783: nodes were bought for a gang that could not be completed.
func TestC4NothingIsBoughtForAGangBeyondMaxvCpus(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 12))
	for n := range 4 {
		r.create(pod(fmt.Sprint("g-", n), gang("g", 4), cpus(3)))
	}
	r.loop(10)
	if got := r.launched(); got != 0 {
		t.Errorf("%d instances launched", got)
	}
}

// C4, autoscaler#9360, #5903, #9043, escalator#294: nodes that were on their way and never came made pods look as good as
// placed, for ever.
func TestC4GhostsAreReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.mute = true
	for n := range 2 {
		r.create(pod(fmt.Sprint("g-", n), gang("g", 2), cpus(3)))
	}
	r.loops("two instances", func() bool { return r.instances() == 2 })
	r.mute = false
	r.elapse(r.options.MaxNodeProvisionTime)
	r.forgive()
	r.loops("two nodes", func() bool { return len(r.nodeNames()) == 2 && r.instances() == 2 })
	if got := r.launched(); got != 4 {
		t.Errorf("%d instances launched, want 2 in place of 2", got)
	}
}

// C23, hyp3#1676, nextflow#709: throttling by the cloud stopped everything. It passes, and is no fault of the environment.
func TestC23ThrottlingPasses(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeEc2)
	for _, action := range []string{"CreateFleet", "DescribeSubnets", "CreateLaunchTemplate"} {
		cloud.Break(ec2fake.Fault{Action: action, Code: "RequestLimitExceeded", Message: "Request limit exceeded.", Times: 2})
	}
	r.pods("a")
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 }) // in its own time: a call that is repeated waits on the clock
	r.wantReport("VALID", envhealth.ReasonHealthy)
	if got := len(cloud.Instances()); got != 1 {
		t.Errorf("%d instances, want one", got)
	}
}

// C23, hyp3#2965: an instance too many was launched beyond maxvCpus.
func TestC23MaxvCpusHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 10)) // two of 4 vCPUs, and not three
	for n := range 12 {
		r.create(pod(fmt.Sprint("p-", n), cpus(1)))
	}
	r.loops("two nodes", func() bool { return len(r.nodeNames()) == 2 })
	r.loop(10)
	if got := r.launched(); got != 2 {
		t.Errorf("%d instances launched, want 2", got)
	}
}

// stray launches an instance that no ledger and no memory knows of.
func (r *rig) stray() {
	r.Helper()
	group := r.provider.Markets()[0].Offers[0].Group
	_, err := r.machines.Launch(r.Context(), fleet.LaunchRequest{
		Token: "stray", Count: 1, NodeGroup: group.Id(), Type: r.reader.Snapshot().Environment(envUUID).Types[0],
		Environment: fleet.Environment{Name: "env", UUID: envUUID}, CapacityType: batchmeta.CapacityOnDemand,
	})
	if err != nil {
		r.Fatal(err)
	}
}

// Karpenter #549, #1135, #5706: instances without a record were never ended. Here what is tagged as ours and not needed is,
// whether it becomes a node or not.
func TestKarpenter549InstancesWithoutARecordAreEnded(t *testing.T) {
	t.Parallel()
	for name, mute := range map[string]bool{"it becomes a node": false, "it never does": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, environment(0, 64))
			r.loop(1)
			r.mute = mute
			r.stray()
			r.reconcile(time.Second)
			if got := r.instances(); got != 1 {
				t.Fatalf("%d instances", got)
			}
			r.loops("no instance", func() bool {
				r.elapse(r.options.MaxNodeProvisionTime)
				return r.instances() == 0
			})
		})
	}
}

// Karpenter #1448: after a crash between launch and record there were two instances.
func TestKarpenter1448ACrashAfterTheLaunchBuysNothingTwice(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeEc2)
	cloud.Break(ec2fake.Fault{Action: "CreateFleet", Lost: true}) // the reply never comes: the process dies before it
	r.pods("a")
	r.loops("an instance that nobody was told of", func() bool { return len(cloud.Instances()) == 1 })
	r.restart()
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.loop(5)
	if got := len(cloud.Instances()); got != 1 {
		t.Errorf("%d instances, want one", got)
	}
}

// Karpenter #2734: the name of a node was used again, and hid that its instance was left. Instances are known by their ids.
func TestKarpenter2734ANodesNameHidesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.pods("a")
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	old, err := r.client.CoreV1().Nodes().Get(t.Context(), r.nodeNames()[0], metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// Another machine takes the name, and with it the pod's place.
	if err := r.client.CoreV1().Nodes().Delete(t.Context(), old.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	old.UID, old.ResourceVersion, old.Spec.ProviderID = "another", "", "elsewhere:///other"
	old.Labels = map[string]string{corev1.LabelHostname: old.Name}
	if _, err := r.client.CoreV1().Nodes().Create(t.Context(), old, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.client.CoreV1().Pods("jobs").Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.loops("no instance", func() bool {
		r.elapse(r.options.MaxNodeProvisionTime)
		return r.instances() == 0
	})
	if got := r.nodeNames(); len(got) != 1 {
		t.Errorf("nodes %v: the other machine's is none of ours", got)
	}
}
