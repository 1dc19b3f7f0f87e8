// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Status reasons in AWS Batch's words; clients compare some of them for equality.
const (
	ReasonTimedOut     = "Job attempt duration exceeded timeout"
	ReasonExited       = "Essential container in task exited"
	ReasonStartFailed  = "Task failed to start"
	ReasonQueueDeleted = "JobQueue deleted"
	// ReasonDependencyFailed is a job's whose dependency failed, ReasonChildFailed an array's with a failed child.
	ReasonDependencyFailed = "Dependent Job failed"
	ReasonChildFailed      = "Array Child Job failed"
	// ReasonPreempted is an attempt's that was ended for work of higher rank. AWS Batch has no such text.
	ReasonPreempted = "Job attempt preempted by work of higher priority"
	// CanceledByTimeLimit begins the reason of a job that a time limit of its queue cancelled; the limit's code follows.
	CanceledByTimeLimit = "Canceled by JobStateTimeLimit action due to reason: "
	// HostEC2 begins the reason of an attempt whose node went away.
	HostEC2 = "Host EC2"
	// ReasonOutOfMemory is what a container job says where Kubernetes says OOMKilled.
	ReasonOutOfMemory = "OutOfMemoryError: Container killed due to memory usage"
)

// HostTerminated is the reason of an attempt whose node went away; Spot-aware clients look for it.
func HostTerminated(instanceID string) string {
	return HostEC2 + " (instance " + instanceID + ") terminated."
}

// Event is something that happened to a job. The events of this package are all there are.
type Event interface {
	apply(job batch.Job, now time.Time) (batch.Job, []Effect, error)
}

var (
	_ Event = Cancelled{}
	_ Event = Terminated{}
	_ Event = Blocked{}
	_ Event = Admitted{}
	_ Event = Withdrawn{}
	_ Event = Bound{}
	_ Event = Started{}
	_ Event = Rejected{}
	_ Event = Stuck{}
	_ Event = StartFailed{}
	_ Event = TimedOut{}
	_ Event = Ended{}
	_ Event = NotReplaced{}
	_ Event = DependencyEnded{}
	_ Event = ChildrenEnded{}
	_ Event = Adopted{}
	_ Event = GivenUp{}
)

// Cancelled is CancelJob. AWS Batch: a job that has not reached STARTING fails with the caller's reason; any other is left
// alone. An array fails once its children have ended; those without a record of their own fail with it, at once.
type Cancelled struct{ Reason string }

func (ev Cancelled) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if job.IsArray() {
		return stopArray(job, batch.Stop{Kind: batch.StopCancelled, Reason: ev.Reason}, now), nil, nil
	}
	switch job.Status {
	case batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable:
		job.Stop = &batch.Stop{Kind: batch.StopCancelled, Reason: ev.Reason}
		return stopWaiting(job, now)
	case batch.StatusStarting, batch.StatusRunning, batch.StatusSucceeded, batch.StatusFailed:
	}
	return job, nil, nil
}

// Terminated is TerminateJob. AWS Batch: as CancelJob before STARTING; a job that is STARTING or RUNNING is stopped and
// fails with the caller's reason, whatever its containers say, and is not retried.
type Terminated struct{ Reason string }

func (ev Terminated) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if job.IsArray() {
		return stopArray(job, batch.Stop{Kind: batch.StopTerminated, Reason: ev.Reason}, now), nil, nil
	}
	switch job.Status {
	case batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable:
		job.Stop = &batch.Stop{Kind: batch.StopTerminated, Reason: ev.Reason}
		return stopWaiting(job, now)
	case batch.StatusStarting, batch.StatusRunning:
		if job.Stop != nil {
			return job, nil, nil
		}
		job.Stop = &batch.Stop{Kind: batch.StopTerminated, Reason: ev.Reason}
		return job, []Effect{StopPod}, nil
	case batch.StatusSucceeded, batch.StatusFailed:
	}
	return job, nil, nil
}

