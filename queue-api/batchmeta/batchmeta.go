// SPDX-License-Identifier: Apache-2.0

package batchmeta

// SchedulerName is the profile of batch-scheduler; podspec writes it to spec.schedulerName, and users may too.
const SchedulerName = "batch-scheduler"

// Keys of AWS Batch on Amazon EKS.
const (
	// ComputeEnvironmentUUID is a node label (writer: fleet, or the admin of an unmanaged environment) and a pod label
	// and nodeSelector (writer: podspec). Its value is ComputeEnvironmentDetail.uuid.
	ComputeEnvironmentUUID = "batch.amazonaws.com/compute-environment-uuid"
	// BatchNode is the key of the NoSchedule and NoExecute taints on nodes (writer: fleet) and of the pods' toleration
	// (writer: podspec; operator Exists): only Batch pods and tolerating DaemonSets run on such nodes.
	BatchNode = "batch.amazonaws.com/batch-node"
	// JobID is a pod label (writer: podspec): the job, or the parent of an array child or multi-node member.
	JobID = "batch.amazonaws.com/job-id"
	// NodeUID is a pod annotation (writer: the Bind plugin, in the Binding): the UID of the chosen node. Containers read
	// it as AWS_BATCH_JOB_KUBERNETES_NODE_UID through the downward API.
	NodeUID = "batch.amazonaws.com/node-uid"
)

// Keys of pods. Readers find everything about a job's pods without Redis.
const (
	// JobQueue is a pod label (writer: podspec): the queue's name.
	JobQueue = "muster.sh/job-queue"
	// Attempt is a pod label (writer: podspec): the attempt's number, from 1.
	Attempt = "muster.sh/attempt"
	// ArrayIndex is a pod label (writer: podspec): the index of an array child.
	ArrayIndex = "muster.sh/array-index"
	// NodeIndex is a pod label (writer: podspec): the index of a multi-node member.
	NodeIndex = "muster.sh/node-index"
	// Gang is a pod label (writer: podspec or a user): members that share it, in one namespace, start together or not at all.
	Gang = "muster.sh/gang"
	// GangSize is a pod annotation (writer: podspec or a user): how many members the gang has, at least 1.
	GangSize = "muster.sh/gang-size"
	// GangMin is a pod annotation (writer: podspec or a user): how many members must start together; absent means GangSize.
	GangMin = "muster.sh/gang-min"
	// PodGroup is a pod label of scheduler-plugins (writer: a user; reader: GangFit): the PodGroup that the pod is a member
	// of. GangTopologyRequired, GangTopologyPreferred and GangOnMemberLoss of such a gang are annotations of the PodGroup.
	PodGroup = "scheduling.x-k8s.io/pod-group"
	// GangTopologyRequired is a pod annotation (writer: podspec, from the job's tag of this key, or a user; reader: GangFit):
	// the node label under one value of which all members of the gang must be, for example topology.kubernetes.io/zone.
	GangTopologyRequired = "muster.sh/gang-topology-required"
	// GangTopologyPreferred is a pod annotation (writers and reader as of GangTopologyRequired): the node label whose values
	// the gang is to span as few of as can be.
	GangTopologyPreferred = "muster.sh/gang-topology-preferred"
	// GangOnMemberLoss is a pod annotation (writer: a user; reader: GangFit) and the tag of a multi-node job (reader:
	// podwatch): what becomes of a gang that lost a member after it started, MemberLossRestart or MemberLossReplace. Absent,
	// GangFit deletes no pod, and podwatch does as AWS Batch does.
	GangOnMemberLoss = "muster.sh/gang-on-member-loss"
	// Preemption is a pod annotation (writer: podspec, for the jobs of a queue that has a tag of this name and value) and one
	// of a PriorityClass (writer: the admin); reader: GangFit. PreemptionEnabled lets the pod, or its gang, take the room of
	// lower-ranked work. On a pod without Rank it means nothing.
	Preemption = "muster.sh/preemption"
	// QueuePaused is a tag of a job queue (writer: a user; reader: dispatch): while it is QueuePausedTrue, nothing of the queue is
	// admitted.
	QueuePaused = "muster.sh/paused"
	// AttemptDuration is a pod annotation (writer: podspec; reader: GangFit): after how many seconds at most the job's
	// timeout ends the attempt.
	AttemptDuration = "muster.sh/attempt-duration-seconds"
	// Nudged is a pod annotation (writer: podwatch; reader: none): when the pod was last changed for no other reason than that
	// its kubelet look at it again.
	Nudged = "muster.sh/nudged"
	// NonEssential is a pod annotation (writer: podspec; reader: podwatch): the containers, by name, separated by commas,
	// that the job does not depend on. The attempt is over when one of the others has ended, and their exit codes alone
	// decide; absent means that every container must end, and all count.
	NonEssential = "muster.sh/non-essential"
	// Rank is a pod annotation (writer: dispatch): the order in which the queue admitted the pod, a decimal number of
	// fixed width, so that lexical and numeric order agree. The QueueSort plugin's key; lower goes first. Its first
	// RankClassDigits are the class of the queue's priority.
	Rank = "muster.sh/rank"
	// Shape is a pod label (writer: podspec): a hash of what matters to placement. The autoscaler counts demand by it.
	Shape = "muster.sh/shape"
	// Job is a pod annotation (writer: podspec): everything needed to rebuild the job's record if Redis lost it, as JSON.
	Job = "muster.sh/job"
	// Traceparent is a pod annotation (writer: podspec, while traces are sent; readers: batch-scheduler, the autoscaler): the
	// trace of the job and the span of the attempt, as W3C's header of that name has them.
	Traceparent = "muster.sh/traceparent"
	// Tracking is a pod finalizer (writer: podspec; remover: podwatch): the outcome is not yet durable.
	Tracking = "muster.sh/tracking"
)

