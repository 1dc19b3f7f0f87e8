// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// zone is the one zone whose subnet most tests name: there a pool is a type's.
const zone = "us-east-1a"

// newCloudSite makes an environment of instances of the fake EC2, and a queue. Each type that a test names is its own, so
// that no other test empties its pool.
func newCloudSite(t *testing.T, name string, resources types.ComputeResource) *site {
	t.Helper()
	cloud.need(t)
	s := &site{api: newAPIOf(cloud.cluster), name: name}
	resources.MinvCpus = aws.Int32(0)
	if resources.MaxvCpus == nil {
		resources.MaxvCpus = aws.Int32(8)
	}
	resources.Subnets, resources.SecurityGroupIds = []string{"subnet-" + zone}, []string{"sg-0123456789abcdef0"}
	resources.InstanceRole = aws.String("node")
	_, err := s.api.CreateComputeEnvironment(t.Context(), &sdk.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: &s.name, Type: types.CETypeManaged, ComputeResources: &resources,
		EksConfiguration: &types.EksConfiguration{
			EksClusterArn:       aws.String("arn:aws:eks:us-east-1:123456789012:cluster/local"),
			KubernetesNamespace: aws.String(cloud.env["MUSTER_NAMESPACE"]),
		},
	})
	if err != nil {
		t.Fatalf("create compute environment: %v", err)
	}
	t.Cleanup(func() { deleteSite(t, s.api, name) })
	s.uuid = awaitValid(t, s.api, name)
	createQueue(t, s.api, name, name)
	return s
}

// onDemand and spot are what most environments say.
func onDemand(instanceTypes ...string) types.ComputeResource {
	return types.ComputeResource{
		Type: types.CRTypeEc2, AllocationStrategy: types.CRAllocationStrategyBestFitProgressive, InstanceTypes: instanceTypes,
	}
}

func spot(instanceTypes ...string) types.ComputeResource {
	return types.ComputeResource{
		Type: types.CRTypeSpot, AllocationStrategy: types.CRAllocationStrategySpotPriceCapacityOptimized, InstanceTypes: instanceTypes,
	}
}

// wantInstances checks what was ever launched for the site: a line each, oldest first.
func (s *site) wantInstances(t *testing.T, want ...string) []ec2fake.Instance {
	t.Helper()
	instances := cloud.ofEnvironment(t, s.uuid)
	var got []string
	for _, i := range instances {
		got = append(got, i.Type+" "+i.Capacity+" in "+i.Zone)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
	return instances
}

// The autoscaler dies when EC2 has launched the instance and has not said so yet.
func TestEC2CrashInTheMiddleOfALaunch(t *testing.T) {
	s, w := newCloudSite(t, "ec2-crash", onDemand("c5.large")), newWitness(t)
	w.release(t)
	kill := cloud.aim(t, "batch-autoscaler")
	cloud.tell(t, "fault", ec2fake.Fault{Action: "CreateFleet", Hung: true})
	id := s.submit(t, shell{script: witnessed, folder: w.folder})
	await(t, soon, "EC2 has launched an instance", func(context.Context) error {
		return atLeast(1, len(cloud.ofEnvironment(t, s.uuid)))
	})
	kill()
	cloud.start(t, "batch-autoscaler")
	wantEnd(t, s.awaitStatus(t, id, long, types.JobStatusSucceeded), "Essential container in task exited", 0)
	w.wantOnce(t)
	s.wantInstances(t, "c5.large on-demand in "+zone)
}

// An instance knows nothing but its user data, which is of another kind for each kind of images.
func TestEC2InstanceJoinsByItsUserData(t *testing.T) {
	t.Parallel()
	for name, imageType := range map[string]string{
		"ec2-al2023": "EKS_AL2023", "ec2-al2": "EKS_AL2", "ec2-bottlerocket": "EKS_BOTTLEROCKET",
	} {
		t.Run(imageType, func(t *testing.T) {
			t.Parallel()
			resources := onDemand("c6i.large")
			resources.Ec2Configuration = []types.Ec2Configuration{{ImageType: &imageType}}
			s := newCloudSite(t, name, resources)
			submitted := time.Now()
			id := s.submit(t, shell{script: "sleep 1"})
			job := s.awaitStatus(t, id, long, types.JobStatusSucceeded)
			t.Logf("submit to SUCCEEDED from no nodes %v", time.Since(submitted).Round(time.Millisecond))
			instance := s.wantInstances(t, "c6i.large on-demand in "+zone)[0]
			node := job.EksAttempts[0].NodeName
			s.wantNode(t, aws.ToString(node), &instance)
		})
	}
}

// wantNode checks that a node is the instance: by its provider id, its labels and what it offers.
func (s *site) wantNode(t *testing.T, name string, i *ec2fake.Instance) {
	t.Helper()
	node, err := cloud.kube.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, "providerID", node.Spec.ProviderID, "aws:///"+i.Zone+"/"+i.ID)
	for label, want := range map[string]string{
		batchmeta.ComputeEnvironmentUUID: s.uuid, batchmeta.CapacityType: i.Capacity, // its id the autoscaler writes there later
		"node.kubernetes.io/instance-type": i.Type, "topology.kubernetes.io/zone": i.Zone,
	} {
		wantText(t, "label "+label, node.Labels[label], want)
	}
	if got := node.Status.Allocatable.Cpu().MilliValue(); got != 1930 { // of 2 vCPUs, by EKS's formula
		t.Errorf("allocatable CPU = %dm, want 1930m", got)
	}
}

