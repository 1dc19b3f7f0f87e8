// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// explained is the explanation of a job, which must say what DescribeJobs says.
func (f *fixture) explained(tb testing.TB, id string) *viewapi.Explanation {
	tb.Helper()
	e, err := f.ExplainJob(tb.Context(), caller, &explain.Request{JobID: id})
	if err != nil {
		tb.Fatal(err)
	}
	if shown := value(f.describe(tb, id)[0].StatusReason); shown != "" && shown != e.Reason {
		tb.Errorf("DescribeJobs says %q, and the explanation %q", shown, e.Reason)
	}
	return e
}

// valid makes the environment ce VALID.
func (f *fixture) valid(t *testing.T, r batch.Report) {
	t.Helper()
	r.Status, r.StatusReason = batch.ResourceValid, "ComputeEnvironment Healthy"
	f.report(t, &r)
}

const types = "c5.large 2 4096 0 1930 3114 0.085\nc5.xlarge 4 8192 0 3920 6897 0.17\nm5.4xlarge 16 65536 0 15890 60000 0.768"

func TestExplainJob(t *testing.T) {
	t.Parallel()
	f := newConsumableFixture(t)
	f.valid(t, batch.Report{NodeSeconds: 90, InstanceTypes: types})
	first, second := f.submitWith(t, `"tags":{}`), f.submitWith(t, `"tags":{}`)
	e := f.explained(t, second)
	want := &viewapi.Explanation{
		JobID: second, JobName: "j", JobQueue: "q", Status: "RUNNABLE", Code: "QUEUE:WAITING_TURN", Kind: "waits", Since: t0.UnixMilli(),
		Reason:   "Number 2 of 2 waiting in job queue q; needs 1 vCPU, 64 MiB; free: ce 8 of 8 vCPU.",
		Position: &viewapi.Position{Ahead: 1, Of: 2}, Needs: &viewapi.Needs{VCPUs: 1, MemoryMiB: 64},
		Supplies: []viewapi.Supply{{Kind: "computeEnvironment", Name: "ce", Unit: "vCPU", Free: new(8.0), Total: new(8.0)}},
		Estimate: &viewapi.Estimate{UnknownBecause: "no job of job queue q was admitted in the last hour"},
		Next:     "Wait. If it takes too long, raise maxvCpus, or the job's share or priority.",
	}
	e.Since = e.Since / 1000 * 1000
	want.Since = want.Since / 1000 * 1000
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("explanation mismatch (-want +got):\n%s", diff)
	}
	f.step(t, first, admitted())
	e = f.explained(t, first)
	if e.Code != "NODE:LAUNCHING" || e.Estimate.StartsAt == nil || *e.Estimate.StartsAt != t0.Add(90*time.Second).Truncate(time.Second).UnixMilli() ||
		e.Pods.WithoutNode != 1 || e.ComputeEnvironment != "ce" || e.Autoscaler.Message != "ComputeEnvironment Healthy" {
		t.Errorf("admitted: %+v, estimate %+v", e, e.Estimate)
	}
	f.step(t, first, bound(), started(), ended(3, ""))
	if e = f.explained(t, first); e.Code != "EXIT:CODE" || e.Kind != "ended" || len(e.Details) != 1 || !strings.Contains(e.Details[0], "exit code 3") {
		t.Errorf("ended: %+v", e)
	}
	for _, id := range []string{"nonsense", first[:len(first)-1] + "x", first + ":3", first + "#2"} {
		_, err := f.ExplainJob(t.Context(), caller, &explain.Request{JobID: id})
		wantRefusal(t, err, "Job "+id+" does not exist")
	}
}

