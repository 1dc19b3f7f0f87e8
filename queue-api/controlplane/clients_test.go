// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// What today's clients send, and what they read of a job without a default: contract section 9. A path that a client
// indexes and does not find is a crash there.

// lookUp follows a path such as "attempts.-1.container.exitCode" through a document; a negative index counts from the end.
func lookUp(doc any, path string) (any, bool) {
	for step := range strings.SplitSeq(path, ".") {
		switch d := doc.(type) {
		case map[string]any:
			v, ok := d[step]
			if !ok {
				return nil, false
			}
			doc = v
		case []any:
			i, err := strconv.Atoi(step)
			if i < 0 {
				i += len(d)
			}
			if err != nil || i < 0 || i >= len(d) {
				return nil, false
			}
			doc = d[i]
		default:
			return nil, false
		}
	}
	return doc, true
}

// seen is what a client sees of one job.
func (f *fixture) seen(tb testing.TB, id string) map[string]any {
	tb.Helper()
	var out struct{ Jobs []map[string]any }
	if err := json.Unmarshal([]byte(ok(tb, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%q]}`, id))), &out); err != nil {
		tb.Fatal(err)
	}
	if len(out.Jobs) != 1 {
		tb.Fatalf("%d jobs have the id %s", len(out.Jobs), id)
	}
	return out.Jobs[0]
}

// absent is what a path must lead to that a client tests for absence.
type absent struct{}

// there is what a path must lead to whose value is of no matter.
type there struct{}

func wantSeen(tb testing.TB, job map[string]any, want map[string]any) {
	tb.Helper()
	for path, value := range want {
		got, found := lookUp(job, path)
		switch value.(type) {
		case absent:
			if found {
				tb.Errorf("%s is %v, want it absent", path, got)
			}
		case there:
			if !found || got == nil {
				tb.Errorf("%s is absent", path)
			}
		default:
			if diff := cmp.Diff(value, got); diff != "" {
				tb.Errorf("%s mismatch (-want +got):\n%s", path, diff)
			}
		}
	}
}

// pulled fails an attempt's start.
func pulled(reason string) []lifecycle.Event {
	return []lifecycle.Event{
		admitted(), bound(),
		lifecycle.StartFailed{Attempt: 1, Container: "default", Reason: reason},
		lifecycle.Ended{Attempt: 1, StoppedAt: t0.Add(2 * time.Second)},
	}
}

const (
	nextflowDefinition = `{"jobDefinitionName":"nf-quay-io-x","type":"container","parameters":{"nf-token":"43869867b5fbae16fa7cfeb5ea2c3522"},
		"tags":{"nextflow.io/createdAt":"2026-01-01T00:00:00Z","nextflow.io/version":"25.10.0"},
		"containerProperties":{"image":"quay.io/x","command":["true"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"1024"}],
			"volumes":[],"mountPoints":[],"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-region":"eu-west-1"}}}}`
	nextflowSubmission = `"jobDefinition":"nf-quay-io-x:1","propagateTags":true,"tags":{"nextflow.io/runName":"mad_curie"},"timeout":{"attemptDurationSeconds":60},
		"retryStrategy":{"attempts":5,"evaluateOnExit":[{"action":"RETRY","onStatusReason":"Host EC2*"},{"action":"EXIT","onReason":"*"}]},
		"containerOverrides":{"command":["bash","-o","pipefail","-c","x"],"environment":[{"name":"NXF_X","value":"1"}],
			"resourceRequirements":[{"type":"VCPU","value":"2"},{"type":"MEMORY","value":"2048"}]}`
	metaflowDefinition = `{"jobDefinitionName":"metaflow_0","type":"container","propagateTags":true,"containerProperties":{"image":"python:3.12","jobRoleArn":"arn:aws:iam::1:role/r",
		"command":["echo","hello world"],"resourceRequirements":[{"value":"1","type":"VCPU"},{"value":"4096","type":"MEMORY"}],"environment":[]}}`
	metaflowNodes = `{"jobDefinitionName":"metaflow_1","type":"multinode","propagateTags":true,"nodeProperties":{"numNodes":3,"mainNode":0,"nodeRangeProperties":[
		{"targetNodes":"0:0","container":{"image":"python:3.12","command":["echo"],"resourceRequirements":[{"value":"1","type":"VCPU"},{"value":"64","type":"MEMORY"}]}},
		{"targetNodes":"1:2","container":{"image":"python:3.12","command":["echo"],"resourceRequirements":[{"value":"1","type":"VCPU"},{"value":"64","type":"MEMORY"}]}}]}}`
	redunNodes = `{"jobDefinitionName":"redun","type":"multinode","nodeProperties":{"numNodes":2,"mainNode":0,"nodeRangeProperties":[
		{"targetNodes":"0","container":{"image":"i","command":["c"],"ulimits":[{"name":"nofile","softLimit":65535,"hardLimit":65535}],"resourceRequirements":[{"value":"1","type":"VCPU"},{"value":"64","type":"MEMORY"}]}},
		{"targetNodes":"1:","container":{"image":"i","command":["c"],"ulimits":[{"name":"nofile","softLimit":65535,"hardLimit":65535}],"resourceRequirements":[{"value":"1","type":"VCPU"},{"value":"64","type":"MEMORY"}]}}]}}`
	toilDefinition = `{"jobDefinitionName":"toil","type":"container","propagateTags":true,"retryStrategy":{"attempts":1},"containerProperties":{"image":"toil","privileged":true,"jobRoleArn":"arn:aws:iam::1:role/r",
		"volumes":[{"name":"v","host":{"sourcePath":"/var/lib"}}],"mountPoints":[{"containerPath":"/x","sourceVolume":"v"}],"environment":[],"resourceRequirements":[{"type":"MEMORY","value":"64"},{"type":"VCPU","value":"1"}]}}`
	funnelDefinition = `{"jobDefinitionName":"funnel","type":"container","containerProperties":{"image":"funnel","memory":128,"vcpus":1,"privileged":true,
		"command":["aws","batch","task","--taskID","Ref::taskID"],"environment":[{"name":"TMPDIR","value":"/opt"}]}}`
)

// TestClientsFindWhatTheyRead has a row for each situation in which a client reads a job.
func TestClientsFindWhatTheyRead(t *testing.T) {
	t.Parallel()
	done := func(exitCode int) []lifecycle.Event {
		return []lifecycle.Event{admitted(), bound(), started(), ended(exitCode, "")}
	}
	reclaimed := []lifecycle.Event{admitted(), bound(), started(), lost()}
	cases := map[string]struct {
		define, submit string // submit lacks name and queue
		member         string // what to append to the id: a child or node
		events         []lifecycle.Event
		want           map[string]any
	}{
		"Nextflow 9.1: a task that ran": {nextflowDefinition, nextflowSubmission, "", done(0), map[string]any{
			"status": "SUCCEEDED", "container.exitCode": 0.0, "container.taskArn": taskARN, "container.logStreamName": there{}, "container.command.0": "bash",
			"attempts.-1.container.reason": absent{}, "attempts.0.statusReason": lifecycle.ReasonExited, "tags": map[string]any{"nextflow.io/runName": "mad_curie"},
		}},
		"Nextflow 9.1: a Spot reclaim is retried": {nextflowDefinition, nextflowSubmission, "", reclaimed, map[string]any{
			"status": "RUNNABLE", "attempts.-1.statusReason": "Host EC2 (instance i-1) terminated.", "container.exitCode": absent{}, "stoppedAt": absent{},
			"retryStrategy.evaluateOnExit.0.action": "RETRY",
		}},
		"Nextflow 9.1: no image": {nextflowDefinition, nextflowSubmission, "", pulled("CannotPullContainerError: unauthorized"), map[string]any{
			"status": "FAILED", "statusReason": "Task failed to start", "attempts.-1.container.reason": "CannotPullContainerError: unauthorized", "container.exitCode": absent{},
		}},
		"Nextflow 9.1: a child of an array": {nextflowDefinition, nextflowSubmission + `,"arrayProperties":{"size":2}`, ":1", done(7), map[string]any{
			"status": "FAILED", "container.exitCode": 7.0, "arrayProperties.index": 1.0, "tags": map[string]any{},
		}},
		"Metaflow 9.2: a step that failed": {
			metaflowDefinition, `"jobDefinition":"` + arnBase + `job-definition/metaflow_0:1","parameters":{"metaflow.user":"u","metaflow.flow_name":"F"},"tags":{},"retryStrategy":{"attempts":1}`, "", done(1),
			map[string]any{
				"status": "FAILED", "stoppedAt": there{}, "createdAt": there{}, "statusReason": there{}, "container.exitCode": 1.0, "container.reason": absent{},
				"parameters": map[string]any{"metaflow.user": "u", "metaflow.flow_name": "F"},
			},
		},
		"Metaflow 9.2: done is stoppedAt, and nothing else is": {metaflowDefinition, `"jobDefinition":"metaflow_0"`, "", done(0)[:3], map[string]any{"status": "RUNNING", "stoppedAt": absent{}}},
		"Metaflow 9.2: a gang": {
			metaflowNodes, `"jobDefinition":"metaflow_1","nodeOverrides":{"nodePropertyOverrides":[{"targetNodes":"0:0","containerOverrides":{"command":["bash"]}},{"targetNodes":"1:2","containerOverrides":{"command":["bash"]}}]}`, "",
			[]lifecycle.Event{nodeEnded(0, 3, 4*time.Second)},
			map[string]any{
				"container": absent{}, "nodeProperties.numNodes": 3.0, "nodeProperties.nodeRangeProperties.1.container.command.0": "bash", "statusReason": lifecycle.ReasonExited,
				"attempts.-1.container.exitCode": 3.0, "stoppedAt": there{}, "startedAt": there{},
			},
		},
		"Airflow 9.3: empty parameters and tags": {metaflowDefinition, `"jobDefinition":"metaflow_0","parameters":{},"tags":{},"containerOverrides":{}`, "", done(0)[:3], map[string]any{
			"status": "RUNNING", "jobDefinition": arnBase + "job-definition/metaflow_0:1", "jobQueue": arnBase + "job-queue/q", "container.logStreamName": there{},
			"parameters": map[string]any{}, "tags": map[string]any{}, "container.logConfiguration": absent{},
		}},
		"Airflow 9.3: the logs of a gang": {metaflowNodes, `"jobDefinition":"metaflow_1","parameters":{},"tags":{}`, "", []lifecycle.Event{nodeEnded(0, 0, 4*time.Second)}, map[string]any{
			"nodeProperties.nodeRangeProperties.0.container.logConfiguration": absent{}, "attempts.0.container.logStreamName": there{},
		}},
		"Airflow 9.3: pods": {eksDefinition, `"jobDefinition":"e","parameters":{},"tags":{},"eksPropertiesOverride":{"podProperties":{"containers":[{"command":["true"]}]}}`, "", done(0), map[string]any{
			"status": "SUCCEEDED", "attempts": []any{}, "eksAttempts.0.containers.0.exitCode": 0.0, "eksProperties.podProperties.podName": podName,
		}},
		"Luigi 9.5: the log of what failed": {metaflowDefinition, `"jobDefinition":"metaflow_0","parameters":{}`, "", done(1), map[string]any{
			"status": "FAILED", "attempts.0.container.logStreamName": "metaflow_0/default/" + batch.TaskID(podName),
		}},
		"Snakemake 9.6": {
			strings.Replace(toilDefinition, `"type":`, `"platformCapabilities":["EC2"],"tags":{},"type":`, 1), `"jobDefinition":"toil:1"`, "", done(0),
			map[string]any{"status": "SUCCEEDED", "container.exitCode": 0.0, "jobDefinition": arnBase + "job-definition/toil:1", "statusReason": there{}},
		},
		"miniwdl 9.7: a Spot reclaim has no exit code": {metaflowDefinition, `"jobDefinition":"metaflow_0:1","timeout":{"attemptDurationSeconds":86400},"tags":{"AWS_BATCH":"1"}`, "", reclaimed, map[string]any{
			"status": "FAILED", "container.exitCode": absent{}, "statusReason": "Host EC2 (instance i-1) terminated.",
		}},
		"redun 9.8: a timeout, compared for equality": {
			metaflowDefinition, `"jobDefinition":"metaflow_0"`, "",
			[]lifecycle.Event{admitted(), bound(), started(), lifecycle.TimedOut{Attempt: 1}, ended(137, "")},
			map[string]any{"status": "FAILED", "attempts.-1.statusReason": "Job attempt duration exceeded timeout", "statusReason": "Job attempt duration exceeded timeout"},
		},
		"redun 9.8: the log of the main node": {redunNodes, `"jobDefinition":"redun"`, "#0", nil, map[string]any{
			"status": "RUNNING", "container.logStreamName": there{}, "nodeDetails.isMainNode": true, "container.ulimits.0.name": "nofile",
		}},
		"redun 9.8: its node ranges are echoed": {redunNodes, `"jobDefinition":"redun"`, "", nil, map[string]any{
			"nodeProperties.nodeRangeProperties.0.targetNodes": "0", "nodeProperties.nodeRangeProperties.1.targetNodes": "1:",
		}},
		"Toil 9.9: how long it ran": {toilDefinition, `"jobDefinition":"toil:1","containerOverrides":{"resourceRequirements":[{"type":"MEMORY","value":"128"}]}`, "", done(2), map[string]any{
			"startedAt": there{}, "stoppedAt": there{}, "statusReason": there{}, "container.exitCode": 2.0, "container.privileged": true,
		}},
		"Toil 9.9: stopped before it ran": {toilDefinition, `"jobDefinition":"toil:1"`, "", []lifecycle.Event{lifecycle.Terminated{Reason: "Killed by Toil"}}, map[string]any{
			"status": "FAILED", "startedAt": absent{}, "stoppedAt": there{}, "statusReason": "Killed by Toil", "container.exitCode": absent{},
		}},
		"Funnel 9.10: its parameter is put in": {
			funnelDefinition, `"jobDefinition":"funnel","parameters":{"taskID":"t1"},"containerOverrides":{"memory":256,"vcpus":2,"resourceRequirements":[{"type":"MEMORY","value":"256"}]}`, "", done(1),
			map[string]any{"status": "FAILED", "statusReason": there{}, "container.command.4": "t1", "parameters.taskID": "t1", "container.vcpus": 2.0},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newBusyFixture(t)
			if tc.define != eksDefinition {
				ok(t, f.RegisterJobDefinition, tc.define)
			}
			id := f.submit(t, `{"jobName":"j","jobQueue":"q",`+tc.submit+`}`)
			if job := f.job(t, id); job.IsMultiNode() {
				f.start(t, id)
			}
			target, _, _ := strings.Cut(id+tc.member, "#")
			f.step(t, target, tc.events...)
			wantSeen(t, f.seen(t, id+tc.member), tc.want)
		})
	}
}

// TestNextflowOnAFairShareQueue covers contract 9.1: it sends a priority whenever it sends a share.
func TestNextflowOnAFairShareQueue(t *testing.T) {
	t.Parallel()
	f := newShareFixture(t)
	ok(t, f.RegisterJobDefinition, nextflowDefinition)
	id := f.submit(t, `{"jobName":"j","jobQueue":"fair","shareIdentifier":"team1","schedulingPriorityOverride":0,`+nextflowSubmission+`}`)
	wantSeen(t, f.seen(t, id), map[string]any{"shareIdentifier": "team1", "schedulingPriority": 0.0})
}

// TestNextflowStopsTheParent covers contract 9.1: it strips the index of the child that it wants to stop.
func TestNextflowStopsTheParent(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"arrayProperties":{"size":3}`)
	ok(t, f.TerminateJob, fmt.Sprintf(`{"jobId":%q,"reason":"Job killed by NF"}`, id))
	for i := range 3 {
		wantSeen(t, f.seen(t, batch.ChildID(id, i)), map[string]any{"status": "FAILED", "statusReason": "Job killed by NF"})
	}
}