// What is left alone after a stock-out is so for longer than this test lasts: it is not waited for. Spot pools are asked
// for together, and EC2 chooses; On-Demand ones one after the other.
func TestEC2StockOutTakesTheNextType(t *testing.T) {
	t.Parallel()
	for capacity, resources := range map[string]types.ComputeResource{
		"spot": spot("c7i.large", "m6i.large"), "on-demand": onDemand("c7i.large", "m6i.large"),
	} {
		t.Run(capacity, func(t *testing.T) {
			t.Parallel()
			s := newCloudSite(t, "ec2-stock-out-"+capacity, resources)
			cloud.tell(t, "stock", ec2fake.Stock{Pool: ec2fake.Pool{Type: "c7i.large", Capacity: capacity}})
			id := s.submit(t, shell{script: "true"})
			s.awaitStatus(t, id, long, types.JobStatusSucceeded)
			instance := s.wantInstances(t, "m6i.large "+capacity+" in "+zone)[0]
			asked := cloud.calls(t, "{c7i.large "+zone+" "+capacity+"}")
			if len(asked) == 0 {
				t.Fatal("EC2 was not asked for the first type")
			}
			delay := cloud.calls(t, instance.ID)[0].at.Sub(asked[0].at)
			t.Logf("the stock-out to the launch of the next type %v", delay.Round(time.Millisecond))
			if delay > maxLaunchDelay {
				t.Errorf("the stock-out to the launch of the next type took %v, more than %v", delay, maxLaunchDelay)
			}
		})
	}
}