func TestEstimateGoesByTheQueuesPace(t *testing.T) {
	t.Parallel()
	f := newConsumableFixture(t)
	f.valid(t, batch.Report{})
	var pace explain.Pace
	for i := range 5 {
		pace.Note(t0.Add(-time.Duration(5-i)*time.Minute), 4)
	}
	text, err := pace.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	queue, err := f.store.Queue(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.SavePace(t.Context(), queue.Number, text); err != nil {
		t.Fatal(err)
	}
	f.submitWith(t, `"tags":{}`)
	e := f.explained(t, f.submitWith(t, `"tags":{}`)).Estimate
	if e.StartsAt == nil || *e.StartsAt < t0.Add(20*time.Second).UnixMilli() || *e.StartsAt > t0.Add(time.Minute).UnixMilli() || !strings.Contains(e.Because, "1 ahead") {
		t.Errorf("estimate = %+v, want half a minute", e)
	}
}

func TestPausedQueueIsTold(t *testing.T) {
	t.Parallel()
	f := newConsumableFixture(t)
	f.valid(t, batch.Report{})
	id := f.submitWith(t, `"tags":{}`)
	arn := arnBase + "job-queue/q"
	tag := func(v string) error {
		_, err := f.TagResource(t.Context(), caller, &awsapi.TagResourceRequest{ResourceArn: &arn, Tags: map[string]string{"muster.sh/paused": v}})
		return err
	}
	wantRefusal(t, tag("yes"), "tags: muster.sh/paused of a job queue must be true or false")
	if err := tag("true"); err != nil {
		t.Fatal(err)
	}
	if e := f.explained(t, id); e.Code != "POLICY:QUEUE_PAUSED" || !strings.HasPrefix(e.Reason, "Job queue q is paused") || e.Estimate.StartsAt != nil {
		t.Errorf("paused: %+v", e)
	}
	if e := reply(t, f.SimulateJob, `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`); e.Code != "POLICY:QUEUE_PAUSED" || e.Position.Ahead != 1 {
		t.Errorf("simulated: %+v", e)
	}
	front := reply(t, f.GetJobQueueSnapshot, `{"jobQueue":"q"}`).FrontOfQueue.Jobs
	if len(front) != 1 {
		t.Errorf("a paused queue has %d jobs at its front", len(front))
	}
	_, err := f.UntagResource(t.Context(), caller, &awsapi.UntagResourceRequest{ResourceArn: &arn, TagKeys: []string{"muster.sh/paused"}})
	if e := f.explained(t, id); err != nil || e.Code != "QUEUE:NEXT" {
		t.Errorf("no more: %+v, %v", e, err)
	}
	_, err = do(t, f.CreateJobQueue, `{"jobQueueName":"p","priority":1,"tags":{"muster.sh/paused":"TRUE"},"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`)
	wantRefusal(t, err, "tags: muster.sh/paused of a job queue must be true or false")
}

func TestExplanationTellsWhoIsAheadByShare(t *testing.T) {
	t.Parallel()
	f := newConsumableFixture(t)
	f.valid(t, batch.Report{})
	ok(t, f.CreateSchedulingPolicy, `{"name":"p","fairsharePolicy":{"computeReservation":50}}`)
	ok(t, f.CreateJobQueue, `{"jobQueueName":"fair","priority":1,"schedulingPolicyArn":"`+arnBase+`scheduling-policy/p","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`)
	submit := func(share string, vcpus string) string {
		return f.submit(t, `{"jobName":"j","jobQueue":"fair","jobDefinition":"d","shareIdentifier":"`+share+`","containerOverrides":{"resourceRequirements":[{"type":"VCPU","value":"`+vcpus+`"}]}}`)
	}
	f.step(t, submit("red", "1"), admitted(), bound(), started())
	for range 3 {
		submit("red", "1")
	}
	submit("blue", "1")
	e := f.explained(t, submit("blue", "1"))
	want := &viewapi.Position{Ahead: 1, Of: 2, Share: "blue", JobsAhead: 2, AheadByShare: []viewapi.ShareCount{{Share: "blue", Jobs: 1}, {Share: "red", Jobs: 1}}}
	if diff := cmp.Diff(want, e.Position); diff != "" || e.Code != "QUEUE:WAITING_TURN" {
		t.Errorf("%s; position mismatch (-want +got):\n%s", e.Code, diff)
	}
	e = f.explained(t, submit("green", "7")) // of three active shares, an eighth is kept
	if e.Code != "SHARE:RESERVED" || !strings.Contains(e.Reason, "free: ce 7 of 8 vCPU, without what is kept for other shares 6 of 7 vCPU.") {
		t.Errorf("reserved: %s %s", e.Code, e.Reason)
	}
}

// looking is a PodLook that says the same of each pod.
type looking struct {
	words string
	err   error
}

func (l looking) Unscheduled(_ context.Context, cluster, namespace, pod string) (string, error) {
	if cluster != "" || namespace != "jobs" || pod == "" {
		return "", errors.New("another pod is looked at")
	}
	return l.words, l.err
}

func TestExplanationLooksAtThePod(t *testing.T) {
	t.Parallel()
	f := newConsumableFixture(t)
	f.valid(t, batch.Report{})
	id := f.submitWith(t, `"tags":{}`)
	f.step(t, id, admitted())
	const words = "0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: x}."
	f.cfg.Look = looking{words: words}
	if e := f.explained(t, id); e.Code != "SCHEDULING:TAINT" || e.Scheduler != words {
		t.Errorf("%s, scheduler %q", e.Code, e.Scheduler)
	}
	f.cfg.Look = looking{err: errors.New("no answer")}
	if e := f.explained(t, id); e.Code != "CLUSTER:UNREACHABLE" {
		t.Errorf("%s", e.Code)
	}
}

func TestSimulateJob(t *testing.T) {
	t.Parallel()
	simulate := func(t *testing.T, f *fixture, more string) viewapi.Simulation {
		t.Helper()
		return reply(t, f.SimulateJob, `{"jobName":"j","jobQueue":"q"`+more+`}`)
	}
	asks := func(vcpus, memory string) string {
		return `,"jobDefinition":"d","containerOverrides":{"resourceRequirements":[{"type":"VCPU","value":"` + vcpus + `"},{"type":"MEMORY","value":"` + memory + `"}]}`
	}
	cases := map[string]struct {
		more      string
		used      string // vCPUs
		fits      bool
		fitsNow   bool
		code      string
		instance  string
		nodes     int
		price     float64
		ofTypes   int
		forReason string
	}{
		"on the cheapest type that holds it": {more: asks("2", "64"), fits: true, fitsNow: true, code: "QUEUE:NEXT", instance: "c5.xlarge", nodes: 1, price: 0.17, ofTypes: 2},
		"on any":                             {more: asks("1", "64"), fits: true, fitsNow: true, code: "QUEUE:NEXT", instance: "c5.large", nodes: 1, price: 0.085, ofTypes: 3},
		"on none that has so much memory":    {more: asks("1", "70000"), code: "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", forReason: "none of its instance types holds 1 vCPU and 70000 MiB"},
		"not within maxvCpus":                {more: asks("9", "64"), code: "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE", ofTypes: 1, forReason: "its maxvCpus is 8"},
		"not now":                            {more: asks("4", "64"), used: "6", fits: true, code: "QUOTA:MAX_VCPUS", instance: "m5.4xlarge", nodes: 1, price: 0.768, ofTypes: 1, forReason: "2 of its 8 vCPU are free"},
		"with all of its nodes":              {more: `,"jobDefinition":"m"`, fits: true, fitsNow: true, code: "QUEUE:NEXT", instance: "c5.xlarge", nodes: 1, price: 0.17, ofTypes: 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newNodeFixture(t)
			f.valid(t, batch.Report{InstanceTypes: types})
			if tc.used != "" {
				f.step(t, f.submit(t, `{"jobName":"j","jobQueue":"q"`+asks(tc.used, "64")+`}`), admitted())
			}
			s := simulate(t, f, tc.more)
			e := s.Environments[0]
			if s.Fits != tc.fits || s.FitsNow != tc.fitsNow || s.Code != tc.code || s.InstanceType != tc.instance || s.Nodes != tc.nodes ||
				value(s.PricePerHour) != tc.price || e.TypesInAll != tc.ofTypes || e.Reason != tc.forReason || s.Position.Ahead != 0 {
				t.Errorf("simulated %+v", s)
			}
			if jobs := reply(t, f.ListJobs, `{"jobQueue":"q","jobStatus":"RUNNABLE"}`).JobSummaryList; len(jobs) != len(tc.used) {
				t.Errorf("%d jobs are stored", len(jobs))
			}
		})
	}
}

