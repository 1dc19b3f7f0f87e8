// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

const podName = "aws-batch.11111111-2222-3333-4444-555555555555"

// The events of a first attempt.
func admitted() lifecycle.Event {
	return lifecycle.Admitted{ComputeEnvironment: "ce", PodName: podName, PodNamespace: "jobs"}
}

func bound() lifecycle.Event {
	return lifecycle.Bound{Attempt: 1, NodeName: "node-1", InstanceID: "i-1"}
}

func started() lifecycle.Event {
	return lifecycle.Started{Attempt: 1, At: t0.Add(time.Second)}
}

func ended(exitCode int, reason string) lifecycle.Event {
	return lifecycle.Ended{
		Attempt: 1, Succeeded: exitCode == 0, StatusReason: lifecycle.ReasonExited, StoppedAt: t0.Add(2 * time.Second),
		Containers: []batch.ContainerOutcome{{Name: "default", ContainerID: "containerd://1", ExitCode: &exitCode, Reason: reason}},
	}
}

func lost() lifecycle.Event {
	return lifecycle.Ended{Attempt: 1, StatusReason: lifecycle.HostTerminated("i-1"), StoppedAt: t0.Add(2 * time.Second)}
}

const (
	taskARN     = "arn:aws:ecs:eu-west-1:111122223333:task/ce_Batch/11111111222233334444555555555555"
	instanceARN = "arn:aws:ecs:eu-west-1:111122223333:container-instance/ce_Batch/"
	logStreamID = "d/default/11111111222233334444555555555555"
)

// What a job of the fixture's queue says while it waits, and once it is admitted.
const (
	waits      = `"statusReason":"Number 1 of 1 waiting in job queue q; needs 1 vCPU, 64 MiB; free: ce 8 of 8 vCPU (CREATING)."`
	isAdmitted = `"statusReason":"Admitted to compute environment ce since 2026-01-02T03:04:05Z; pod ` + podName + ` waits for a node."`
)

// containerJob is what DescribeJobs shows of a job of definition d; more is what depends on what happened to it.
func containerJob(id, container, more string) string {
	return fmt.Sprintf(`{"jobs":[{"jobArn":"%[1]sjob/%[2]s","jobId":%[2]q,"jobName":"j","jobQueue":"%[1]sjob-queue/q","jobDefinition":"%[1]sjob-definition/d:1","createdAt":%[3]d,
		"dependsOn":[],"parameters":{"n":"1"},"tags":{},"platformCapabilities":["EC2"],"eksAttempts":[],"propagateTags":false,
		"container":{"image":"busybox","command":["echo","1"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}],
			"volumes":[],"environment":[],"mountPoints":[],"ulimits":[],"networkInterfaces":[],"secrets":[]%[4]s}%[5]s}]}`,
		arnBase, id, t0.UnixMilli(), container, more)
}

