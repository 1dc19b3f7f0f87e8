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

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func (r *rig) delete(names ...string) {
	r.Helper()
	for _, name := range names {
		if err := r.client.CoreV1().Pods("jobs").Delete(r.Context(), name, metav1.DeleteOptions{}); err != nil {
			r.Fatal(err)
		}
	}
}

func TestNodesOnTheirWayForNobodyAreGivenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.mute = true
	r.create(pod("a", cpus(3)))
	r.create(pod("b", cpus(3)))
	r.loops("two instances", func() bool { return r.instances() == 2 })
	r.delete("a")
	r.loops("one instance", func() bool { return r.instances() == 1 })
	for range 5 {
		r.elapse(10 * time.Second)
	}
	if got := r.instances(); got != 1 || r.launched() != 2 {
		t.Errorf("%d instances of %d launched, want 1 for the pod that waits", got, r.launched())
	}
}

// twoTypes is an environment of nodes of 4 and of 8 vCPUs.
func twoTypes() types.ComputeEnvironmentDetail {
	env := environment(0, 256)
	env.ComputeResources.InstanceTypes = []string{"c5.xlarge", "m5.2xlarge"}
	return env
}

// ofType lets a pod run on nodes of one type alone.
func ofType(name string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.NodeSelector[corev1.LabelInstanceTypeStable] = name
		p.Labels[batchmeta.Shape] = name
	}
}

// createMixed makes a gang of 2 members on nodes of one type and 3 on those of another.
func (r *rig) createMixed(name string) {
	r.Helper()
	for i := range 2 {
		r.create(pod(fmt.Sprint(name, "-a", i), gang(name, 5), cpus(3), ofType("c5.xlarge")))
	}
	for i := range 3 {
		r.create(pod(fmt.Sprint(name, "-b", i), gang(name, 5), cpus(5), ofType("m5.2xlarge")))
	}
}

func TestAGangOfTwoTypesThatFallsShortCostsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, twoTypes())
	r.mute = true
	r.fleet.SetStock("m5.2xlarge", 2)
	r.createMixed("g")
	r.loops("both launches", func() bool { return len(r.fleet.Launches()) > 1 })
	r.provider.Wait()
	short := r.clock.Now()
	r.pace = time.Millisecond
	r.loops("no instance", func() bool { return r.instances() == 0 })
	if took := r.clock.Since(short); took > unwantedForLong {
		t.Errorf("instances were kept for %v", took)
	}
	r.pace = time.Second
	r.fleet.SetStock("m5.2xlarge", 3)
	r.elapse(r.options.InitialBackoff)
	r.loops("all nodes", func() bool { return r.instances() == 5 })
	for _, l := range r.fleet.Launches() {
		if !l.Whole || l.Count != map[string]int{"c5.xlarge": 2, "m5.2xlarge": 3}[l.Type.Name] {
			t.Errorf("launch %+v", l)
		}
	}
}

func TestTheNextGangGetsTheNodesOfOneThatFellShort(t *testing.T) {
	t.Parallel()
	r := newRig(t, twoTypes())
	r.mute = true
	r.createMixed("first")
	r.fleet.SetStock("c5.xlarge", 0)
	r.loops("the nodes that there are", func() bool { return r.instances() == 3 })
	r.provider.Wait() // they are the first's until it is known that there are no others
	r.loop(2)
	var second []*corev1.Pod
	for i := range 3 {
		second = append(second, pod(fmt.Sprint("second-", i), gang("second", 3), cpus(5), ofType("m5.2xlarge")))
	}
	r.gang(second...) // before the nodes are given back
	r.loop(5)
	launches := len(r.fleet.Launches())
	for range 3 {
		r.elapse(unwantedForLong)
	}
	if got := r.instances(); got != 3 {
		t.Errorf("%d instances, want the 3 of the gang that can start", got)
	}
	for _, l := range r.fleet.Launches()[launches:] {
		if l.Type.Name == "m5.2xlarge" {
			t.Errorf("bought %d more for a gang that cannot start", l.Count)
		}
	}
}

func TestAGangOfOneZoneIsBoughtInOneZone(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeEc2)
	for _, zone := range []string{"us-east-1a", "us-east-1b"} {
		cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge", Zone: zone}, 2)
	}
	for i := range 3 {
		r.create(pod(fmt.Sprint("p-", i), gang("g", 3), cpus(3), func(p *corev1.Pod) {
			p.Annotations[batchmeta.GangTopologyRequired] = corev1.LabelTopologyZone
		}))
	}
	r.loops("three nodes", func() bool { return len(r.nodeNames()) == 3 })
	for _, i := range cloud.Instances() {
		if i.Zone != "us-east-1c" {
			t.Errorf("an instance in %s, want all in the zone that has three", i.Zone)
		}
	}
	for i := range 2 {
		r.create(pod(fmt.Sprint("q-", i), gang("h", 2), cpus(3), func(p *corev1.Pod) {
			p.Annotations[batchmeta.GangTopologyRequired] = "topology.k8s.aws/network-node-layer-1"
		}))
	}
	r.loop(5)
	if got := len(cloud.Instances()); got != 3 {
		t.Errorf("%d instances: some were bought for a gang that they cannot hold", got)
	}
}

// unwantedForLong is longer than nodes on their way are kept for nobody.
const unwantedForLong = 11 * time.Second
