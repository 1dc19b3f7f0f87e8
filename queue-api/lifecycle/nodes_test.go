// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

// gang is a runnable job of three nodes whose main node is 1.
func gang(attempts int) batch.Job {
	job := runnable(attempts)
	job.NumNodes, job.MainNode = 3, 1
	return job
}

var (
	admitGang = Admitted{ComputeEnvironment: "ce", PodNamespace: "ns", Nodes: []string{"p0", "p1", "p2"}}
	bindMain  = Bound{Attempt: 1, Node: 1, NodeName: "n1", InstanceID: "i-1"}
	startMain = Started{Attempt: 1, Node: 1, At: t1}
)

// bindOther and the like are events of a node that does not decide.
func bindOther(node int) Event {
	return Bound{Attempt: 1, Node: node, NodeName: "n", InstanceID: "i-other"}
}
func startOther(node int) Event { return Started{Attempt: 1, Node: node, At: t1} }

func endNode(node, code int) Event {
	return Ended{Attempt: 1, Node: node, Succeeded: code == 0, StatusReason: ReasonExited, Containers: exit(code, "")}
}

func TestMainNodeDecides(t *testing.T) {
	t.Parallel()
	const succeeded, failed = batch.StatusSucceeded, batch.StatusFailed
	lost := Ended{Attempt: 1, Node: 1, StatusReason: HostTerminated("i-1")}
	failedStart := func(node int) Event {
		return StartFailed{Attempt: 1, Node: node, Container: "default", Reason: "CannotPullContainerError: x"}
	}
	upMain := []Event{admitGang, bindMain, startMain}
	up := slices.Concat(upMain, []Event{bindOther(0), startOther(0), bindOther(2), startOther(2)})
	with := func(more ...Event) []Event { return slices.Concat(up, more) }
	cases := map[string]struct {
		section     string // of the contract
		attempts    int
		events      []Event
		wantStatus  batch.JobStatus
		wantReason  string
		wantNodes   []batch.JobStatus // of the latest attempt
		wantEffects []Effect          // of the last event
	}{
		"a gang waits as one entry":                   {"5.5", 1, []Event{admitGang}, batch.StatusRunnable, "", []batch.JobStatus{"RUNNABLE", "RUNNABLE", "RUNNABLE"}, nil},
		"another node's pod bound first":              {"7.4", 1, []Event{admitGang, bindOther(0)}, batch.StatusRunnable, "", []batch.JobStatus{"STARTING", "RUNNABLE", "RUNNABLE"}, nil},
		"the main node bound":                         {"4.1", 1, []Event{admitGang, bindMain}, batch.StatusStarting, "", []batch.JobStatus{"RUNNABLE", "STARTING", "RUNNABLE"}, nil},
		"another node started first":                  {"7.4", 1, []Event{admitGang, bindMain, bindOther(2), startOther(2)}, batch.StatusStarting, "", []batch.JobStatus{"RUNNABLE", "STARTING", "RUNNING"}, nil},
		"the main node started":                       {"4.1", 1, upMain, batch.StatusRunning, "", []batch.JobStatus{"RUNNABLE", "RUNNING", "RUNNABLE"}, nil},
		"another node's success is its own":           {"7.4", 1, with(endNode(0, 0)), batch.StatusRunning, "", []batch.JobStatus{"SUCCEEDED", "RUNNING", "RUNNING"}, []Effect{ReleasePod}},
		"another node's failure is its own":           {"7.4", 1, with(endNode(2, 7)), batch.StatusRunning, "", []batch.JobStatus{"RUNNING", "RUNNING", "FAILED"}, []Effect{ReleasePod}},
		"a node's end is told once":                   {"4.1", 1, with(endNode(2, 7), endNode(2, 0)), batch.StatusRunning, "", []batch.JobStatus{"RUNNING", "RUNNING", "FAILED"}, []Effect{ReleasePod}},
		"another node's failed start is its own":      {"7.4", 1, append(upMain[:3:3], bindOther(0), failedStart(0)), batch.StatusRunning, "", []batch.JobStatus{"STARTING", "RUNNING", "RUNNABLE"}, []Effect{StopPod}},
		"and ends with its pod":                       {"4.5", 1, append(upMain[:3:3], bindOther(0), failedStart(0), endNode(0, 0)), batch.StatusRunning, "", []batch.JobStatus{"FAILED", "RUNNING", "RUNNABLE"}, []Effect{ReleasePod}},
		"exit 0 of the main node succeeds":            {"7.4", 1, with(endNode(1, 0)), succeeded, ReasonExited, []batch.JobStatus{succeeded, succeeded, succeeded}, []Effect{ReleasePod, Dispatch, StopPod}},
		"whatever the other nodes did before":         {"7.4", 1, with(endNode(2, 7), endNode(1, 0)), succeeded, ReasonExited, []batch.JobStatus{succeeded, succeeded, failed}, []Effect{ReleasePod, Dispatch, StopPod}},
		"exit 3 of the main node fails":               {"7.4", 1, with(endNode(1, 3)), failed, ReasonExited, []batch.JobStatus{failed, failed, failed}, []Effect{ReleasePod, Dispatch, StopPod}},
		"the main node's failure retries all nodes":   {"4.3", 2, with(endNode(1, 3)), batch.StatusRunnable, "", []batch.JobStatus{failed, failed, failed}, []Effect{ReleasePod, Dispatch, StopPod}},
		"the main node's host lost":                   {"4.5", 1, with(lost), failed, "Host EC2 (instance i-1) terminated.", []batch.JobStatus{failed, failed, failed}, []Effect{ReleasePod, Dispatch, StopPod}},
		"the main node's image cannot be pulled":      {"4.5", 1, []Event{admitGang, bindMain, bindOther(0), failedStart(1), endNode(1, 0)}, failed, ReasonStartFailed, []batch.JobStatus{failed, failed, failed}, []Effect{ReleasePod, Dispatch, StopPod}},
		"a timeout is the whole job's":                {"4.4", 3, with(TimedOut{1}, endNode(1, 137)), failed, ReasonTimedOut, []batch.JobStatus{failed, failed, failed}, []Effect{ReleasePod, Dispatch, StopPod}},
		"terminate stops all nodes":                   {"4.7", 3, with(Terminated{"enough"}), batch.StatusRunning, "", []batch.JobStatus{"RUNNING", "RUNNING", "RUNNING"}, []Effect{StopPod}},
		"and fails with the caller's reason":          {"4.7", 3, with(Terminated{"enough"}, endNode(0, 143), endNode(1, 143)), failed, "enough", []batch.JobStatus{failed, failed, failed}, []Effect{ReleasePod, Dispatch, StopPod}},
		"cancel before the main node is bound":        {"4.7", 1, []Event{admitGang, bindOther(0), Cancelled{"enough"}}, failed, "enough", nil, []Effect{StopPod, Dispatch}},
		"an unbound gang is withdrawn":                {"4.1", 1, []Event{admitGang, Withdrawn{Attempt: 1}}, batch.StatusRunnable, "", nil, []Effect{Dispatch}},
		"a gang that has a node is not":               {"4.1", 1, []Event{admitGang, bindOther(2), Withdrawn{Attempt: 1}}, batch.StatusRunnable, "", []batch.JobStatus{"RUNNABLE", "RUNNABLE", "STARTING"}, nil},
		"a pod that cannot be made takes the others":  {"4.1", 3, []Event{admitGang, Rejected{1, "bad"}}, failed, "bad", nil, []Effect{StopPod, Dispatch}},
		"a node that the job does not have":           {"3.8", 1, []Event{admitGang, Bound{Attempt: 1, Node: 3}}, batch.StatusRunnable, "", []batch.JobStatus{"RUNNABLE", "RUNNABLE", "RUNNABLE"}, nil},
		"a late end of another node only lets it go":  {"4.1", 1, with(endNode(1, 0), endNode(0, 9)), succeeded, ReasonExited, []batch.JobStatus{succeeded, succeeded, succeeded}, []Effect{ReleasePod}},
		"an ended node that starts again stays ended": {"4.1", 1, with(endNode(0, 0), bindOther(0), startOther(0)), batch.StatusRunning, "", []batch.JobStatus{"SUCCEEDED", "RUNNING", "RUNNING"}, nil},
	}
	for name, tc := range cases {
		t.Run(tc.section+" "+name, func(t *testing.T) {
			t.Parallel()
			last := len(tc.events) - 1
			got, effects, err := Step(after(t, gang(tc.attempts), tc.events[:last]...), tc.events[last], t2)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != tc.wantStatus || got.StatusReason != tc.wantReason {
				t.Errorf("got %s %q, want %s %q", got.Status, got.StatusReason, tc.wantStatus, tc.wantReason)
			}
			if diff := cmp.Diff(tc.wantEffects, effects); diff != "" {
				t.Errorf("effects mismatch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantNodes, nodeStatuses(got)); diff != "" {
				t.Errorf("nodes mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// nodeStatuses are those of the latest attempt.
func nodeStatuses(job batch.Job) []batch.JobStatus {
	a := job.Current
	if a == nil && len(job.Attempts) > 0 {
		a = &job.Attempts[len(job.Attempts)-1]
	}
	if a == nil {
		return nil
	}
	var out []batch.JobStatus
	for _, n := range a.Nodes {
		out = append(out, n.Status)
	}
	return out
}

// Contract 7.4: the main node's end stops the others; their exit codes are not waited for.
func TestNodesStoppedByTheMainNodeKeepNoExitCode(t *testing.T) {
	t.Parallel()
	job := after(t, gang(1), admitGang, bindMain, startMain, bindOther(0), startOther(0), endNode(2, 7),
		Ended{Attempt: 1, Node: 1, StatusReason: HostTerminated("i-1"), StoppedAt: t2})
	a := job.Attempts[0]
	if a.PodName != "p1" || a.NodeName != "n1" || a.StartedAt != t1 || a.StoppedAt != t2 || a.StatusReason != a.Nodes[1].StatusReason {
		t.Errorf("the attempt is not the main node's: %+v", a)
	}
	if n := a.Nodes[0]; n.StoppedAt != t2 || n.Containers != nil || n.StatusReason != HostTerminated("i-1") {
		t.Errorf("stopped node %+v", n)
	}
	if n := a.Nodes[2]; *n.Containers[0].ExitCode != 7 || n.StatusReason != ReasonExited {
		t.Errorf("node that had ended before %+v", n)
	}
}

// Contract 3.8: numNodes is fixed once the overrides are applied.
func TestAdmissionNamesEveryNode(t *testing.T) {
	t.Parallel()
	for name, ev := range map[string]Admitted{"none": admit, "too few": {Nodes: []string{"p0"}}} {
		if _, _, err := Step(gang(1), ev, t2); !errors.Is(err, ErrIllegalTransition) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestStepThroughStopsAtEachStatus(t *testing.T) {
	t.Parallel()
	events := []Event{bindOther(0), bindOther(2), bindMain, startOther(0), startMain, endNode(2, 1), endNode(1, 0), endNode(0, 0)}
	job := after(t, gang(1), admitGang)
	var writes []batch.JobStatus
	for len(events) > 0 {
		next, _, n, err := StepThrough(job, events, t2)
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, next.Status)
		job, events = next, events[n:]
	}
	want := []batch.JobStatus{batch.StatusStarting, batch.StatusRunning, batch.StatusSucceeded, batch.StatusSucceeded}
	if diff := cmp.Diff(want, writes); diff != "" {
		t.Errorf("writes mismatch (-want +got):\n%s", diff)
	}
}
