// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// kept is a record as it comes back from a store that keeps JSON.
func kept[T any](rt *rapid.T, record T) *T {
	b, err := json.Marshal(record)
	if err != nil {
		rt.Fatal(err)
	}
	out := new(T)
	if err := json.Unmarshal(b, out); err != nil {
		rt.Fatal(err)
	}
	return out
}

func same(rt *rapid.T, want, got any, opts ...cmp.Option) {
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		rt.Fatalf("lost on the way (-want +got):\n%s", diff)
	}
}

func drawRetry(rt *rapid.T) *awsapi.RetryStrategy {
	text := rapid.Ptr(rapid.StringMatching(`[a-z .:]{1,9}\*?`), true)
	r := &awsapi.RetryStrategy{Attempts: new(rapid.IntRange(1, 10).Draw(rt, "attempts")), EvaluateOnExit: []awsapi.EvaluateOnExit{}}
	for range rapid.IntRange(0, 6).Draw(rt, "rules") {
		r.EvaluateOnExit = append(r.EvaluateOnExit, awsapi.EvaluateOnExit{
			OnReason: text.Draw(rt, "onReason"), OnStatusReason: text.Draw(rt, "onStatusReason"),
			OnExitCode: rapid.Ptr(rapid.StringMatching(`[0-9]{1,3}\*?`), true).Draw(rt, "onExitCode"),
			Action:     new(rapid.SampledFrom([]string{"RETRY", "exit", "Exit"}).Draw(rt, "action")),
		})
	}
	return r
}

func TestDefinitionsAreEchoed(t *testing.T) {
	t.Parallel()
	properties := rapid.Make[awsapi.ContainerProperties]()
	pods := rapid.Make[awsapi.EksPodProperties]()
	tasks := rapid.Make[awsapi.EcsTaskProperties]()
	rapid.Check(t, func(rt *rapid.T) {
		in := &awsapi.RegisterJobDefinitionRequest{
			JobDefinitionName:  new("d"),
			Type:               new("container"),
			Parameters:         rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "parameters"),
			Tags:               rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "tags"),
			SchedulingPriority: rapid.Ptr(rapid.Int(), true).Draw(rt, "priority"),
			PropagateTags:      rapid.Ptr(rapid.Bool(), true).Draw(rt, "propagateTags"),
			Timeout:            &awsapi.JobTimeout{AttemptDurationSeconds: new(rapid.IntRange(60, 1<<31-1).Draw(rt, "timeout"))},
			RetryStrategy:      drawRetry(rt),
		}
		want := awsapi.JobDefinition{
			JobDefinitionName: in.JobDefinitionName, JobDefinitionArn: new(arnBase + "job-definition/d:4"), Revision: new(4), Status: new("ACTIVE"), Type: in.Type,
			Parameters: in.Parameters, Tags: in.Tags, SchedulingPriority: in.SchedulingPriority, PropagateTags: in.PropagateTags, Timeout: in.Timeout, RetryStrategy: in.RetryStrategy,
		}
		want.PlatformCapabilities, want.ContainerOrchestrationType = []string{"EC2"}, new("ECS")
		switch rapid.SampledFrom([]string{"container", "eks", "ecs", "nodes"}).Draw(rt, "kind") {
		case "eks":
			in.EksProperties = &awsapi.EksProperties{PodProperties: new(pods.Draw(rt, "pod"))}
			want.EksProperties = kept(rt, *in.EksProperties)
			want.PlatformCapabilities, want.ContainerOrchestrationType = []string{}, new("EKS")
			fillPod(want.EksProperties.PodProperties)
		case "ecs":
			in.EcsProperties = &awsapi.EcsProperties{TaskProperties: []awsapi.EcsTaskProperties{tasks.Draw(rt, "task")}}
			want.EcsProperties = kept(rt, *in.EcsProperties)
			fillTask(&want.EcsProperties.TaskProperties[0])
		case "nodes":
			in.NodeProperties = &awsapi.NodeProperties{NumNodes: new(2), NodeRangeProperties: []awsapi.NodeRangeProperty{{Container: new(properties.Draw(rt, "range"))}}}
			want.NodeProperties = kept(rt, *in.NodeProperties)
			fillContainer(want.NodeProperties.NodeRangeProperties[0].Container)
		default:
			in.ContainerProperties = new(properties.Draw(rt, "container"))
			in.ContainerProperties.Image = new("i") // one that is empty through and through is refused
			want.ContainerProperties = kept(rt, *in.ContainerProperties)
			fillContainer(want.ContainerProperties)
		}
		def, err := newDefinition(in)
		if err != nil {
			rt.Fatal(err)
		}
		def.Revision = 4
		got, err := definitionDetail(caller.Scope, kept(rt, def))
		if err != nil {
			rt.Fatal(err)
		}
		same(rt, want, got)
	})
}

