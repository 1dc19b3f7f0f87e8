// SPDX-License-Identifier: Apache-2.0

package consoletest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// Hostile is what a tenant may write wherever the API lets text through.
const Hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'; rm -rf / #` + "\u202e\x1b[31m"

// Seeded are the jobs of a seed that a test looks at, by what they are.
type Seeded struct {
	Array, Gang, Waiting, Running, Failed, Succeeded, Dependent, Hostile string
}

const (
	queueTraining, queueNightly, queueBroken = "training", "nightly", "broken"

	// arraySize is that of the seeded array.
	arraySize = 10_000
)

// call is on nobody's behalf.
var call = batch.Call{Scope: scope}

// Seed fills a World: three queues, of which one is paused and one INVALID, and jobs in every state.
func (w *World) Seed(ctx context.Context) (Seeded, error) {
	var s Seeded
	for _, step := range []func(context.Context, *Seeded) error{w.seedQueues, w.seedDefinitions, w.seedJobs, w.seedArray, w.seedHistory} {
		if err := step(ctx, &s); err != nil {
			return s, fmt.Errorf("seed: %w", err)
		}
	}
	return s, nil
}

func (w *World) seedQueues(ctx context.Context, _ *Seeded) error {
	for name, most := range map[string]int{"on-demand": 256, "spot": 512} {
		if _, err := w.Plane.CreateComputeEnvironment(ctx, call, &awsapi.CreateComputeEnvironmentRequest{
			ComputeEnvironmentName: &name, Type: new("MANAGED"),
			ComputeResources: &awsapi.ComputeResource{Type: new("EC2"), MinvCpus: new(0), MaxvCpus: &most, InstanceTypes: []string{"c5.large"}, Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}, InstanceRole: new("role")},
			EksConfiguration: &awsapi.EksConfiguration{EksClusterArn: new("arn:aws:eks:us-east-1:123456789012:cluster/c"), KubernetesNamespace: new("jobs")},
		}); err != nil {
			return err
		}
	}
	for name, priority := range map[string]int{queueTraining: 10, queueNightly: 1, queueBroken: 5} {
		if _, err := w.Plane.CreateJobQueue(ctx, call, &awsapi.CreateJobQueueRequest{
			JobQueueName: &name, Priority: &priority, State: new("ENABLED"), Tags: map[string]string{"team": Hostile},
			ComputeEnvironmentOrder: []awsapi.ComputeEnvironmentOrder{{Order: new(1), ComputeEnvironment: new("on-demand")}, {Order: new(2), ComputeEnvironment: new("spot")}},
		}); err != nil {
			return err
		}
	}
	for name, change := range map[string]func(*batch.JobQueue) error{
		queueNightly: func(q *batch.JobQueue) error { q.Tags["muster.sh/paused"] = "true"; return nil },
		queueBroken: func(q *batch.JobQueue) error {
			q.Status, q.StatusReason = batch.ResourceInvalid, "its compute environment is gone "+Hostile
			return nil
		},
	} {
		if _, err := w.UpdateQueue(ctx, name, change); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) seedDefinitions(ctx context.Context, _ *Seeded) error {
	for _, text := range []string{
		`{"jobDefinitionName":"train","type":"container","containerProperties":{"image":"registry.example/train:3","command":["train"],"resourceRequirements":[{"type":"VCPU","value":"4"},{"type":"MEMORY","value":"8192"}]},"retryStrategy":{"attempts":3}}`,
		`{"jobDefinitionName":"evaluate","type":"container","eksProperties":{"podProperties":{"containers":[{"image":"registry.example/evaluate:3","command":["evaluate"],"resources":{"limits":{"cpu":"2","memory":"2048Mi"}}}]}}}`,
		`{"jobDefinitionName":"solve","type":"multinode","nodeProperties":{"numNodes":4,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:","container":{"image":"registry.example/solve:1","resourceRequirements":[{"type":"VCPU","value":"8"},{"type":"MEMORY","value":"4096"}]}}]}}`,
	} {
		var in awsapi.RegisterJobDefinitionRequest
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			return err
		}
		if _, err := w.Plane.RegisterJobDefinition(ctx, call, &in); err != nil {
			return err
		}
	}
	return nil
}

// Submit submits a job, which change may make another one, and gives its id.
func (w *World) Submit(ctx context.Context, queue, definition, name string, change func(*awsapi.SubmitJobRequest)) (string, error) {
	in := &awsapi.SubmitJobRequest{JobName: &name, JobQueue: &queue, JobDefinition: &definition}
	if change != nil {
		change(in)
	}
	out, err := w.Plane.SubmitJob(ctx, call, in)
	if err != nil {
		return "", err
	}
	return *out.JobId, nil
}