// stopWaiting fails a job none of whose containers has run yet.
func stopWaiting(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	var effects []Effect
	if job.Current != nil {
		effects = []Effect{StopPod, Dispatch}
	}
	return fail(job, job.Stop.Reason, now), effects, nil
}

// Blocked tells why a RUNNABLE job cannot start, in AWS Batch's "CODE:DETAIL - sentence" form; an empty Reason clears it.
type Blocked struct{ Reason string }

func (ev Blocked) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusRunnable {
		return job, nil, nil
	}
	return explain(job, ev.Reason, now), nil, nil
}

// explain sets why a RUNNABLE job waits. BlockedAt stays while only the sentence changes.
func explain(job batch.Job, reason string, now time.Time) batch.Job {
	switch code := BlockedCode(reason); {
	case code == "":
		job.BlockedAt = time.Time{}
	case code != BlockedCode(job.StatusReason) || job.BlockedAt.IsZero():
		job.BlockedAt = now
	}
	job.StatusReason = reason
	return job
}

// Admitted gives a waiting job its next attempt. The status stays RUNNABLE: AWS Batch says STARTING once a node is chosen.
type Admitted struct {
	ComputeEnvironment string
	Cluster            string // see batch.Attempt
	PodName            string // may be empty for a multi-node job: the main node's is in Nodes
	PodNamespace       string
	// Nodes are the names of a multi-node job's pods by node index; nil for any other job.
	Nodes []string
}

func (ev Admitted) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if !job.IsWaiting() || len(ev.Nodes) != job.NumNodes {
		return job, nil, illegal(job, ev)
	}
	job = explain(job, "", now)
	job.Current = &batch.Attempt{
		Number:             len(job.Attempts) + 1,
		ComputeEnvironment: ev.ComputeEnvironment,
		Cluster:            ev.Cluster,
		PodName:            ev.PodName,
		PodNamespace:       ev.PodNamespace,
		AdmittedAt:         now,
	}
	for _, name := range ev.Nodes {
		job.Current.Nodes = append(job.Current.Nodes, batch.NodeAttempt{Status: batch.StatusRunnable, PodName: name})
	}
	if job.IsMultiNode() {
		job.Current.PodName = ev.Nodes[job.MainNode]
	}
	return job, nil, nil
}

// Withdrawn takes an admission back before a node was chosen for any of its pods; no attempt is used up. The pods must be
// gone already.
type Withdrawn struct {
	Attempt int
	// Reason becomes the statusReason of the waiting job; may be empty.
	Reason string
}

func (ev Withdrawn) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusRunnable || !isCurrent(job, ev.Attempt) || isPartlyBound(job) {
		return job, nil, nil
	}
	job.Current = nil
	return explain(job, ev.Reason, now), []Effect{Dispatch}, nil
}

// Bound says that a pod of the attempt has a node. The main node's makes the job STARTING.
type Bound struct {
	Attempt    int
	Node       int // index of a multi-node job's node, else 0
	NodeName   string
	InstanceID string
	Host       *batch.Host // nil where nothing is known of the node; what is known later is added then
}

func (ev Bound) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if n := otherNode(job, ev.Attempt, ev.Node); n != nil {
		if n.Status == batch.StatusRunnable {
			n.Status, n.NodeName, n.InstanceID = batch.StatusStarting, ev.NodeName, ev.InstanceID
		}
		if n.NodeName == ev.NodeName && n.Host == nil {
			n.Host = ev.Host
		}
		return job, nil, nil
	}
	if !decides(job, ev.Attempt, ev.Node) {
		return job, nil, nil
	}
	if job.Status == batch.StatusRunnable {
		job = explain(job, "", now)
		job.Status = batch.StatusStarting
		job.Current.NodeName, job.Current.InstanceID = ev.NodeName, ev.InstanceID
	}
	if job.Current.NodeName == ev.NodeName && job.Current.Host == nil {
		job.Current.Host = ev.Host
	}
	noteMain(job.Current, job.MainNode, job.Status)
	return job, nil, nil
}