func TestComputeEnvironmentsAreEchoed(t *testing.T) {
	t.Parallel()
	resources := rapid.Make[awsapi.ComputeResource]()
	text := rapid.Ptr(rapid.StringN(1, -1, -1), true)
	rapid.Check(t, func(rt *rapid.T) {
		in := &awsapi.CreateComputeEnvironmentRequest{
			ComputeEnvironmentName: new("ce"), Type: new("MANAGED"),
			State:            new(rapid.SampledFrom([]string{"ENABLED", "DISABLED"}).Draw(rt, "state")),
			ComputeResources: new(resources.Draw(rt, "computeResources")),
			ServiceRole:      new(rapid.StringN(1, -1, -1).Draw(rt, "serviceRole")),
			Context:          text.Draw(rt, "context"),
			Tags:             rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "tags"),
		}
		if rapid.Bool().Draw(rt, "eks") {
			in.EksConfiguration = &awsapi.EksConfiguration{EksClusterArn: new(rapid.String().Draw(rt, "cluster")), KubernetesNamespace: new("ns")}
		}
		want := kept(rt, *in)
		want.ComputeResources.MinvCpus, want.ComputeResources.DesiredvCpus = new(value(want.ComputeResources.MinvCpus)), new(desired(want.ComputeResources))
		env, err := newEnvironment(in)
		if err != nil {
			rt.Fatal(err)
		}
		d, err := environmentDetail(caller.Scope, kept(rt, env))
		if err != nil {
			rt.Fatal(err)
		}
		same(rt, want, &awsapi.CreateComputeEnvironmentRequest{
			ComputeEnvironmentName: d.ComputeEnvironmentName, Type: d.Type, State: d.State, ComputeResources: d.ComputeResources, ServiceRole: d.ServiceRole,
			Context: d.Context, Tags: d.Tags, EksConfiguration: d.EksConfiguration,
		})
	})
}

func TestJobQueuesAreEchoed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := &awsapi.CreateJobQueueRequest{
			JobQueueName: new("q"), State: new("DISABLED"),
			Priority:                 new(rapid.IntRange(0, 1<<31-1).Draw(rt, "priority")),
			Tags:                     rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "tags"),
			JobStateTimeLimitActions: []awsapi.JobStateTimeLimitAction{},
		}
		orders := rapid.SliceOfNDistinct(rapid.IntRange(-9, 9), 1, 3, rapid.ID[int]).Draw(rt, "orders")
		slices.Sort(orders)
		for i, order := range orders {
			in.ComputeEnvironmentOrder = append(in.ComputeEnvironmentOrder, awsapi.ComputeEnvironmentOrder{
				Order: &order, ComputeEnvironment: new(arnBase + "compute-environment/ce" + strconv.Itoa(i)),
			})
		}
		for range rapid.IntRange(0, 3).Draw(rt, "actions") {
			in.JobStateTimeLimitActions = append(in.JobStateTimeLimitActions, awsapi.JobStateTimeLimitAction{
				Reason: new(rapid.String().Draw(rt, "reason")), State: new("RUNNABLE"), Action: new("CANCEL"), MaxTimeSeconds: new(600),
			})
		}
		queue, err := newQueue(in)
		if err != nil {
			rt.Fatal(err)
		}
		d, err := queueDetail(caller.Scope, kept(rt, queue), nil)
		if err != nil {
			rt.Fatal(err)
		}
		same(rt, in, &awsapi.CreateJobQueueRequest{
			JobQueueName: d.JobQueueName, State: d.State, Priority: d.Priority, Tags: d.Tags,
			ComputeEnvironmentOrder: d.ComputeEnvironmentOrder, JobStateTimeLimitActions: d.JobStateTimeLimitActions,
		})
	})
}