// Keys of nodes (writer: fleet).
const (
	// InstanceID is a node label: the instance behind the node. Where a machine cannot know it before it exists, as on EC2, the
	// autoscaler writes it.
	InstanceID = "muster.sh/instance-id"
	// CapacityType is a node label: CapacityOnDemand or CapacitySpot.
	CapacityType = "muster.sh/capacity-type"
	// NodeGroup is a node label: the autoscaler's node group.
	NodeGroup = "muster.sh/node-group"
	// Generation is a node label: the generation of the environment's infrastructure that the node was launched as, a number
	// from 1. Readers ask IsOutdated.
	Generation = "muster.sh/generation"
	// Outdated is the key of a node taint (writer: the autoscaler): the node is of an older generation than its environment.
	// With effect NoSchedule it takes no new Batch pods, which do not tolerate it; with NoExecute those that it has are ended.
	Outdated = "muster.sh/outdated"
	// SoleTenant is a node label, "true" on nodes that take one pod in all their life, beside the pods of DaemonSets: those of
	// environments of the types FARGATE and FARGATE_SPOT (readers: the SoleTenant plugin, the autoscaler).
	SoleTenant = "muster.sh/sole-tenant"
	// Tenant is a node annotation (writer: the SoleTenant plugin, before the Binding; reader: the autoscaler): the UID of the
	// one pod that such a node is given to.
	Tenant = "muster.sh/tenant"
	// Reserved is a node annotation (writer: the autoscaler; readers: GangFit, the next autoscaler): a Reservation, the gang that
	// the node was bought for or given to, while that waits for its other nodes. Pods of others are not put there before the
	// gang has started, or the time is over.
	Reserved = "muster.sh/reserved"
	// ToBeDeleted is the key of a node taint (writer: cluster-autoscaler, and so the autoscaler; reader: podwatch): the node is
	// idle and its machine about to end, unless the API server shows an unfinished pod on it by then.
	ToBeDeleted = "ToBeDeletedByClusterAutoscaler"
	// LaunchToken is a node annotation: the launch that made a simulated node, by which a repeated launch finds it.
	LaunchToken = "muster.sh/launch-token"
	// Interruption is a node taint (writers: the autoscaler, and batch-node-notices on the node itself): EC2 announced what is to
	// become of the instance. With the effect NoSchedule no more pods come and those that are there go on; with NoExecute
	// Kubernetes ends them, because the instance is about to end. Its value is an Interruption… below: what was announced.
	Interruption = "muster.sh/interruption"
	// InterruptionDeadline is a node annotation (writers as of Interruption; reader: podwatch): when the instance ends, in RFC
	// 3339. The node's pods must have ended by then.
	InterruptionDeadline = "muster.sh/interruption-deadline"
)

// Values of Interruption.
const (
	InterruptionSpot            = "spot"             // EC2 takes a Spot instance back within two minutes
	InterruptionRebalance       = "rebalance"        // a Spot instance is likelier than others to be taken back
	InterruptionStateChange     = "state-change"     // the instance is being stopped or ended
	InterruptionScheduledChange = "scheduled-change" // AWS Health: EC2 will stop, reboot or retire the instance
	InterruptionMaintenance     = "maintenance"      // the same, as the instance itself was told
)

// RankClassDigits is how many leading digits of a Rank are its class: those of two jobs are the same if their queues have
// the same priority, and smaller for the queue of higher priority.
const RankClassDigits = 4

// Values of CapacityType.
const (
	CapacityOnDemand = "on-demand"
	CapacitySpot     = "spot"
)

// Values of GangOnMemberLoss, Preemption and QueuePaused.
const (
	MemberLossRestart = "restart"
	MemberLossReplace = "replace"
	PreemptionEnabled = "enabled"
	QueuePausedTrue   = "true"
)

// ReasonMemberLost is the reason of the condition DisruptionTarget, and of an Event, of the pods that GangFit ends because
// their gang lost other members.
const ReasonMemberLost = "GangMemberLost"

// ReasonScaleUpFailed is the reason of the Event that the autoscaler puts on a pending pod when capacity for it could not
// be launched. Its message begins with AWS Batch's code, for example
// "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - …"; podwatch makes it the waiting job's statusReason.
const ReasonScaleUpFailed = "BatchScaleUpFailed"
