// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// job is one of 2 vCPUs that waits.
func job(change ...func(*batch.Job)) *batch.Job {
	j := &batch.Job{
		ID: "00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", Name: "j", Queue: "q", CreatedAt: t0, Status: batch.StatusRunnable,
		Requests: batch.Requests{MilliVCPU: 2000, MemoryMiB: 64},
	}
	for _, f := range change {
		f(j)
	}
	return j
}

// admittedTo gives the job an attempt in ce whose pod has no node.
func admittedTo(change ...func(*batch.Attempt)) func(*batch.Job) {
	return func(j *batch.Job) {
		j.Current = &batch.Attempt{Number: 1, ComputeEnvironment: "ce", PodName: "p", PodNamespace: "jobs", AdmittedAt: t0}
		for _, f := range change {
			f(j.Current)
		}
	}
}

func told(reason string) func(*batch.Job) {
	return func(j *batch.Job) { j.StatusReason, j.BlockedAt = reason, t0 }
}

func managed(change ...func(*batch.ComputeEnvironment)) *batch.ComputeEnvironment {
	e := &batch.ComputeEnvironment{
		Name: "ce", UUID: "u", Type: batch.Managed, State: batch.Enabled, Status: batch.ResourceValid, MaxvCPUs: 8,
		EKS: &batch.EKSConfiguration{ClusterARN: "arn:aws:eks:us-east-1:123456789012:cluster/far"},
	}
	for _, f := range change {
		f(e)
	}
	return e
}

func unmanaged(e *batch.ComputeEnvironment) { e.Type, e.MaxvCPUs = batch.Unmanaged, 0 }

func invalid(reason string) func(*batch.ComputeEnvironment) {
	return func(e *batch.ComputeEnvironment) { e.Status, e.StatusReason = batch.ResourceInvalid, reason }
}

// facts are those of the first of three jobs in a queue before one environment of which 4 of 8 vCPUs are free.
func facts(j *batch.Job, change ...func(*Facts)) *Facts {
	f := &Facts{
		Now: t0.Add(time.Minute), Job: j, Queue: &batch.JobQueue{Name: "q", Number: 1, State: batch.Enabled, Status: batch.ResourceValid},
		Environments: []Environment{{ComputeEnvironment: managed(), UsedMilli: 4000}}, Place: batch.Place{Ahead: 0, Of: 3},
	}
	if j.Current != nil {
		f.Home = &Environment{ComputeEnvironment: managed()}
	}
	for _, c := range change {
		c(f)
	}
	return f
}

func in(used int64, change ...func(*batch.ComputeEnvironment)) func(*Facts) {
	return func(f *Facts) {
		f.Environments = []Environment{{ComputeEnvironment: managed(change...), UsedMilli: used}}
		if f.Home != nil {
			f.Home = &f.Environments[0]
		}
	}
}

func scheduler(words string) func(*Facts) {
	return func(f *Facts) { f.Look = &Look{Scheduler: words} }
}

// failed is a job that ended so.
func failed(reason string, outcome batch.ContainerOutcome) *batch.Job {
	return job(func(j *batch.Job) {
		j.Status, j.StatusReason, j.StoppedAt = batch.StatusFailed, reason, t0
		j.Attempts = []batch.Attempt{{Number: 1, StatusReason: reason, Containers: []batch.ContainerOutcome{outcome}}}
	})
}

func stoppedBy(kind batch.StopKind, reason string) *batch.Job {
	return job(func(j *batch.Job) {
		j.Status, j.StatusReason, j.StoppedAt, j.Stop = batch.StatusFailed, reason, t0, &batch.Stop{Kind: kind, Reason: reason}
	})
}

func needing(quantity int64) func(*batch.Job) {
	return func(j *batch.Job) { j.Consumables = []batch.ConsumableRequirement{{Name: "lic", Quantity: quantity}} }
}

func licences(c *batch.ConsumableResource) func(*Facts) {
	return func(f *Facts) { f.Consumables = map[string]*batch.ConsumableResource{"lic": c} }
}

const ice = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [c5.large]: "