// TestMetaflowListsLiveJobs covers contract 9.2: each live status in turn, then the parameters of what was listed.
func TestMetaflowListsLiveJobs(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.RegisterJobDefinition, metaflowDefinition)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"metaflow_0","parameters":{"metaflow.run_id":"7"}}`)
	var found []string
	for _, status := range []string{"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"} {
		for _, j := range reply(t, f.ListJobs, `{"jobQueue":"q","jobStatus":"`+status+`"}`).JobSummaryList {
			found = append(found, *j.JobId)
		}
	}
	if diff := cmp.Diff([]string{id}, found); diff != "" {
		t.Fatalf("listed jobs mismatch (-want +got):\n%s", diff)
	}
	wantSeen(t, f.seen(t, id)["parameters"].(map[string]any), map[string]any{"metaflow": absent{}})
	if f.seen(t, id)["parameters"].(map[string]any)["metaflow.run_id"] != "7" {
		t.Errorf("got %v", f.seen(t, id)["parameters"])
	}
}

// TestSnakemakeStopsWhatIsDone covers contract 9.6: it terminates every job when it is done with it.
func TestSnakemakeStopsWhatIsDone(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"tags":{}`)
	f.run(t, id, 0)
	wantJSON(t, `{}`, ok(t, f.TerminateJob, fmt.Sprintf(`{"jobId":%q,"reason":"Terminated by Snakemake"}`, id)))
	wantSeen(t, f.seen(t, id), map[string]any{"status": "SUCCEEDED", "isTerminated": absent{}, "statusReason": lifecycle.ReasonExited})
	ok(t, f.DeregisterJobDefinition, fmt.Sprintf(`{"jobDefinition":%q}`, f.seen(t, id)["jobDefinition"]))
}