// EC2 takes a Spot instance away in the middle of a job: with its notice, within which the job can end what it does, or
// without a word. The pool that it was of is left alone for a while.
func TestEC2SpotInstanceIsTakenAway(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		how      string
		wantTold []string // by SIGTERM
	}{
		"with its notice": {how: "interrupt", wantTold: []string{"told"}},
		"without a word":  {how: "reclaim", wantTold: []string{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, w := newCloudSite(t, "ec2-"+tc.how, spot("m5.large", "m6i.large")), newWitness(t)
			id := s.submit(t, shell{
				script: `trap 'echo told >>/host/told; exit 143' TERM; echo "$AWS_BATCH_JOB_ATTEMPT" >>/host/runs
					[ "$AWS_BATCH_JOB_ATTEMPT" -eq 2 ] && exit; sleep 600 & wait`, folder: w.folder, attempts: 2,
			})
			w.awaitMark(t, "runs")
			s.awaitStatus(t, id, soon, types.JobStatusRunning)
			lost, taken := cloud.ofEnvironment(t, s.uuid)[0].ID, time.Now()
			cloud.tell(t, tc.how, ec2fake.Reclaimed{ID: lost})
			job := s.awaitStatus(t, id, long, types.JobStatusSucceeded)
			t.Logf("the call to the job's start on another instance: %v",
				time.UnixMilli(aws.ToInt64(job.StartedAt)).Sub(taken).Round(time.Millisecond))
			wantText(t, "eksAttempts[0].statusReason", aws.ToString(job.EksAttempts[0].StatusReason), "Host EC2 (instance "+lost+") terminated.")
			for mark, want := range map[string][]string{"runs": {"1", "2"}, "told": tc.wantTold} {
				if diff := cmp.Diff(want, w.lines(t, mark)); diff != "" {
					t.Errorf("what the job wrote to %s (-want +got):\n%s", mark, diff)
				}
			}
			if n := len(cloud.ofEnvironment(t, s.uuid)); n != 2 {
				t.Errorf("%d instances were launched, want 2", n)
			}
		})
	}
}

// registerPair registers a job of two nodes that need an instance each and tell when they started.
func (s *site) registerPair(t *testing.T, w witness) string {
	t.Helper()
	return s.register(t, &sdk.RegisterJobDefinitionInput{
		Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{
			NumNodes: aws.Int32(2), MainNode: aws.Int32(0),
			NodeRangeProperties: []types.NodeRangeProperty{{
				TargetNodes: aws.String("0:1"),
				Container:   container(`cat /proc/uptime >/host/start.$AWS_BATCH_JOB_NODE_INDEX; until [ -e /host/start.1 ]; do sleep 0.1; done`, "1", w.folder),
			}},
		},
	})
}

// It runs by itself, as many nodes that boot at once would take this machine's time.
func TestEC2GangStartsOnInstancesOfItsOwn(t *testing.T) {
	s, w := newCloudSite(t, "ec2-gang", onDemand("m6i.large")), newWitness(t)
	id := s.start(t, &sdk.SubmitJobInput{JobDefinition: aws.String(s.registerPair(t, w))})
	s.awaitStatus(t, id, long, types.JobStatusSucceeded)
	instances := s.wantInstances(t, "m6i.large on-demand in "+zone, "m6i.large on-demand in "+zone)
	wantText(t, "launch of the second instance", instances[1].Tags[batchmeta.LaunchToken], instances[0].Tags[batchmeta.LaunchToken])
	apart := math.Abs(w.uptime(t, "start.0") - w.uptime(t, "start.1"))
	t.Logf("the nodes started %.2f s apart", apart)
	if apart > together {
		t.Errorf("the nodes started %.2f s apart, more than %d s", apart, together)
	}
}

func TestEC2GangThatCannotBeCompletedBuysNothing(t *testing.T) {
	t.Parallel()
	s, w := newCloudSite(t, "ec2-gang-short", onDemand("m5.large")), newWitness(t)
	cloud.tell(t, "stock", ec2fake.Stock{Pool: ec2fake.Pool{Type: "m5.large", Capacity: "on-demand"}, Count: 1})
	id := s.start(t, &sdk.SubmitJobInput{JobDefinition: aws.String(s.registerPair(t, w))})
	await(t, soon, "the job says why it waits", func(ctx context.Context) error {
		job, err := s.job(ctx, id)
		if err != nil {
			return err
		}
		const want = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - "
		if got := aws.ToString(job.StatusReason); !strings.HasPrefix(got, want) {
			return fmt.Errorf("it is %s because %q, want %q", job.Status, got, want)
		}
		return nil
	})
	s.wantInstances(t)
}

// uptime is what a node wrote to a mark: seconds since the machine's start.
func (w witness) uptime(t *testing.T, name string) float64 {
	t.Helper()
	var up, idle float64
	if _, err := fmt.Sscan(strings.Join(w.lines(t, name), " "), &up, &idle); err != nil {
		t.Fatalf("mark %s: %v", name, err)
	}
	return up
}