func TestDescribeContainerJob(t *testing.T) {
	t.Parallel()
	node := `,"taskArn":"` + taskARN + `","containerInstanceArn":"` + instanceARN + shortHash("node-1") + `"`
	logs := node + `,"logStreamName":"` + logStreamID + `"`
	startedAt, stoppedAt := ms(time.Second), ms(2*time.Second)
	times := `"startedAt":` + startedAt + `,"stoppedAt":` + stoppedAt
	exited := `"statusReason":"Essential container in task exited"`
	attempt := func(container, more string) string {
		return `{"container":{"networkInterfaces":[]` + container + `},` + more + `}`
	}
	cases := map[string]struct {
		submit          string
		events          []lifecycle.Event
		container, more string
	}{
		"RUNNABLE": {
			more: `,"status":"RUNNABLE","attempts":[],` + waits,
		},
		"admitted is RUNNABLE still": {
			events: []lifecycle.Event{admitted()},
			more:   `,"status":"RUNNABLE","attempts":[],` + isAdmitted,
		},
		"blocked says why": {
			events: []lifecycle.Event{lifecycle.Blocked{Reason: "CODE - why"}},
			more:   `,"status":"RUNNABLE","attempts":[],"statusReason":"CODE - why"`,
		},
		"STARTING has a task": {
			events:    []lifecycle.Event{admitted(), bound()},
			container: node,
			more:      `,"status":"STARTING","attempts":[]`,
		},
		"RUNNING has a log": {
			events:    []lifecycle.Event{admitted(), bound(), started()},
			container: logs,
			more:      `,"status":"RUNNING","attempts":[],"startedAt":` + startedAt,
		},
		"SUCCEEDED": {
			events:    []lifecycle.Event{admitted(), bound(), started(), ended(0, "")},
			container: logs + `,"exitCode":0`,
			more:      `,"status":"SUCCEEDED",` + times + `,` + exited + `,"attempts":[` + attempt(logs+`,"exitCode":0`, times+`,`+exited) + `]`,
		},
		"a retry shows the attempt that ended until it has a node": {
			submit:    `"retryStrategy":{"attempts":2},"timeout":{"attemptDurationSeconds":60}`,
			events:    []lifecycle.Event{admitted(), bound(), started(), ended(3, "Error"), admitted()},
			container: logs + `,"exitCode":3`,
			more: `,"status":"RUNNABLE",` + isAdmitted + `,"startedAt":` + startedAt + `,"retryStrategy":{"attempts":2,"evaluateOnExit":[]},"timeout":{"attemptDurationSeconds":60},
				"attempts":[` + attempt(logs+`,"exitCode":3`, times+`,`+exited) + `]`,
		},
		"a lost host has no exit code": {
			events:    []lifecycle.Event{admitted(), bound(), started(), lost()},
			container: logs,
			more: `,"status":"FAILED",` + times + `,"statusReason":"Host EC2 (instance i-1) terminated.","attempts":[` +
				attempt(logs, times+`,"statusReason":"Host EC2 (instance i-1) terminated."`) + `]`,
		},
		"cancelled before it started": {
			events: []lifecycle.Event{lifecycle.Cancelled{Reason: "enough"}},
			more:   `,"status":"FAILED","attempts":[],"statusReason":"enough","isCancelled":true,"stoppedAt":` + ms(0),
		},
		"terminated while it runs": {
			events:    []lifecycle.Event{admitted(), bound(), started(), lifecycle.Terminated{Reason: "enough"}},
			container: logs,
			more:      `,"status":"RUNNING","attempts":[],"isTerminated":true,"startedAt":` + startedAt,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newBusyFixture(t)
			body := `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`
			if tc.submit != "" {
				body = strings.Replace(body, "{", "{"+tc.submit+",", 1)
			}
			id := f.submit(t, body)
			f.step(t, id, tc.events...)
			wantJSON(t, containerJob(id, tc.container, tc.more), ok(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%q]}`, id)))
		})
	}
}

func TestDescribeEKSJob(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"e","tags":{"k":"v"},"retryStrategy":{"attempts":2}}`)
	want := func(pod, container, more string) string {
		return fmt.Sprintf(`{"jobs":[{"jobArn":"%[1]sjob/%[2]s","jobId":%[2]q,"jobName":"j","jobQueue":"%[1]sjob-queue/q","jobDefinition":"%[1]sjob-definition/e:1","createdAt":%[3]d,
			"attempts":[],"dependsOn":[],"parameters":{},"tags":{"k":"v"},"platformCapabilities":[],"retryStrategy":{"attempts":2,"evaluateOnExit":[]},
			"eksProperties":{"podProperties":{"volumes":[]%[4]s,"containers":[{"image":"busybox","command":["sleep","1"],"args":[],"env":[],"volumeMounts":[],
				"resources":{"limits":{"cpu":"1","memory":"64Mi"}}%[5]s}]}}%[6]s}]}`, arnBase, id, t0.UnixMilli(), pod, container, more)
	}
	check := func(want string) {
		t.Helper()
		wantJSON(t, want, ok(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%q]}`, id)))
	}
	check(want("", "", `,"status":"RUNNABLE","eksAttempts":[],`+waits))
	f.step(t, id, admitted(), bound())
	pod := `,"podName":"` + podName + `","nodeName":"node-1"`
	check(want(pod, "", `,"status":"STARTING","eksAttempts":[]`))
	f.step(t, id, started(), ended(0, "Completed"))
	times := fmt.Sprintf(`"startedAt":%d,"stoppedAt":%d,"statusReason":"Essential container in task exited"`, t0.UnixMilli()+1000, t0.UnixMilli()+2000)
	check(want(pod, `,"exitCode":0,"reason":"Completed"`, `,"status":"SUCCEEDED",`+times+`,"eksAttempts":[{"podName":"`+podName+`","podNamespace":"jobs","nodeName":"node-1",
		"eksClusterArn":"arn:aws:eks:eu-west-1:111122223333:cluster/c",`+times+`,"initContainers":[],"containers":[{"containerID":"containerd://1","exitCode":0,"reason":"Completed"}]}]`))
}

func TestDescribeEKSJobNamesContainersThatWereNamed(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	ok(t, f.RegisterJobDefinition, `{"jobDefinitionName":"two","type":"container","eksProperties":{"podProperties":{
		"initContainers":[{"name":"init","image":"i"}],
		"containers":[{"name":"a","image":"i","resources":{"limits":{"cpu":"1","memory":"64Mi"}}},{"name":"b","image":"i"}]}}}`)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"two"}`)
	f.step(t, id, admitted(), bound(), started(), lifecycle.Ended{
		Attempt: 1, StatusReason: lifecycle.ReasonExited,
		InitContainers: []batch.ContainerOutcome{{Name: "init", ExitCode: new(0)}},
		Containers:     []batch.ContainerOutcome{{Name: "b", ExitCode: new(2)}, {Name: "a", ExitCode: new(1), Reason: "OOMKilled"}},
	})
	d := reply(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%q]}`, id)).Jobs[0]
	attempt := d.EksAttempts[0]
	if *attempt.Containers[0].Name != "b" || *attempt.Containers[1].Name != "a" || *attempt.InitContainers[0].Name != "init" {
		t.Errorf("got %+v", attempt)
	}
	pod := d.EksProperties.PodProperties
	if *pod.Containers[0].ExitCode != 1 || *pod.Containers[0].Reason != "OOMKilled" || *pod.Containers[1].ExitCode != 2 || *pod.InitContainers[0].ExitCode != 0 {
		t.Errorf("got %+v", pod)
	}
	if s := reply(t, f.ListJobs, `{"jobQueue":"q","jobStatus":"FAILED"}`).JobSummaryList[0]; s.Container != nil {
		t.Errorf("a summary of two containers has an exit code: %+v", s.Container)
	}
}

func TestDescribeJobsFindsWhatThereIs(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id1 := f.submit(t, `{"jobName":"j1","jobQueue":"q","jobDefinition":"d"}`)
	id2 := f.submit(t, `{"jobName":"j2","jobQueue":"q","jobDefinition":"e"}`)
	unknown := otherID(id1)
	out := reply(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%[2]q,"%[3]s","arn:aws:batch:r:1:job/%[1]s",%[2]q,"","x","%[1]s:0","%[1]s#0","arn:aws:batch:r:1:job-queue/%[1]s"]}`, id1, id2, unknown))
	if len(out.Jobs) != 2 || *out.Jobs[0].JobId != id2 || *out.Jobs[1].JobId != id1 {
		t.Errorf("got %+v", out.Jobs)
	}
	wantJSON(t, `{"jobs":[]}`, ok(t, f.DescribeJobs, `{"jobs":[]}`))
	wantJSON(t, `{"jobs":[]}`, ok(t, f.DescribeJobs, `{"jobs":["x"]}`))
	ok(t, f.DescribeJobs, `{"jobs":["x"`+strings.Repeat(`,"x"`, 99)+`]}`)
	_, err := do(t, f.DescribeJobs, `{"jobs":["x"`+strings.Repeat(`,"x"`, 100)+`]}`)
	wantRefusal(t, err, "Maximum number of jobs supported is 100")
}

