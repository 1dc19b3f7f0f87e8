// SPDX-License-Identifier: Apache-2.0

package explain

import "strings"

// Code is a reason's name, which does not change: a class, a colon, and what of it.
type Code string

// The codes, in the order of a job's life. AWS Batch's own are spelt as it spells them.
const (
	DependencyWaiting Code = "DEPENDENCY:WAITING"
	ArrayChildren     Code = "ARRAY:CHILDREN"
	JobSubmitted      Code = "JOB:SUBMITTED"

	QueueDeleting       Code = "QUEUE:DELETING"
	QueuePaused         Code = "POLICY:QUEUE_PAUSED"
	EnvironmentMissing  Code = "ENVIRONMENT:MISSING"
	EnvironmentDisabled Code = "ENVIRONMENT:DISABLED"
	EnvironmentInvalid  Code = "ENVIRONMENT:INVALID"
	EnvironmentCreating Code = "ENVIRONMENT:CREATING"
	EnvironmentDeleting Code = "ENVIRONMENT:DELETING"
	ClusterUnreachable  Code = "CLUSTER:UNREACHABLE"
	ClusterUnknown      Code = "CLUSTER:UNKNOWN"
	GangNoEnvironment   Code = "GANG:NO_ENVIRONMENT"
	MaxResource         Code = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
	ConsumableMissing   Code = "CONSUMABLE:MISSING"
	ConsumableTooMany   Code = "CONSUMABLE:MORE_THAN_THERE_IS"
	ConsumableShort     Code = "CONSUMABLE:SHORT"
	WaitingTurn         Code = "QUEUE:WAITING_TURN"
	QuotaMaxVCPUs       Code = "QUOTA:MAX_VCPUS"
	ShareReserved       Code = "SHARE:RESERVED"
	QueueNext           Code = "QUEUE:NEXT"

	PodAdmissionDenied Code = "POD:ADMISSION_DENIED"
	PodServiceAccount  Code = "POD:SERVICE_ACCOUNT"
	PodNamespace       Code = "POD:NAMESPACE"
	PodQuota           Code = "QUOTA:NAMESPACE"
	PodRefused         Code = "POD:REFUSED"

	NodeLaunching        Code = "NODE:LAUNCHING"
	NodeNone             Code = "NODE:NONE"
	GangShort            Code = "GANG:SHORT"
	SchedulingNoRoom     Code = "SCHEDULING:NO_ROOM"
	SchedulingTaint      Code = "SCHEDULING:TAINT"
	SchedulingSelector   Code = "SCHEDULING:SELECTOR"
	SchedulingOther      Code = "SCHEDULING:OTHER"
	JobRequirement       Code = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
	InsufficientCapacity Code = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
	CapacitySubnet       Code = "CAPACITY:SUBNET_ADDRESSES"
	CapacityCloudQuota   Code = "CAPACITY:CLOUD_QUOTA"
	LaunchThrottled      Code = "CAPACITY:LAUNCH_THROTTLED"
	LaunchDenied         Code = "MISCONFIGURATION:FLEET_ACCESS_DENIED"
	LaunchFailed         Code = "MISCONFIGURATION:FLEET_LAUNCH_FAILED"
	JobBlocked           Code = "JOB:BLOCKED"

	PodStarting        Code = "POD:STARTING"
	PodImagePull       Code = "POD:IMAGE_PULL"
	PodContainerConfig Code = "POD:CONTAINER_CONFIG"
	JobRunning         Code = "JOB:RUNNING"
	JobStopping        Code = "JOB:STOPPING"

	JobSucceeded     Code = "JOB:SUCCEEDED"
	ExitCode         Code = "EXIT:CODE"
	ExitOutOfMemory  Code = "EXIT:OUT_OF_MEMORY"
	NodeLost         Code = "NODE:LOST"
	PodStartFailed   Code = "POD:START_FAILED"
	PodRejected      Code = "POD:REJECTED"
	LimitAttempt     Code = "LIMIT:ATTEMPT_TIMEOUT"
	LimitState       Code = "LIMIT:JOB_STATE_TIME"
	DependencyFailed Code = "DEPENDENCY:FAILED"
	ArrayChildFailed Code = "ARRAY:CHILD_FAILED"
	JobCancelled     Code = "JOB:CANCELLED"
	JobTerminated    Code = "JOB:TERMINATED"
	QueueDeleted     Code = "QUEUE:DELETED"
	JobFailed        Code = "JOB:FAILED"
)

// Kind is what becomes of a job by itself.
type Kind string

// The kinds.
const (
	KindWaits   Kind = "waits"   // it goes on by itself
	KindBlocked Kind = "blocked" // it does not before somebody changes something
	KindRuns    Kind = "runs"
	KindEnded   Kind = "ended"
)

// Entry is what is known of a code, whichever job has it.
type Entry struct {
	Code    Code
	Kind    Kind
	Meaning string
	// Next is what to do. {queue}, {environment}, {cluster}, {consumable} and {share} stand for what the job names.
	Next string
}

// Entries are those of all codes, in the order of a job's life.
func Entries() []Entry { return entries[:] }

