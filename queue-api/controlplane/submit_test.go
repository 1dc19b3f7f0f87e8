// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

func TestSubmitJob(t *testing.T) {
	t.Parallel()
	base := batch.Job{
		Name: "j", Queue: "q", Definition: batch.DefinitionRef{Name: "d", Revision: 1}, CreatedAt: t0,
		Parameters: map[string]string{"n": "1"}, Status: batch.StatusRunnable, Requests: batch.Requests{MilliVCPU: 1000, MemoryMiB: 64}, Version: 1,
	}
	cases := map[string]struct {
		body string
		want func(*batch.Job)
	}{
		"the least there is": {`{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`, func(*batch.Job) {}},
		"queue and definition by ARN": {
			`{"jobName":"j","jobQueue":"arn:aws:batch:r:1:job-queue/q","jobDefinition":"arn:aws:batch:r:1:job-definition/d:1"}`,
			func(*batch.Job) {},
		},
		"ARN without revision": {`{"jobName":"j","jobQueue":"q","jobDefinition":"arn:aws:batch:r:1:job-definition/d"}`, func(*batch.Job) {}},
		"empty members ask for nothing": {
			`{"jobName":"j","jobQueue":"q","jobDefinition":"d:1","parameters":{},"arrayProperties":{},"dependsOn":[],"containerOverrides":{},"nodeOverrides":{},"eksPropertiesOverride":{},
				"ecsPropertiesOverride":{"taskProperties":[]},"consumableResourcePropertiesOverride":{"consumableResourceList":[]},"shareIdentifier":"","timeout":{}}`,
			func(*batch.Job) {},
		},
		"everything": {
			`{"jobName":"j","jobQueue":"q","jobDefinition":"d","parameters":{"m":"2"},"tags":{"k":"v"},"propagateTags":true,"timeout":{"attemptDurationSeconds":90},"schedulingPriorityOverride":9,
				"retryStrategy":{"attempts":2,"evaluateOnExit":[{"onExitCode":"7","action":"exit"}]},"containerOverrides":{"command":["true"],"resourceRequirements":[{"type":"VCPU","value":"2"}]}}`,
			func(j *batch.Job) {
				j.Parameters = map[string]string{"n": "1", "m": "2"}
				j.Tags = map[string]string{"k": "v"}
				j.PropagateTags = new(true)
				j.Timeout = 90 * time.Second
				j.RetryStrategy = &batch.RetryStrategy{Attempts: 2, EvaluateOnExit: []batch.EvaluateOnExit{{OnExitCode: "7", Action: "exit"}}}
				j.ContainerOverrides = json.RawMessage(`{"command":["true"],"resourceRequirements":[{"value":"2","type":"VCPU"}]}`)
				j.Requests.MilliVCPU = 2000
			},
		},
		"eksProperties": {
			`{"jobName":"j","jobQueue":"q","jobDefinition":"e","eksPropertiesOverride":{"podProperties":{"containers":[{"command":["true"]}]}}}`,
			func(j *batch.Job) {
				j.Definition.Name, j.Parameters = "e", nil
				j.EKSOverrides = json.RawMessage(`{"podProperties":{"containers":[{"command":["true"]}]}}`)
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newBusyFixture(t)
			out := reply(t, f.SubmitJob, tc.body)
			if *out.JobName != "j" || *out.JobArn != arnBase+"job/"+*out.JobId {
				t.Errorf("got %s, %s", *out.JobName, *out.JobArn)
			}
			got, err := f.store.Job(t.Context(), *out.JobId)
			if err != nil {
				t.Fatal(err)
			}
			want := base
			tc.want(&want)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(batch.Job{}, "ID"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("job mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSubmitJobTakesTheDefinitionsDefaults(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.RegisterJobDefinition, strings.Replace(containerDefinition, `"type":`, `"timeout":{"attemptDurationSeconds":60},"retryStrategy":{"attempts":4},"propagateTags":true,"type":`, 1))
	job, err := f.store.Job(t.Context(), f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`))
	if err != nil {
		t.Fatal(err)
	}
	if job.Timeout != time.Minute || job.MaxAttempts() != 4 || !*job.PropagateTags || job.Definition.Revision != 2 {
		t.Errorf("got %+v", job)
	}
	ok(t, f.DeregisterJobDefinition, `{"jobDefinition":"d:2"}`)
	job, _ = f.store.Job(t.Context(), f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`))
	if job.Definition.Revision != 1 {
		t.Errorf("got revision %d, want the latest ACTIVE one", job.Definition.Revision)
	}
}

func TestSubmitJobRefuses(t *testing.T) {
	t.Parallel()
	with := func(more string) string {
		return `{"jobName":"j","jobQueue":"q","jobDefinition":"d",` + more + `}`
	}
	noDef := func(name string) string {
		return "JobDefinition name " + name + " does not exist or is not in ACTIVE status"
	}
	cases := map[string]struct{ body, want string }{
		"no name":                {`{"jobQueue":"q","jobDefinition":"d"}`, "jobName: is required"},
		"bad name":               {`{"jobName":"a b","jobQueue":"q","jobDefinition":"d"}`, "Job name should match valid pattern"},
		"empty name":             {`{"jobName":"","jobQueue":"q","jobDefinition":"d"}`, "Job name should match valid pattern"},
		"unknown queue":          {`{"jobName":"j","jobQueue":"nope","jobDefinition":"d"}`, "JobQueue nope not found."},
		"ARN of no queue":        {`{"jobName":"j","jobQueue":"arn:aws:batch:r:1:job/q","jobDefinition":"d"}`, "JobQueue arn:aws:batch:r:1:job/q not found."},
		"disabled queue":         {`{"jobName":"j","jobQueue":"off","jobDefinition":"d"}`, "JobQueue off is DISABLED and takes no jobs"},
		"queue being deleted":    {`{"jobName":"j","jobQueue":"gone","jobDefinition":"d"}`, "JobQueue gone not found."},
		"unknown definition":     {`{"jobName":"j","jobQueue":"q","jobDefinition":"nope"}`, noDef("nope")},
		"unknown revision":       {`{"jobName":"j","jobQueue":"q","jobDefinition":"d:2"}`, noDef("d:2")},
		"no revision":            {`{"jobName":"j","jobQueue":"q","jobDefinition":"d:latest"}`, noDef("d:latest")},
		"deregistered":           {`{"jobName":"j","jobQueue":"q","jobDefinition":"old:1"}`, noDef("old:1")},
		"deregistered, bare":     {`{"jobName":"j","jobQueue":"q","jobDefinition":"old"}`, noDef("old")},
		"unknown definition ARN": {`{"jobName":"j","jobQueue":"q","jobDefinition":"arn:aws:batch:r:1:job-definition/x:1"}`, "JobDefinition arn:aws:batch:r:1:job-definition/x:1 not found."},
		"nodeOverrides":          {with(`"nodeOverrides":{"numNodes":2}`), "nodeOverrides: does not apply to job definition d:1, which has containerProperties"},
		"ecsPropertiesOverride":  {with(`"ecsPropertiesOverride":{"taskProperties":[{}]}`), "ecsPropertiesOverride: does not apply to job definition d:1, which has containerProperties"},
		"shareIdentifier":        {with(`"shareIdentifier":"a"`), "shareIdentifier cannot be specified for a job queue without a scheduling policy"},
		"priority":               {with(`"schedulingPriorityOverride":-1`), "schedulingPriorityOverride must be between 0 and 9999"},
		"timeout":                {with(`"timeout":{"attemptDurationSeconds":1}`), "timeout.attemptDurationSeconds must be at least 60"},
		"huge timeout":           {with(`"timeout":{"attemptDurationSeconds":99999999999}`), "timeout.attemptDurationSeconds must be between 60 and 2147483647"},
		"retryStrategy":          {with(`"retryStrategy":{"evaluateOnExit":[]}`), "RetryAttempts must be provided with retry strategy"},
		"tags":                   {with(`"tags":{"aws:a":""}`), "tags: keys that begin with aws: are reserved"},
		"too big":                {with(`"parameters":{"a":"` + strings.Repeat("x", 30<<10) + `"}`), "SubmitJob request must be at most 30720 bytes"},
		"long overrides":         {with(`"containerOverrides":{"command":["` + strings.Repeat("x", 8192) + `"]}`), "Container Overrides length must be at most 8192"},
		"overrides of the other": {with(`"eksPropertiesOverride":{"podProperties":{}}`), "eksPropertiesOverride: does not apply to job definition d:1, which has containerProperties"},
		"nothing asked for":      {`{"jobName":"j","jobQueue":"q","jobDefinition":"bare"}`, "vCPU is not provided. It must be in resourceRequirements, of the job definition or of containerOverrides"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newBusyFixture(t)
			ok(t, f.CreateJobQueue, strings.Replace(queueBody("off"), `{`, `{"state":"DISABLED",`, 1))
			ok(t, f.CreateJobQueue, strings.Replace(queueBody("gone"), `{`, `{"state":"DISABLED",`, 1))
			ok(t, f.DeleteJobQueue, `{"jobQueue":"gone"}`)
			ok(t, f.RegisterJobDefinition, strings.Replace(containerDefinition, `"d"`, `"old"`, 1))
			ok(t, f.DeregisterJobDefinition, `{"jobDefinition":"old:1"}`)
			ok(t, f.RegisterJobDefinition, `{"jobDefinitionName":"bare","type":"container","containerProperties":{"image":"busybox"}}`)
			_, err := do(t, f.SubmitJob, tc.body)
			wantRefusal(t, err, tc.want)
			if jobs, _, _ := f.store.ListJobs(t.Context(), 1, batch.StatusRunnable, "", 1); len(jobs) != 0 {
				t.Errorf("something was submitted: %v", jobs)
			}
		})
	}
}

func TestSubmitJobOnceForEachInvocation(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	submit := func(principal, id string) string {
		in := &awsapi.SubmitJobRequest{JobName: new("j"), JobQueue: new("q"), JobDefinition: new("d")}
		out, err := f.SubmitJob(t.Context(), batch.Call{Scope: caller.Scope, Principal: principal, Invocation: id}, in)
		if err != nil {
			t.Fatal(err)
		}
		return *out.JobId
	}
	first := submit("a", "1")
	if again := submit("a", "1"); again != first {
		t.Errorf("a retry made another job: %s and %s", first, again)
	}
	for _, other := range [][2]string{{"b", "1"}, {"a", "2"}, {"a1", ""}, {"", "a1"}, {"a", ""}, {"a", ""}} {
		if submit(other[0], other[1]) == first {
			t.Errorf("%q got the job of another invocation", other)
		}
	}
}

// TestARepeatedSubmissionChangesNothing covers contract 1.8 and what we promise beyond it, for jobs that others decide.
func TestARepeatedSubmissionChangesNothing(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	first := f.submitWith(t, `"tags":{}`)
	call := batch.Call{Scope: caller.Scope, Principal: "AKID", Invocation: "1"}
	in := &awsapi.SubmitJobRequest{
		JobName: new("j"), JobQueue: new("q"), JobDefinition: new("d"),
		ArrayProperties: &awsapi.ArrayProperties{Size: new(3)}, DependsOn: []awsapi.JobDependency{{JobId: &first}},
	}
	out, err := f.SubmitJob(t.Context(), call, in)
	if err != nil {
		t.Fatal(err)
	}
	id := *out.JobId
	f.run(t, first, 0)
	f.step(t, id, lifecycle.DependencyEnded{JobID: first, Succeeded: true})
	before := f.job(t, id)
	f.clock.SetTime(t0.Add(time.Minute))
	again, err := f.SubmitJob(t.Context(), call, in)
	if err != nil || *again.JobId != id {
		t.Fatalf("got %+v, %v", again, err)
	}
	if diff := cmp.Diff(before, f.job(t, id)); diff != "" {
		t.Errorf("the job changed (-before +after):\n%s", diff)
	}
	if !f.isSettled(t, first) {
		t.Error("nobody will look at the repeated registration")
	}
}

func TestSubmitJobToAQueueThatClosesMeanwhile(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	if err := f.store.CloseQueue(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_, err := do(t, f.SubmitJob, `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`)
	wantRefusal(t, err, "JobQueue q not found.")
}

func BenchmarkSubmitJob(b *testing.B) {
	f := newBusyFixture(b)
	var in awsapi.SubmitJobRequest
	body := `{"jobName":"j","jobQueue":"q","jobDefinition":"d:1","parameters":{"m":"2"},"retryStrategy":{"attempts":2},
		"containerOverrides":{"command":["echo","hello"],"environment":[{"name":"A","value":"B"}],"resourceRequirements":[{"type":"VCPU","value":"2"}]}}`
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.SubmitJob(b.Context(), caller, &in); err != nil {
			b.Fatal(err)
		}
	}
}