func (w *World) seedJobs(ctx context.Context, s *Seeded) error {
	for i := range 40 {
		for _, queue := range []string{queueTraining, queueNightly} {
			id, err := w.Submit(ctx, queue, "train", fmt.Sprintf("train-%02d", i), nil)
			if err != nil {
				return err
			}
			if queue == queueTraining && i < 30 {
				to := [...]batch.JobStatus{batch.StatusSucceeded, batch.StatusRunning, batch.StatusSucceeded, batch.StatusStarting, batch.StatusSucceeded}[i%5]
				if err := w.Advance(ctx, id, to, 0); err != nil {
					return err
				}
				s.Succeeded = id
				if to == batch.StatusRunning {
					s.Running = id
				}
			}
		}
	}
	return w.seedSpecial(ctx, s)
}

// seedSpecial makes the jobs that a test knows by name.
func (w *World) seedSpecial(ctx context.Context, s *Seeded) (err error) {
	if s.Failed, err = w.Submit(ctx, queueTraining, "train", "fails", nil); err != nil {
		return err
	}
	if err := w.Advance(ctx, s.Failed, batch.StatusFailed, 3); err != nil {
		return err
	}
	if s.Waiting, err = w.Submit(ctx, queueTraining, "evaluate", "waits", nil); err != nil {
		return err
	}
	if _, err := w.Transition(ctx, s.Waiting, func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, lifecycle.Blocked{Reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [c5.large]"}, w.Clock.Now())
		return next, err
	}); err != nil {
		return err
	}
	if s.Gang, err = w.Submit(ctx, queueTraining, "solve", "solve", nil); err != nil {
		return err
	}
	if s.Hostile, err = w.Submit(ctx, queueTraining, "train", "hostile", func(in *awsapi.SubmitJobRequest) {
		in.Tags, in.Parameters = map[string]string{"note": Hostile}, map[string]string{"x": Hostile}
		in.ContainerOverrides = &awsapi.ContainerOverrides{Command: []string{"echo", Hostile}, Environment: []awsapi.KeyValuePair{{Name: new("X"), Value: new(Hostile)}}}
	}); err != nil {
		return err
	}
	if _, err := w.Plane.TerminateJob(ctx, call, &awsapi.TerminateJobRequest{JobId: &s.Hostile, Reason: new(Hostile)}); err != nil {
		return err
	}
	s.Dependent, err = w.Submit(ctx, queueTraining, "evaluate", "evaluate", func(in *awsapi.SubmitJobRequest) {
		in.DependsOn = []awsapi.JobDependency{{JobId: &s.Running}, {JobId: &s.Waiting}}
	})
	return err
}

func (w *World) seedArray(ctx context.Context, s *Seeded) (err error) {
	if s.Array, err = w.Submit(ctx, queueTraining, "evaluate", "sweep", func(in *awsapi.SubmitJobRequest) {
		in.ArrayProperties = &awsapi.ArrayProperties{Size: new(arraySize)}
	}); err != nil {
		return err
	}
	for i := range 400 {
		to, code := batch.StatusSucceeded, 0
		switch {
		case i%37 == 5:
			to, code = batch.StatusFailed, 1
		case i >= 380:
			to = batch.StatusRunning
		}
		if err := w.Advance(ctx, batch.ChildID(s.Array, i), to, code); err != nil {
			return err
		}
	}
	return nil
}

// seedHistory gives the queues a day that was.
func (w *World) seedHistory(ctx context.Context, _ *Seeded) error {
	queues, err := w.Queues(ctx)
	if err != nil {
		return err
	}
	const steps, stepSeconds = 288, 300
	last := w.Clock.Now().Unix() / stepSeconds
	for _, q := range queues {
		for i := range int64(steps - 1) {
			n := last - steps + 1 + i
			wave := (i*i/7 + 11*i + int64(q.Number)*13) % 97
			record := fmt.Sprintf(`{"n":%d,"r":%d,"u":%d,"s":%d,"f":%d,"v":%d}`, n, wave, wave/2, wave/3, wave/40, 1000*wave*2)
			if err := w.SaveStep(ctx, q.Number, int(n%steps), []byte(record)); err != nil {
				return err
			}
		}
	}
	return nil
}