// forgetful is a store whose definitions are gone.
type forgetful struct{ DefinitionStore }

func (forgetful) Definition(context.Context, batch.DefinitionRef) (batch.JobDefinition, error) {
	return batch.JobDefinition{}, batch.ErrNotFound
}

func TestDescribeJobOutlivesItsDefinitionAndEnvironment(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"e"}`)
	f.step(t, id, admitted(), bound(), started(), ended(0, "Completed"))
	if err := f.store.DeleteEnvironment(t.Context(), "ce"); err != nil {
		t.Fatal(err)
	}
	d := reply(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%q]}`, id)).Jobs[0]
	if len(d.EksAttempts) != 1 || d.EksAttempts[0].EksClusterArn != nil {
		t.Errorf("got %+v", d.EksAttempts)
	}
	f.definitions = forgetful{}
	d = reply(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%q]}`, id)).Jobs[0]
	if *d.Status != "SUCCEEDED" || d.EksProperties != nil || *d.StatusReason == "" {
		t.Errorf("got %+v", d)
	}
}

func TestECSReason(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"": "", "Completed": "", "Error": "",
		"OOMKilled":                    "OutOfMemoryError: Container killed due to memory usage",
		"CannotPullContainerError: no": "CannotPullContainerError: no",
	} {
		if got := ecsReason(reason); got != want {
			t.Errorf("%s: got %q, want %q", reason, got, want)
		}
	}
}