// TestMiniwdlGetsEveryJobItAsksFor covers contract 9.7: it asserts that all of a hundred came back.
func TestMiniwdlGetsEveryJobItAsksFor(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = f.submitWith(t, `"tags":{}`)
	}
	for i, d := range f.describe(t, ids...) {
		if *d.JobId != ids[i] {
			t.Errorf("job %d is %s, want %s", i, *d.JobId, ids[i])
		}
	}
}

// TestRedunPagesThroughAnArray covers contract 9.8: children by status, their index and name.
func TestRedunPagesThroughAnArray(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"arrayProperties":{"size":5}`)
	var seen []string
	for token := ""; ; {
		page := reply(t, f.ListJobs, fmt.Sprintf(`{"arrayJobId":%q,"jobStatus":"RUNNABLE","maxResults":2,"nextToken":%q}`, id, token))
		for _, j := range page.JobSummaryList {
			seen = append(seen, fmt.Sprintf("%s%d", *j.JobName, *j.ArrayProperties.Index))
		}
		if token = value(page.NextToken); token == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"j0", "j1", "j2", "j3", "j4"}, seen); diff != "" {
		t.Errorf("children mismatch (-want +got):\n%s", diff)
	}
}

// TestFunnelCancelsWhatWaits covers contract 9.10: it dereferences statusReason of whatever FAILED.
func TestFunnelCancelsWhatWaits(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.RegisterJobDefinition, funnelDefinition)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"funnel","parameters":{"taskID":"t1"}}`)
	ok(t, f.CancelJob, fmt.Sprintf(`{"jobId":%q,"reason":"User requested cancel"}`, id))
	wantSeen(t, f.seen(t, id), map[string]any{"status": "FAILED", "statusReason": "User requested cancel"})
}

// TestEveryFailedJobSaysWhy covers contract 0, rule 7.
func TestEveryFailedJobSaysWhy(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	for _, events := range [][]lifecycle.Event{
		{admitted(), bound(), started(), ended(1, "")},
		{admitted(), bound(), started(), lost()},
		pulled("CannotPullContainerError: x"),
		{lifecycle.Cancelled{Reason: "r"}},
		{lifecycle.Rejected{Attempt: 1, Reason: "no such thing"}},
	} {
		id := f.submitWith(t, `"tags":{}`)
		f.step(t, id, events...)
		wantSeen(t, f.seen(t, id), map[string]any{"status": "FAILED", "statusReason": there{}, "stoppedAt": there{}})
	}
}