// EntryOf is the entry of a code.
func EntryOf(code Code) Entry {
	for i := range entries {
		if entries[i].Code == code {
			return entries[i]
		}
	}
	return Entry{Code: code, Kind: KindBlocked}
}

var entries = [...]Entry{
	{JobSubmitted, KindWaits, "The job was stored, and what it depends on is being looked at.", "Nothing: it takes a moment."},
	{DependencyWaiting, KindWaits, "The job waits for jobs of its dependsOn to succeed.", "Look at the jobs that it waits for: explain the first of them."},
	{ArrayChildren, KindWaits, "The job is an array; it ends when all of its children have.", "Look at its children: list them by status, and explain one that waits."},

	{QueueDeleting, KindBlocked, "The job's queue is being deleted, which ends its jobs.", "Submit the job to another queue."},
	{QueuePaused, KindBlocked, "Job queue {queue} has the tag muster.sh/paused=true: nothing of it is admitted. What runs goes on, and submissions are taken.", "Take the tag muster.sh/paused off job queue {queue} (UntagResource) when its jobs may start."},
	{EnvironmentMissing, KindBlocked, "The queue has no compute environment that exists.", "Give job queue {queue} a compute environment (UpdateJobQueue)."},
	{EnvironmentDisabled, KindBlocked, "The compute environments of the queue are DISABLED.", "Enable compute environment {environment} (UpdateComputeEnvironment, state ENABLED), or give job queue {queue} another."},
	{EnvironmentInvalid, KindBlocked, "The compute environments of the queue are INVALID.", "Look at the statusReason of compute environment {environment}, and mend what it names."},
	{EnvironmentCreating, KindWaits, "The compute environment is being made.", "Nothing: it becomes VALID by itself, in seconds; else its statusReason says why not."},
	{EnvironmentDeleting, KindBlocked, "The compute environments of the queue are being deleted.", "Give job queue {queue} another compute environment (UpdateJobQueue)."},
	{ClusterUnreachable, KindWaits, "The Kubernetes API server of the environment's cluster does not answer. What runs there runs on.", "See that cluster {cluster} answers queue-api; jobs go on by themselves once it does."},
	{ClusterUnknown, KindBlocked, "No cluster is registered under the environment's eksClusterArn.", "Register cluster {cluster}, or correct the eksClusterArn of compute environment {environment}."},
	{GangNoEnvironment, KindBlocked, "Multi-node jobs run neither in UNMANAGED nor in Spot compute environments, and the queue has no others.", "Give job queue {queue} a MANAGED compute environment of type EC2."},
	{MaxResource, KindBlocked, "The job asks for more vCPUs than any compute environment of its queue may have in all.", "Ask for fewer vCPUs, or raise maxvCpus of compute environment {environment}."},
	{ConsumableMissing, KindBlocked, "The job needs a consumable resource that does not exist.", "Create consumable resource {consumable} (CreateConsumableResource)."},
	{ConsumableTooMany, KindBlocked, "The job needs more of a consumable resource than there is in all.", "Ask for less, or raise the total quantity of consumable resource {consumable} (UpdateConsumableResource)."},
	{ConsumableShort, KindWaits, "Too little of a consumable resource is free for the job.", "Wait until jobs that hold {consumable} end, or raise its total quantity (UpdateConsumableResource)."},
	{WaitingTurn, KindWaits, "Other jobs of its queue or share go first.", "Wait. If it takes too long, raise maxvCpus, or the job's share or priority."},
	{QuotaMaxVCPUs, KindWaits, "The compute environments of the queue have as many vCPUs in use as maxvCpus allows.", "Wait until jobs in compute environment {environment} end, or raise its maxvCpus (UpdateComputeEnvironment)."},
	{ShareReserved, KindWaits, "What is free is kept for shares that are not active now (computeReservation of the scheduling policy).", "Wait until jobs of job queue {queue} end, or lower computeReservation (UpdateSchedulingPolicy)."},
	{QueueNext, KindWaits, "The job is next, and there is room for it.", "Nothing: it is admitted in a moment, unless a job of another share or queue goes first."},

	{PodAdmissionDenied, KindBlocked, "The cluster's admission refuses the job's pod: Pod Security, a policy or a webhook.", "Change what the reason names in the job definition, or have the policy changed; it is tried again by itself."},
	{PodServiceAccount, KindBlocked, "The service account that the job names does not exist in its namespace.", "Create the service account, or name another in the job definition; it is tried again by itself."},
	{PodNamespace, KindBlocked, "The namespace of the job's pod does not exist.", "Create the namespace; it is tried again by itself."},
	{PodQuota, KindWaits, "A ResourceQuota of the namespace is used up.", "Wait until pods of the namespace end, or raise the ResourceQuota."},
	{PodRefused, KindBlocked, "The cluster refuses the job's pod for what is around it.", "Change in the cluster what the reason names; it is tried again by itself."},

	{NodeLaunching, KindWaits, "The job's pod waits for a node, which is being launched or gets free.", "Wait: see the estimate. The compute environment's statusReason says if instances do not join."},
	{NodeNone, KindBlocked, "The compute environment is UNMANAGED and has no node for the job's pod.", "Add nodes with the label and taint of compute environment {environment}."},
	{GangShort, KindWaits, "The nodes have room for some pods of the multi-node job or gang, and it starts only as a whole.", "Wait until there is room for the rest, or ask for fewer nodes."},
	{SchedulingNoRoom, KindWaits, "The nodes of the compute environment have too little room left for the job's pod.", "Wait until pods end, or add nodes."},
	{SchedulingTaint, KindBlocked, "Nodes have a taint that the job's pod does not tolerate.", "Take the taint that the scheduler names off the nodes, or add a toleration."},
	{SchedulingSelector, KindBlocked, "Nodes would be large enough, but the pod's node selector, affinity or tolerations do not admit them.", "Change the node selector, affinity or tolerations of the job definition, or the instance types of compute environment {environment}."},
	{SchedulingOther, KindWaits, "The scheduler finds no node for the job's pod.", "Look at what the scheduler says."},
	{JobRequirement, KindBlocked, "No instance type of the compute environments holds the job.", "Ask for less, or give compute environment {environment} larger instance types."},
	{InsufficientCapacity, KindWaits, "The cloud has no machine of the environment's instance types now.", "Wait: it is tried again by itself. More instance types, zones or compute environments find room sooner."},
	{CapacitySubnet, KindBlocked, "The subnets of the compute environment have no addresses left.", "Give compute environment {environment} larger or more subnets."},
	{CapacityCloudQuota, KindBlocked, "The account's quota at the cloud is used up.", "Have the quota that the reason names raised, or wait until other instances end."},
	{LaunchThrottled, KindWaits, "The cloud throttles launches.", "Nothing: it is tried again by itself."},
	{LaunchDenied, KindBlocked, "The autoscaler may not launch instances.", "Give the autoscaler the rights that the reason names; batch-autoscaler doctor says which are missing."},
	{LaunchFailed, KindBlocked, "Launching an instance failed.", "Look at the cloud's words in the reason, and mend compute environment {environment}; batch-autoscaler doctor says what is wrong."},
	{JobBlocked, KindWaits, "The job cannot start, for the reason that is given.", "Look at the reason."},

	{PodStarting, KindWaits, "The job's pod has a node; images are pulled and containers begin.", "Nothing: large images take a while."},
	{PodImagePull, KindBlocked, "An image cannot be pulled.", "Correct the image in the job definition, or the right to pull it; the attempt fails if it goes on."},
	{PodContainerConfig, KindBlocked, "A container cannot be made, as for a Secret or ConfigMap that does not exist.", "Create what the reason names, or correct the job definition; the attempt fails if it goes on."},
	{JobRunning, KindRuns, "The job runs.", "Follow its log."},
	{JobStopping, KindRuns, "The job was told to stop, and its containers have not ended yet.", "Nothing: they are killed at the end of their grace period."},

	{JobSucceeded, KindEnded, "The job did what it had to.", "Nothing."},
	{ExitCode, KindEnded, "A container ended with another exit code than 0, and no attempt is left.", "Look at the log of the last attempt."},
	{ExitOutOfMemory, KindEnded, "A container was killed as it used more memory than it asked for.", "Ask for more memory."},
	{NodeLost, KindEnded, "The node went away, as Spot instances do, and no attempt is left.", "Submit it again; a retryStrategy that retries on \"Host EC2*\" does so by itself."},
	{PodStartFailed, KindEnded, "The job's containers could not be started.", "Look at the reason of its container in DescribeJobs."},
	{PodRejected, KindEnded, "Kubernetes refused the job's pod for what is in it.", "Correct in the job definition what the reason names."},
	{LimitAttempt, KindEnded, "The attempt ran longer than the job's timeout.", "Raise attemptDurationSeconds, or see why it took so long."},
	{LimitState, KindEnded, "The job waited longer than jobStateTimeLimitActions of its queue allow.", "Mend what the reason names, and submit it again; or raise the limit of job queue {queue}."},
	{DependencyFailed, KindEnded, "A job that it depended on failed.", "Look at the jobs that it depended on, and submit it again once they succeed."},
	{ArrayChildFailed, KindEnded, "A child of the array failed.", "Look at the children that FAILED."},
	{JobCancelled, KindEnded, "It was cancelled, for the reason that is given.", "Nothing."},
	{JobTerminated, KindEnded, "It was terminated, for the reason that is given.", "Nothing."},
	{QueueDeleted, KindEnded, "Its queue was deleted.", "Submit it to another queue."},
	{JobFailed, KindEnded, "The job failed, for the reason that is given.", "Look at the reason, and at the log of the last attempt."},
}

// fill puts names into what to do.
func fill(text string, names map[string]string) string {
	pairs := make([]string, 0, 2*len(placeholders))
	for _, p := range placeholders {
		name := names[p]
		if name == "" {
			name = "of the job"
		}
		pairs = append(pairs, "{"+p+"}", name)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// placeholders are what a Next may name.
var placeholders = [...]string{"queue", "environment", "cluster", "consumable", "share"}