func TestJobDetailKeepsWhatWasSubmitted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := &awsapi.SubmitJobRequest{
			JobName: new("j"), JobQueue: new("q"), JobDefinition: new("d"),
			Parameters:    rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "parameters"),
			Tags:          rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "tags"),
			PropagateTags: rapid.Ptr(rapid.Bool(), true).Draw(rt, "propagateTags"),
			Timeout:       &awsapi.JobTimeout{AttemptDurationSeconds: new(rapid.IntRange(60, 1<<31-1).Draw(rt, "timeout"))},
			RetryStrategy: drawRetry(rt),
		}
		f := newFixture(t)
		f.cfg.MaxSubmissionBytes = 1 << 30
		def := batch.JobDefinition{Name: "d", Revision: 1, Type: "container", ContainerProperties: json.RawMessage(`{"image":"i","vcpus":1,"memory":4}`)}
		job, err := f.newJob(caller, in, &batch.JobQueue{Name: "q", Number: 1}, &def)
		if err != nil {
			rt.Fatal(err)
		}
		d := jobDetail(caller.Scope, kept(rt, job), t0)
		same(rt, in, &awsapi.SubmitJobRequest{
			JobName: d.JobName, JobQueue: new("q"), JobDefinition: new("d"), Parameters: d.Parameters, Tags: d.Tags,
			PropagateTags: d.PropagateTags, Timeout: d.Timeout, RetryStrategy: d.RetryStrategy,
		}, cmpopts.EquateEmpty())
		if *d.CreatedAt != t0.UnixMilli() || *d.JobQueue != arnBase+"job-queue/q" || *d.JobDefinition != arnBase+"job-definition/d:1" {
			rt.Fatalf("got %+v", d)
		}
	})
}

func TestSchedulingPoliciesAreEchoed(t *testing.T) {
	t.Parallel()
	policies := rapid.Make[awsapi.FairsharePolicy]()
	rapid.Check(t, func(rt *rapid.T) {
		in := &awsapi.CreateSchedulingPolicyRequest{
			Name: new("p"), Tags: rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "tags"),
			FairsharePolicy: rapid.Ptr(policies, true).Draw(rt, "fairsharePolicy"),
		}
		if in.FairsharePolicy != nil {
			in.FairsharePolicy.ShareDistribution = slices.DeleteFunc(in.FairsharePolicy.ShareDistribution, func(a awsapi.ShareAttributes) bool { return a.ShareIdentifier == nil })
		}
		d := policyDetail(caller.Scope, kept(rt, batch.SchedulingPolicy{Name: "p", FairShare: fairShareFrom(in.FairsharePolicy), Tags: in.Tags}))
		same(rt, in, &awsapi.CreateSchedulingPolicyRequest{Name: d.Name, Tags: d.Tags, FairsharePolicy: d.FairsharePolicy}, cmpopts.EquateEmpty())
	})
}

// Whatever the order in which updates and their repeats come, each client token counts once, and the total is never
// negative.
func TestConsumableUpdatesCountOnce(t *testing.T) {
	t.Parallel()
	type update struct {
		operation string
		quantity  int64
	}
	rapid.Check(t, func(rt *rapid.T) {
		c, want := &batch.ConsumableResource{Name: "c"}, int64(0)
		updates := map[string]update{}
		for range rapid.IntRange(1, 40).Draw(rt, "updates") {
			token := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "token")
			u := update{rapid.SampledFrom([]string{"SET", "ADD", "REMOVE"}).Draw(rt, "operation"), rapid.Int64Range(0, 3).Draw(rt, "quantity")}
			first, repeated := updates[token]
			after := map[string]int64{"SET": u.quantity, "ADD": want + u.quantity, "REMOVE": want - u.quantity}[u.operation]
			err := updateConsumable(c, &awsapi.UpdateConsumableResourceRequest{Operation: &u.operation, Quantity: &u.quantity, ClientToken: &token}, t0)
			switch {
			case repeated && first == u:
				after = want
			case repeated || after < 0:
				if err == nil {
					rt.Fatalf("%v was accepted after %v, total %d", u, first, want)
				}
				continue
			}
			if err != nil || c.TotalQuantity != after {
				rt.Fatalf("after %v: total %d, want %d (%v)", u, c.TotalQuantity, after, err)
			}
			if !repeated {
				updates[token] = u
			}
			want = after
		}
	})
}