// Started says that containers of a pod of the attempt run. The main node's make the job RUNNING.
type Started struct {
	Attempt int
	Node    int // index of a multi-node job's node, else 0
	At      time.Time
}

func (ev Started) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if n := otherNode(job, ev.Attempt, ev.Node); n != nil {
		if n.Status == batch.StatusStarting {
			n.Status, n.StartedAt = batch.StatusRunning, ev.At
		}
		return job, nil, nil
	}
	if job.Status != batch.StatusStarting || !decides(job, ev.Attempt, ev.Node) {
		return job, nil, nil
	}
	job.Status, job.StatusReason, job.StartedAt, job.Current.StartedAt = batch.StatusRunning, "", ev.At, ev.At
	noteMain(job.Current, job.MainNode, job.Status)
	return job, nil, nil
}

// Rejected says that a pod of the attempt, admitted or about to be, can never be made for what is in it. AWS Batch: a job
// whose definition is invalid fails and is not retried.
type Rejected struct {
	Attempt int
	Reason  string
}

func (ev Rejected) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusRunnable || len(job.Attempts)+1 != ev.Attempt {
		return job, nil, nil
	}
	effects := []Effect{Dispatch}
	if job.Current != nil && job.IsMultiNode() {
		effects = []Effect{StopPod, Dispatch} // other nodes' pods may have been made
	}
	return fail(job, ev.Reason, now), effects, nil
}

// Stuck says that a container of an attempt that starts cannot be made for now, in AWS Batch's form ("CannotPullContainerError:
// …"), or with no Reason that all can. A STARTING job says so; of one kind of trouble the first words stay.
type Stuck struct {
	Attempt int
	Reason  string
}

func (ev Stuck) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusStarting || !isCurrent(job, ev.Attempt) || job.Current.StatusReason != "" {
		return job, nil, nil
	}
	if trouble(ev.Reason) != trouble(job.StatusReason) {
		job.StatusReason = ev.Reason
	}
	return job, nil, nil
}

// trouble is the kind of what keeps a container from being made.
func trouble(reason string) string {
	kind, _, _ := strings.Cut(reason, ":")
	return kind
}

// StartFailed says that the containers of a pod cannot start, as when an image cannot be pulled. The attempt, or the node
// if it is not the main one, ends once the pod is stopped, with this reason whatever its containers say.
type StartFailed struct {
	Attempt   int
	Node      int // index of a multi-node job's node, else 0
	Container string
	// Reason is the container's, in AWS Batch's form: "CannotPullContainerError: …".
	Reason string
}

func (ev StartFailed) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	outcome := []batch.ContainerOutcome{{Name: ev.Container, Reason: ev.Reason}}
	if n := otherNode(job, ev.Attempt, ev.Node); n != nil {
		if n.Status != batch.StatusStarting || n.StatusReason != "" {
			return job, nil, nil
		}
		n.StatusReason, n.Containers = ReasonStartFailed, outcome
		return job, []Effect{StopPod}, nil
	}
	if job.Status != batch.StatusStarting || !decides(job, ev.Attempt, ev.Node) || job.Current.StatusReason != "" {
		return job, nil, nil
	}
	job.Current.StatusReason, job.Current.Containers = ReasonStartFailed, outcome
	noteMain(job.Current, job.MainNode, job.Status)
	return job, []Effect{StopPod}, nil
}

// TimedOut says that the attempt ran longer than the job's timeout. AWS Batch: the job fails and is not retried.
type TimedOut struct{ Attempt int }

func (ev TimedOut) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusRunning || job.Stop != nil || !isCurrent(job, ev.Attempt) {
		return job, nil, nil
	}
	job.Stop = &batch.Stop{Kind: batch.StopTimedOut, Reason: ReasonTimedOut}
	return job, []Effect{StopPod}, nil
}
