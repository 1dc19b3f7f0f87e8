// SPDX-License-Identifier: Apache-2.0

package batchmeta

// EnvironmentReport is the label of the ConfigMap in which the autoscaler reports on a managed compute environment (writer:
// the autoscaler; reader: queue-api's leader). Its value is the environment's UUID, and the ConfigMap is called
// EnvironmentReportPrefix and the UUID. It is in the namespace of the programs' Leases. A report that is not written again
// stays true.
const EnvironmentReport = "muster.sh/environment-report"

// EnvironmentReportPrefix begins the names of reports.
const EnvironmentReportPrefix = "compute-environment-"

// Keys of the data of a report. What is absent is unknown, or zero.
const (
	// ReportName is the environment's name, for those who look.
	ReportName = "computeEnvironmentName"
	// ReportDesiredVCPUs is a decimal number: the vCPUs of the instances that are there, on their way or being launched, and
	// not leaving. It is what AWS Batch shows as desiredvCpus.
	ReportDesiredVCPUs = "desiredvCpus"
	// ReportStatus is VALID, or INVALID while no instance of the environment can be launched or joins the cluster.
	ReportStatus = "status"
	// ReportStatusReason is in AWS Batch's words where it has any.
	ReportStatusReason = "statusReason"
	// ReportJudgedAt is when ReportStatus was decided (RFC 3339, with fractions of a second). Another time is another
	// judgement, even of the same status.
	ReportJudgedAt = "judgedAt"
	// ReportShortAt is when a launch last failed for want of machines (RFC 3339); absent if one has succeeded since.
	ReportShortAt = "outOfCapacityAt"
	// ReportGeneration is a decimal number: the generation that all instances of the environment are of, and that new ones
	// will be of; absent while there are older ones.
	ReportGeneration = "generation"
	// ReportInstanceTypes are the types that its nodes may be of, as FormatOffers writes them.
	ReportInstanceTypes = "instanceTypes"
	// ReportNodeSeconds is a decimal number: how long the last instance took from its launch to its node.
	ReportNodeSeconds = "nodeSeconds"
	// ReportLastError is the last launch's error, for those who look; absent if one has succeeded since.
	ReportLastError = "lastLaunchError"
)

// InstancesReport is the ConfigMap in which the autoscaler says how many instances it has (writer: the autoscaler; readers: the
// admission policy muster-lock, muster admin uninstall). It is in the namespace of the programs' Leases.
const InstancesReport = "batch-autoscaler-instances"

// Keys of its data.
const (
	// InstancesCount is a decimal number: the instances that are there, on their way, leaving or being launched, of whichever
	// environment.
	InstancesCount = "instances"
	// InstancesCountedAt is when they were counted (RFC 3339, with fractions of a second). It is said again when the number
	// has changed, and now and then.
	InstancesCountedAt = "countedAt"
)
