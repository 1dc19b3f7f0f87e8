// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/hack/sdktest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// newEC2Rig is a rig over EC2, as far as the SDK's client can tell.
func newEC2Rig(t *testing.T, kind types.CRType) (*rig, *ec2fake.Cloud) {
	t.Helper()
	r := newRigWithoutFleet(t)
	var cloud *ec2fake.Cloud
	cloud = ec2fake.New(ec2fake.Config{Queue: "notices", Clock: r.clock, Launched: func(i ec2fake.Instance) { r.boot(cloud, &i) }})
	env := environment(0, 64)
	env.ComputeResources.Type, env.ComputeResources.Subnets, env.ComputeResources.InstanceRole = kind, cloud.Subnets(), aws.String("node")
	r.api.environments = []types.ComputeEnvironmentDetail{env}
	srv := httptest.NewServer(cloud)
	t.Cleanup(srv.Close)
	client, err := ec2.NewClient(ec2.ClientConfig{
		Region: "us-east-1", Endpoint: srv.URL, Credentials: aws.CredentialsProviderFunc(anyone), Retryer: sdktest.Once(), HTTP: srv.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.machines, err = ec2.New(client, client, ec2.Config{Cluster: "muster", Clock: r.clock}); err != nil {
		t.Fatal(err)
	}
	r.notices = ec2.NewQueue(client, "notices")
	r.restart()
	return r, cloud
}

func anyone(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
}

// boot lets an instance become the node that its user data says.
func (r *rig) boot(cloud *ec2fake.Cloud, i *ec2fake.Instance) {
	if r.mute {
		return
	}
	node, err := cloud.NodeOf(i)
	if err != nil {
		r.Error(err)
		return
	}
	node.UID, node.CreationTimestamp = apitypes.UID(i.ID), metav1.NewTime(r.clock.Now())
	if _, err := r.client.CoreV1().Nodes().Create(r.Context(), node, metav1.CreateOptions{}); err != nil {
		r.Error(err)
	}
	r.awaitNode(node.Name)
}

// reconcile compares the books with EC2 after a while, in which what was launched is answered.
func (r *rig) reconcile(after time.Duration) {
	r.Helper()
	r.provider.Wait()
	r.clock.Step(after)
	if err := r.provider.Reconcile(r.Context()); err != nil {
		r.Fatal(err)
	}
}

func TestNodesOfEC2ComeAndGo(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeEc2)
	r.pods("a", "b", "c", "d", "e") // 3 fit on a node
	r.loops("two nodes", func() bool { return len(r.nodeNames()) == 2 })
	r.loop(3)
	if got := cloud.Calls("CreateFleet"); got != 1 || len(cloud.Instances()) != 2 {
		t.Errorf("%d calls of CreateFleet for %d instances, want 1 for 2", got, len(cloud.Instances()))
	}
	r.reconcile(time.Second)
	node, err := r.client.CoreV1().Nodes().Get(t.Context(), r.nodeNames()[0], metav1.GetOptions{})
	if err != nil || node.Labels[batchmeta.InstanceID] == "" {
		t.Errorf("labels of the node: %v, %v", node.Labels, err)
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if err := r.client.CoreV1().Pods("jobs").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	r.loops("no instance", func() bool {
		r.elapse(r.options.ScaleDownDelay)
		return len(cloud.Instances()) == 0
	})
	r.loops("no node", func() bool { return len(r.nodeNames()) == 0 })
}

func TestEC2sWordsReachThePod(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeEc2)
	cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 0)
	r.pods("a")
	r.expectEvent("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [c5.xlarge]: " +
		"InsufficientInstanceCapacity: We currently do not have sufficient c5.xlarge capacity")
}

func TestNoInstanceIsBoughtForAPartOfAGang(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeEc2)
	cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 2)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		r.create(pod(name, gang("g", 8))) // of three nodes
	}
	r.loops("a launch", func() bool { return cloud.Calls("CreateFleet") > 0 })
	r.loop(3)
	if got := len(cloud.Instances()); got != 0 {
		t.Errorf("%d instances, want none", got)
	}
	cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 3)
	r.elapse(r.options.InitialBackoff)
	r.loops("three nodes", func() bool { return len(r.nodeNames()) == 3 })
}

func TestReclaimedSpotInstanceIsForgotten(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeSpot)
	r.pods("a")
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.provider.Wait() // until the launch is in the books
	first := cloud.Instances()[0]
	if first.Capacity != "spot" {
		t.Errorf("capacity = %s", first.Capacity)
	}
	cloud.Reclaim(first.ID)
	r.reconcile(time.Second)
	r.reconcile(10 * time.Second)
	r.loops("another node", func() bool {
		names := r.nodeNames()
		return len(names) == 1 && len(cloud.Instances()) == 1 && cloud.Instances()[0].ID != first.ID
	})
}