// TestFirstReason is the promise of explain: in each of these situations the first reason is the right one, with its numbers.
func TestFirstReason(t *testing.T) {
	t.Parallel()
	const line = "umber 1 of 3 waiting in job queue q; needs 2 vCPU, 64 MiB; free: ce "
	cases := map[string]struct {
		facts *Facts
		code  Code
		words string // of the reason
		next  string // of what to do
	}{
		"maxvCpus is used up": {facts(job(), in(7000)), QuotaMaxVCPUs, "N" + line + "1 of 8 vCPU.", "ce"},
		"it asks for more than maxvCpus": {
			facts(job(func(j *batch.Job) { j.Requests.MilliVCPU = 9000 }), in(0)), MaxResource, "needs 9 vCPU, 64 MiB; free: ce 8 of 8 vCPU.", "raise maxvCpus of compute environment ce",
		},
		"the dispatcher said that it asks for too much": {facts(job(told(fairshare.ReasonMaxResource))), MaxResource, fairshare.ReasonMaxResource, "ce"},
		"the environment is disabled": {
			facts(job(), in(0, func(e *batch.ComputeEnvironment) { e.State = batch.Disabled })), EnvironmentDisabled, "ce 8 of 8 vCPU (DISABLED).", "Enable compute environment ce",
		},
		"the environment is disabled, and the head was told so": {
			facts(job(told(fairshare.ReasonInvalidCEs)), in(0, func(e *batch.ComputeEnvironment) { e.State = batch.Disabled })), EnvironmentDisabled, fairshare.ReasonInvalidCEs, "Enable",
		},
		"the environment is invalid": {facts(job(), in(0, invalid("CLIENT_ERROR - no such subnet"))), EnvironmentInvalid, "(INVALID)", "statusReason of compute environment ce"},
		"the environment is being made": {
			facts(job(), in(0, func(e *batch.ComputeEnvironment) { e.Status = batch.ResourceCreating })), EnvironmentCreating, "(CREATING)", "by itself",
		},
		"the queue has no environment": {facts(job(), func(f *Facts) { f.Environments = nil }), EnvironmentMissing, "waiting in job queue q", "job queue q"},
		"no instance type fits": {
			facts(job(admittedTo(), told("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue."))),
			JobRequirement, "higher than that can be met", "ce",
		},
		"no node is admitted": {
			facts(job(admittedTo(), told("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - x (a node would be large enough, but the pod's node selector, affinity or tolerations do not admit it)"))),
			SchedulingSelector, "node selector", "selector",
		},
		"the cloud has no machines":    {facts(job(admittedTo(), told(ice+"InsufficientInstanceCapacity: none"))), InsufficientCapacity, ice, "by itself"},
		"the subnet has no addresses":  {facts(job(admittedTo(), told(ice+"InsufficientFreeAddressesInSubnet: none"))), CapacitySubnet, ice, "subnets"},
		"the cloud's quota is used up": {facts(job(admittedTo(), told(ice+"VcpuLimitExceeded: 32"))), CapacityCloudQuota, "VcpuLimitExceeded", "quota"},
		"launches are throttled":       {facts(job(admittedTo(), told(fleetFailed+" - RequestLimitExceeded: slow down"))), LaunchThrottled, "RequestLimitExceeded", "by itself"},
		"the autoscaler may not":       {facts(job(admittedTo(), told(fleetFailed+" - UnauthorizedOperation: no"))), LaunchDenied, "UnauthorizedOperation", "doctor"},
		"a launch failed":              {facts(job(admittedTo(), told(fleetFailed+" - exit status 3: no such rack"))), LaunchFailed, "no such rack", "ce"},
		"it waits for another job": {
			facts(job(func(j *batch.Job) { j.Status = batch.StatusPending }), func(f *Facts) {
				f.Unmet, f.Found = []string{"a", "b"}, map[string]*batch.Job{"a": {Status: batch.StatusRunning}}
			}), DependencyWaiting, "Waiting for 2 jobs: a (RUNNING), b (not found).", "explain the first",
		},
		"what it depended on failed": {failedFacts(lifecycle.ReasonDependencyFailed), DependencyFailed, "Dependent Job failed", "depended on"},
		"its children go on": {
			facts(job(func(j *batch.Job) {
				j.Status, j.ArraySize, j.Children = batch.StatusPending, 9, map[batch.JobStatus]int{batch.StatusRunnable: 6, batch.StatusSucceeded: 3}
			})), ArrayChildren, "3 of 9 children have ended: 6 RUNNABLE, 3 SUCCEEDED.", "children",
		},
		"the queue is paused": {
			facts(job(), func(f *Facts) { f.Queue.Tags = map[string]string{batchmeta.QueuePaused: "true"} }),
			QueuePaused, "Job queue q is paused by its tag muster.sh/paused; n" + line + "4 of 8 vCPU.", "Take the tag muster.sh/paused off job queue q",
		},
		"the queue is paused, and it was told something before": {
			facts(job(told(fairshare.ReasonMaxResource)), func(f *Facts) { f.Queue.Tags = map[string]string{batchmeta.QueuePaused: "true"} }), QueuePaused, "is paused", "off job queue q",
		},
		"the queue is not paused": {
			facts(job(), func(f *Facts) { f.Queue.Tags = map[string]string{batchmeta.QueuePaused: "false"} }), QueueNext, "N" + line, "in a moment",
		},
		"a disabled queue goes on with what it has": {facts(job(), func(f *Facts) { f.Queue.State = batch.Disabled }), QueueNext, "N" + line, "in a moment"},
		"the queue is being deleted":                {facts(job(), func(f *Facts) { f.Queue.Status = batch.ResourceDeleting }), QueueDeleting, "is being deleted", "another queue"},
		"a gang is short of one": {
			facts(job(admittedTo(func(a *batch.Attempt) { a.Nodes = make([]batch.NodeAttempt, 3) })), scheduler("gang jobs/g: 2 of 3 members fit; short of 1 × 2 cpu")),
			GangShort, "3 of 3 pods wait for a node", "rest",
		},
		"a gang has nowhere to go": {
			facts(job(func(j *batch.Job) { j.NumNodes = 3 }), in(0, unmanaged)), GangNoEnvironment, "needs 3 nodes with together 2 vCPU", "MANAGED",
		},
		"Pod Security denies the pod": {
			facts(job(admittedTo(), told(Refused+`: pods "p" is forbidden: violates PodSecurity "restricted:latest": privileged`))), PodAdmissionDenied, "violates PodSecurity", "policy",
		},
		"a policy denies the pod": {
			facts(job(admittedTo(), told(Refused+`: pods "p" is forbidden: ValidatingAdmissionPolicy 'x' with binding 'x' denied request: no`))), PodAdmissionDenied, "denied request", "policy",
		},
		"the service account is missing": {
			facts(job(admittedTo(), told(Refused+`: pods "p" is forbidden: error looking up service account jobs/sa: serviceaccount "sa" not found`))), PodServiceAccount, `"sa" not found`, "service account",
		},
		"the namespace is missing": {facts(job(admittedTo(), told(Refused+`: namespaces "jobs" not found`))), PodNamespace, "not found", "namespace"},
		"the namespace's quota is used up": {
			facts(job(admittedTo(), told(Refused+`: pods "p" is forbidden: exceeded quota: q, requested: cpu=2, used: cpu=7, limited: cpu=8`))), PodQuota, "used: cpu=7", "ResourceQuota",
		},
		"nothing tolerates a taint": {
			facts(job(admittedTo()), in(0, unmanaged), scheduler("0/2 nodes are available: 1 node(s) had untolerated taint {dedicated: x}, 1 node(s) didn't match Pod's node affinity/selector.")),
			SchedulingTaint, "pod p waits for a node", "taint",
		},
		"its nodes are full": {
			facts(job(admittedTo()), in(0, unmanaged), scheduler("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.")),
			SchedulingNoRoom, "pod p waits for a node", "pods end",
		},
		"the unmanaged environment has no nodes": {
			facts(job(admittedTo()), in(0, unmanaged), scheduler("0/1 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.")),
			NodeNone, "Admitted to compute environment ce since", "label and taint of compute environment ce",
		},
		"its node boots": {
			facts(job(admittedTo()), scheduler("0/1 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.")), NodeLaunching, "pod p waits for a node", "estimate",
		},
		"its image cannot be pulled": {
			facts(job(admittedTo(func(a *batch.Attempt) { a.NodeName = "n" }), func(j *batch.Job) {
				j.Status, j.StatusReason = batch.StatusStarting, "CannotPullContainerError: no such image"
			})), PodImagePull, "no such image", "image",
		},
		"its containers begin": {
			facts(job(admittedTo(func(a *batch.Attempt) { a.NodeName = "n" }), func(j *batch.Job) { j.Status = batch.StatusStarting })), PodStarting, "Starts on node n, attempt 1 of 1.", "images",
		},
		"a Secret is missing": {
			facts(job(admittedTo(func(a *batch.Attempt) { a.NodeName = "n" }), func(j *batch.Job) {
				j.Status, j.StatusReason = batch.StatusStarting, `CreateContainerConfigError: secret "s" not found`
			})), PodContainerConfig, `secret "s"`, "Create what the reason names",
		},
		"the rest is kept for other shares": {
			facts(job(func(j *batch.Job) { j.ShareIdentifier = "blue" }), func(f *Facts) {
				f.Shares = &Shares{Usable: &fairshare.Budget{Accepts: true, Milli: 0, MaxMilli: 4000}}
			}), ShareReserved, "without what is kept for other shares 0 of 4 vCPU", "computeReservation",
		},
		"a consumable resource is short": {
			facts(job(needing(2)), licences(&batch.ConsumableResource{TotalQuantity: 3, InUseQuantity: 2})), ConsumableShort, "2 of lic; free: ce 4 of 8 vCPU, lic 1 of 3.", "that hold lic end",
		},
		"a consumable resource is short, as the dispatcher said": {
			facts(job(needing(2), told(ConsumableWait+"lic: 2 needed, 1 of 3 available.")), licences(&batch.ConsumableResource{TotalQuantity: 3, InUseQuantity: 2})), ConsumableShort, "1 of 3", "lic",
		},
		"a consumable resource never is enough": {facts(job(needing(9)), licences(&batch.ConsumableResource{TotalQuantity: 3})), ConsumableTooMany, "9 of lic", "lic"},
		"a consumable resource does not exist":  {facts(job(needing(1)), licences(nil)), ConsumableMissing, "lic 0 (does not exist)", "Create consumable resource lic"},
		"others are ahead":                      {facts(job(), in(8000), func(f *Facts) { f.Place.Ahead = 2 }), WaitingTurn, "Number 3 of 3 waiting", "Wait"},
		"it is next":                            {facts(job()), QueueNext, "N" + line + "4 of 8 vCPU.", "in a moment"},
		"its cluster is cut off before it was admitted": {
			facts(job(), in(0, invalid(Unreachable("far")))), ClusterUnreachable, "(INVALID)", "cluster far",
		},
		"its cluster is cut off": {facts(job(admittedTo()), in(0, invalid(Unreachable("far")))), ClusterUnreachable, "waits for a node; cluster far does not answer.", "cluster far"},
		"its cluster is cut off while it runs": {
			facts(job(admittedTo(func(a *batch.Attempt) { a.NodeName, a.StartedAt = "n", t0 }), func(j *batch.Job) { j.Status = batch.StatusRunning }), in(0, invalid(Unreachable("far")))),
			ClusterUnreachable, "Runs on node n since 2026-01-02T03:04:05Z, attempt 1 of 1; cluster far does not answer.", "cluster far",
		},
		"its cluster did not answer just now": {facts(job(admittedTo()), func(f *Facts) { f.Look = &Look{Failed: true} }), ClusterUnreachable, "waits for a node", "far"},
		"its cluster is not registered":       {facts(job(), in(0, invalid(NoCluster("far")))), ClusterUnknown, "(INVALID)", "Register cluster far"},
		"it is in another cluster": {
			facts(job(admittedTo(func(a *batch.Attempt) { a.Cluster = "arn:aws:eks:us-east-1:123456789012:cluster/far" }))), NodeLaunching, "Admitted to compute environment ce", "estimate",
		},
		"it runs": {
			facts(job(admittedTo(func(a *batch.Attempt) { a.NodeName, a.StartedAt = "n", t0 }), func(j *batch.Job) { j.Status = batch.StatusRunning })), JobRunning, "Runs on node n since", "log",
		},
		"it stops": {
			facts(job(admittedTo(func(a *batch.Attempt) { a.NodeName = "n" }), func(j *batch.Job) {
				j.Status, j.Stop = batch.StatusRunning, &batch.Stop{Kind: batch.StopTerminated, Reason: "enough"}
			})), JobStopping, "enough", "grace",
		},
		"it succeeded":     {endedFacts(job(func(j *batch.Job) { j.Status, j.StatusReason = batch.StatusSucceeded, lifecycle.ReasonExited })), JobSucceeded, lifecycle.ReasonExited, "Nothing"},
		"it exited with 3": {endedFacts(failed(lifecycle.ReasonExited, batch.ContainerOutcome{Name: "c", ExitCode: new(3), Reason: "Error"})), ExitCode, lifecycle.ReasonExited, "log"},
		"it took too much memory": {
			endedFacts(failed(lifecycle.ReasonExited, batch.ContainerOutcome{Name: "c", ExitCode: new(137), Reason: "OOMKilled"})), ExitOutOfMemory, lifecycle.ReasonExited, "memory",
		},
		"its host went away":            {endedFacts(failed(lifecycle.HostTerminated("i-1"), batch.ContainerOutcome{Name: "c"})), NodeLost, "i-1", "retryStrategy"},
		"its image never came":          {endedFacts(failed(lifecycle.ReasonStartFailed, batch.ContainerOutcome{Name: "c", Reason: "CannotPullContainerError: x"})), PodImagePull, "Task failed to start", "image"},
		"its pod never started":         {endedFacts(failed(lifecycle.ReasonStartFailed, batch.ContainerOutcome{Name: "c", Reason: "RunContainerError: x"})), PodStartFailed, "Task failed to start", "container"},
		"its pod was invalid":           {endedFacts(failed(PodInvalid+`: Pod "p" is invalid: spec`, batch.ContainerOutcome{})), PodRejected, "is invalid", "definition"},
		"it ran too long":               {endedFacts(stoppedBy(batch.StopTimedOut, lifecycle.ReasonTimedOut)), LimitAttempt, lifecycle.ReasonTimedOut, "attemptDurationSeconds"},
		"a time limit of its state":     {endedFacts(stoppedBy(batch.StopCancelled, lifecycle.CanceledByTimeLimit+string(InsufficientCapacity))), LimitState, "INSUFFICIENT", "job queue q"},
		"it was cancelled":              {endedFacts(stoppedBy(batch.StopCancelled, "enough")), JobCancelled, "enough", "Nothing"},
		"it was terminated":             {endedFacts(stoppedBy(batch.StopTerminated, "enough")), JobTerminated, "enough", "Nothing"},
		"its queue was deleted":         {endedFacts(stoppedBy(batch.StopTerminated, lifecycle.ReasonQueueDeleted)), QueueDeleted, "JobQueue deleted", "another queue"},
		"a child failed":                {failedFacts(lifecycle.ReasonChildFailed), ArrayChildFailed, "Array Child Job failed", "FAILED"},
		"nobody knows what was told":    {facts(job(admittedTo(), told("pod didn't trigger scale-up: 1 max node group size reached"))), JobBlocked, "max node group size", "reason"},
		"it was only just submitted":    {facts(job(func(j *batch.Job) { j.Status = batch.StatusSubmitted })), JobSubmitted, "Submitted", "moment"},
		"its pod is refused for a role": {facts(job(admittedTo(), told(Refused+`: pods is forbidden: User "q" cannot create resource`))), PodRefused, "cannot create", "cluster"},
	}
	if len(cases) < 20 {
		t.Fatalf("%d situations are too few", len(cases))
	}
	seen := map[Code]bool{}
	for name, tc := range cases {
		seen[tc.code] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := tc.facts.Explain()
			if e.Code != string(tc.code) || !strings.Contains(e.Reason, tc.words) || !strings.Contains(e.Next, tc.next) {
				t.Errorf("got  %s: %s Next: %s\nwant %s: …%s… Next: …%s…", e.Code, e.Reason, e.Next, tc.code, tc.words, tc.next)
			}
			if shown := tc.facts.StatusReason(); shown != "" && shown != e.Reason {
				t.Errorf("statusReason is %q, and the explanation %q", shown, e.Reason)
			}
			if EntryOf(Code(e.Code)).Meaning == "" || strings.ContainsAny(e.Next, "{}") || strings.Contains(e.Next, "  ") {
				t.Errorf("%s is to be followed by %q", e.Code, e.Next)
			}
			if e.Kind == string(KindBlocked) && (e.Estimate == nil || e.Estimate.UnknownBecause == "") {
				t.Errorf("blocked, and to start %+v", e.Estimate)
			}
		})
	}
	for _, e := range Entries() {
		if !seen[e.Code] && e.Code != EnvironmentDeleting && e.Code != SchedulingOther && e.Code != JobFailed {
			t.Errorf("no situation has the code %s", e.Code)
		}
	}
}

func endedFacts(j *batch.Job) *Facts { return &Facts{Now: t0.Add(time.Minute), Job: j} }

func failedFacts(reason string) *Facts {
	return endedFacts(job(func(j *batch.Job) { j.Status, j.StatusReason, j.StoppedAt = batch.StatusFailed, reason, t0 }))
}