// TestSimulateRefusesWhatSubmitRefuses: the same checks, in the same words.
func TestSimulateRefusesWhatSubmitRefuses(t *testing.T) {
	t.Parallel()
	f := newConsumableFixture(t)
	ok(t, f.CreateJobQueue, strings.Replace(queueBody("off"), `"priority"`, `"state":"DISABLED","priority"`, 1))
	for _, body := range []string{
		`{"jobName":"j","jobQueue":"off","jobDefinition":"d"}`, `{"jobName":"j","jobQueue":"none","jobDefinition":"d"}`,
		`{"jobName":"j","jobQueue":"q","jobDefinition":"none"}`, `{"jobName":"-","jobQueue":"q","jobDefinition":"d"}`,
		`{"jobName":"j","jobQueue":"q","jobDefinition":"d","shareIdentifier":"s"}`, `{"jobName":"j","jobQueue":"q","jobDefinition":"d","arrayProperties":{"size":1}}`,
		`{"jobName":"j","jobQueue":"q","jobDefinition":"d","dependsOn":[{"jobId":"00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"}]}`,
		`{"jobName":"j","jobQueue":"q","jobDefinition":"d",` + consumables(`{"consumableResource":"none","quantity":1}`) + `}`,
	} {
		_, submitted := do(t, f.SubmitJob, body)
		_, simulated := do(t, f.SimulateJob, body)
		if submitted == nil || simulated == nil || submitted.Error() != simulated.Error() {
			t.Errorf("%s: SubmitJob says %v, and SimulateJob %v", body, submitted, simulated)
		}
	}
}
