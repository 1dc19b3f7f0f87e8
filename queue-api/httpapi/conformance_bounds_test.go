// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

// bound is a rule that AWS Batch enforces and the model does not hold: %s in the request is what is bounded.
type bound struct {
	operation string
	request   string
	within    []string
	beyond    []string
	want      string // in the refusal
}

// list is n copies of a JSON value.
func list(n int, value string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(value+",", n), ",") + "]"
}

// numbered is n values, each with its number for %d.
func numbered(n int, value string) string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf(value, i)
	}
	return "[" + strings.Join(values, ",") + "]"
}

func text(n int) string { return `"` + strings.Repeat("a", n) + `"` }

const (
	managed    = `{"computeEnvironmentName":"$NEW","type":"MANAGED","computeResources":{"type":"EC2","instanceTypes":["c5"],`
	onEKS      = `{"computeEnvironmentName":"$NEW","type":"UNMANAGED","eksConfiguration":{"eksClusterArn":"arn:aws:eks:us-east-1:123456789012:cluster/c","kubernetesNamespace":%s}}`
	template   = managed + `"maxvCpus":8,"launchTemplate":{"launchTemplateName":"n",`
	newQueue   = `{"jobQueueName":"$NEW",`
	ordered    = `"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}],`
	limited    = newQueue + ordered + `"priority":1,"jobStateTimeLimitActions":[{"state":"RUNNABLE",`
	fair       = `{"name":"$NEW","fairsharePolicy":{`
	container  = `{"jobDefinitionName":"new","type":"container","containerProperties":{"image":"busybox"},`
	pods       = `{"jobDefinitionName":"new","type":"container","eksProperties":{"podProperties":{"containers":`
	pod        = `{"name":"c%d","image":"busybox","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}`
	nodes      = `{"jobDefinitionName":"new","type":"multinode","nodeProperties":{"mainNode":0,`
	nodeRange  = `{"targetNodes":"0:","container":{"image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}}`
	job        = `{"jobName":"new","jobQueue":"queue","jobDefinition":"container",`
	fargateJob = `{"jobDefinitionName":"new","type":"container","platformCapabilities":["FARGATE"],"containerProperties":{"image":"busybox","executionRoleArn":"arn:aws:iam::123456789012:role/r","resourceRequirements":`
	unknownJob = `"00001000-0000-4000-8000-%012d"`
)

// fargateSize is resourceRequirements of so much.
func fargateSize(vcpus string, memoryMiB int) string {
	return fmt.Sprintf(`[{"type":"VCPU","value":%q},{"type":"MEMORY","value":"%d"}]`, vcpus, memoryMiB)
}

// bounds are those of contract sections 2, 3 and 11.
var bounds = []bound{
	{"CreateComputeEnvironment", managed + `"maxvCpus":%s}}`, []string{"1", "2147483647"}, []string{"-1", "0", "2147483648"}, "maxvCpus"},
	{"CreateComputeEnvironment", managed + `"maxvCpus":8,"minvCpus":%s}}`, []string{"0", "8"}, []string{"-1", "9"}, "minvCpus"},
	{"CreateComputeEnvironment", managed + `"maxvCpus":8,"minvCpus":2,"desiredvCpus":%s}}`, []string{"2", "8"}, []string{"1", "9"}, "desiredvCpus"},
	{"CreateComputeEnvironment", managed + `"maxvCpus":8,"bidPercentage":%s}}`, []string{"0", "100"}, []string{"-1", "101"}, "bidPercentage"},
	{"CreateComputeEnvironment", managed + `"maxvCpus":8,"scalingPolicy":{"minScaleDownDelayMinutes":%s}}}`, []string{"0", "20", "10080"}, []string{"-1", "1", "19", "10081"}, "minScaleDownDelayMinutes"},
	{"CreateComputeEnvironment", managed + `"maxvCpus":8,"ec2Configuration":%s}}`, []string{list(1, `{"imageType":"ECS_AL2023"}`), list(2, `{"imageType":"ECS_AL2023"}`)}, []string{list(3, `{"imageType":"ECS_AL2023"}`)}, "ec2Configuration"},
	{"CreateComputeEnvironment", template + `"overrides":%s}}}`, []string{"[]", numbered(10, `{"launchTemplateName":"o","targetInstanceTypes":["c5.%dxlarge"]}`)}, []string{numbered(11, `{"launchTemplateName":"o","targetInstanceTypes":["c5.%dxlarge"]}`)}, "overrides"},
	{"CreateComputeEnvironment", template + `"version":%s}}}`, []string{`"$Default"`, `"$Latest"`, `"7"`, `""`}, []string{`"0"`, `"$Newest"`, `"1.0"`}, "version"},
	{"CreateComputeEnvironment", `{"computeEnvironmentName":"$NEW","type":"UNMANAGED","unmanagedvCpus":%s}`, []string{"0", "2147483647"}, []string{"-1", "2147483648"}, "unmanagedvCpus"},
	{"CreateComputeEnvironment", onEKS, []string{`"a"`, text(63), `"a-1"`}, []string{`""`, text(64), `"default"`, `"kube-x"`, `"-a"`, `"a-"`, `"A"`}, "kubernetesNamespace"},
	{"CreateComputeEnvironment", `{"computeEnvironmentName":"$NEW","type":"UNMANAGED","tags":{%s:"v"}}`, []string{text(128), `"awsx"`}, []string{text(129), `"aws:x"`, `"AWS:x"`}, "tags"},

	{"CreateJobQueue", newQueue + ordered + `"priority":%s}`, []string{"0", "2147483647"}, []string{"-1", "2147483648"}, "priority"},
	{"CreateJobQueue", newQueue + `"priority":1,"computeEnvironmentOrder":%s}`, []string{list(1, `{"order":1,"computeEnvironment":"ce"}`)}, []string{"[]", list(2, `{"order":1,"computeEnvironment":"ce"}`), numbered(4, `{"order":%d,"computeEnvironment":"ce"}`)}, "computeEnvironmentOrder"},
	{"CreateJobQueue", limited + `"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","action":"CANCEL","maxTimeSeconds":%s}]}`, []string{"600", "86400"}, []string{"0", "599", "86401"}, "maxTimeSeconds"},
	{"CreateJobQueue", limited + `"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","maxTimeSeconds":600,"action":%s}]}`, []string{`"CANCEL"`}, []string{`"TERMINATE"`}, "action"},
	{
		"CreateJobQueue", limited + `"action":"CANCEL","maxTimeSeconds":600,"reason":%s}]}`,
		[]string{`"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"`, `"MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"`, `"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"`, `"MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED"`},
		[]string{`""`, `"UNDETERMINED"`, `"ACTION_REQUIRED"`, `"MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS"`},
		"reason",
	},

	{"CreateSchedulingPolicy", fair + `"shareDecaySeconds":%s}}`, []string{"0", "604800"}, []string{"-1", "604801"}, "shareDecaySeconds"},
	{"CreateSchedulingPolicy", fair + `"computeReservation":%s}}`, []string{"0", "99"}, []string{"-1", "100"}, "computeReservation"},
	{"CreateSchedulingPolicy", fair + `"shareDistribution":[{"shareIdentifier":"a","weightFactor":%s}]}}`, []string{"0.0001", "1", "999.9999"}, []string{"0", "-1", "0.00009", "1000"}, "weightFactor"},
	{"CreateSchedulingPolicy", fair + `"shareDistribution":[{"shareIdentifier":%s}]}}`, []string{`"a"`, `"a*"`, text(255)}, []string{`""`, `"*"`, `"a*b"`, `"a-b"`, text(256)}, "shareIdentifier"},
	{"CreateSchedulingPolicy", fair + `"shareDistribution":%s}}`, []string{"[]", numbered(500, `{"shareIdentifier":"s%03d"}`)}, []string{numbered(501, `{"shareIdentifier":"s%03d"}`)}, "shareDistribution"},
	{"DescribeSchedulingPolicies", `{"arns":%s}`, []string{"[]", list(100, `"`+arnBase+`scheduling-policy/p"`)}, []string{list(101, `"`+arnBase+`scheduling-policy/p"`)}, "Maximum number"},

	{"CreateConsumableResource", `{"consumableResourceName":"$NEW","totalQuantity":%s}`, []string{"0", "9007199254740991"}, []string{"-1", "9007199254740992"}, "totalQuantity"},
	{"CreateConsumableResource", `{"consumableResourceName":"$NEW","resourceType":%s}`, []string{`"REPLENISHABLE"`, `"NON_REPLENISHABLE"`}, []string{`""`, `"replenishable"`}, "resourceType"},
	{"UpdateConsumableResource", `{"consumableResource":"licence","operation":"SET","quantity":%s}`, []string{"0", "9007199254740991"}, []string{"-1", "null", "9007199254740992"}, "quantity"},
	{"UpdateConsumableResource", `{"consumableResource":"licence","quantity":0,"operation":%s}`, []string{`"SET"`, `"ADD"`, `"REMOVE"`}, []string{`""`, `"set"`, "null"}, "operation"},

	{"RegisterJobDefinition", container + `"schedulingPriority":%s}`, []string{"0", "9999"}, []string{"-1", "10000"}, "schedulingPriority"},
	{"RegisterJobDefinition", container + `"timeout":{"attemptDurationSeconds":%s}}`, []string{"60", "2147483647"}, []string{"0", "59", "2147483648"}, "attemptDurationSeconds"},
	{"RegisterJobDefinition", container + `"retryStrategy":{"attempts":%s}}`, []string{"1", "10"}, []string{"0", "11"}, "attempts"},
	{"RegisterJobDefinition", container + `"retryStrategy":{"attempts":1,"evaluateOnExit":%s}}`, []string{"[]", list(6, `{"action":"EXIT"}`)}, []string{list(7, `{"action":"EXIT"}`)}, "evaluateOnExit"},
	{"RegisterJobDefinition", container + `"retryStrategy":{"attempts":1,"evaluateOnExit":[{"action":"EXIT","onExitCode":%s}]}}`, []string{`"1"`, `"1*"`, `"*"`}, []string{`"a"`, `"*1"`, text(513)}, "onExitCode"},
	{"RegisterJobDefinition", container + `"retryStrategy":{"attempts":1,"evaluateOnExit":[{"action":"EXIT","onReason":%s}]}}`, []string{`"Host EC2*"`, text(512)}, []string{`"a*b"`, text(513)}, "onReason"},
	{"RegisterJobDefinition", container + `"parameters":{"p":%s}}`, []string{text(23 << 10)}, []string{text(24 << 10)}, "24576 bytes"},
	{"RegisterJobDefinition", container + `"consumableResourceProperties":{"consumableResourceList":%s}}`, []string{numbered(5, `{"consumableResource":"c%d","quantity":1}`)}, []string{numbered(6, `{"consumableResource":"c%d","quantity":1}`)}, "consumableResourceList"},
	{"RegisterJobDefinition", container + `"platformCapabilities":%s}`, []string{"[]", `["EC2"]`}, []string{`["EC2","FARGATE"]`, `["MANAGED_INSTANCES"]`}, "platformCapabilities"},
	{"RegisterJobDefinition", pods + `%s}}}`, []string{numbered(1, pod), numbered(10, pod)}, []string{"[]", numbered(11, pod)}, "containers"},
	{"RegisterJobDefinition", pods + numbered(1, pod) + `,"initContainers":%s}}}`, []string{"[]"}, []string{numbered(11, `{"name":"i%d","image":"busybox"}`)}, "initContainers"},
	{"RegisterJobDefinition", nodes + `"nodeRangeProperties":` + list(1, nodeRange) + `,"numNodes":%s}}`, []string{"1", "1000"}, []string{"0", "1001"}, "numNodes"},
	{"RegisterJobDefinition", nodes + `"numNodes":6,"nodeRangeProperties":%s}}`, []string{list(1, nodeRange)}, []string{"[]", list(6, nodeRange)}, "nodeRangeProperties"},
	{
		"RegisterJobDefinition", fargateJob + `%s}}`,
		[]string{fargateSize("0.25", 512), fargateSize("0.5", 4096), fargateSize("1", 8192), fargateSize("4", 30720), fargateSize("16", 122880)},
		[]string{fargateSize("0.25", 513), fargateSize("0.75", 1024), fargateSize("1", 9216), fargateSize("8", 17408), fargateSize("32", 122880)},
		"Fargate",
	},

	{"SubmitJob", job + `"schedulingPriorityOverride":%s}`, []string{"0", "9999"}, []string{"-1", "10000"}, "schedulingPriorityOverride"},
	{"SubmitJob", job + `"arrayProperties":{"size":%s}}`, []string{"2", "10000"}, []string{"0", "1", "10001"}, "arrayProperties.size"},
	{"SubmitJob", job + `"timeout":{"attemptDurationSeconds":%s}}`, []string{"60"}, []string{"59"}, "attemptDurationSeconds"},
	{"SubmitJob", job + `"retryStrategy":{"attempts":%s}}`, []string{"1", "10"}, []string{"0", "11"}, "attempts"},
	{"SubmitJob", job + `"dependsOn":%s}`, []string{"[]", list(20, `{"jobId":"$JOB"}`)}, []string{list(21, `{"jobId":"$JOB"}`)}, "dependsOn"},
	{"SubmitJob", job + `"parameters":{"p":%s}}`, []string{text(29 << 10)}, []string{text(30 << 10)}, "30720 bytes"},
	{"SubmitJob", job + `"containerOverrides":{"command":[%s]}}`, []string{text(4 << 10)}, nil, ""},
	{"SubmitJob", `{"jobName":"new","jobQueue":"fair","jobDefinition":"container","shareIdentifier":%s}`, []string{`"a"`, text(255)}, []string{`""`, `"a*"`, `"a b"`, text(256)}, "shareIdentifier"},
	{"SubmitJob", job + `"consumableResourcePropertiesOverride":{"consumableResourceList":[{"consumableResource":"licence","quantity":%s}]}}`, []string{"1"}, []string{"0", "-1"}, "quantity"},

	{"DescribeJobs", `{"jobs":%s}`, []string{"[]", numbered(100, unknownJob)}, []string{numbered(101, unknownJob)}, "Maximum number of jobs supported is 100"},
	{"DescribeJobDefinitions", `{"jobDefinitions":%s}`, []string{"[]", list(100, `"d:1"`)}, []string{list(101, `"d:1"`)}, "Maximum number"},
	{"CancelJob", `{"jobId":"$JOB","reason":%s}`, []string{text(1), text(1024)}, []string{`""`, text(1025)}, "reason"},
	{"TerminateJob", `{"jobId":"$JOB","reason":%s}`, []string{text(1), text(1024)}, []string{`""`, text(1025)}, "reason"},
	{"CancelJobs", `{"reason":"r","jobs":%s}`, []string{numbered(50, unknownJob)}, []string{numbered(51, unknownJob)}, "jobs"},
	{"TerminateJobs", `{"reason":"r","jobs":%s}`, []string{numbered(50, unknownJob)}, []string{numbered(51, unknownJob)}, "jobs"},
}

// bounds crosses every bound that the model does not hold, and goes up to it.
func (c *conformance) bounds(t *testing.T) {
	t.Helper()
	s := newBusySite(t, c.model)
	for _, b := range bounds {
		name := b.operation + " " + b.want
		for _, v := range b.within {
			c.accepted(t, s, b.operation, fmt.Sprintf("%s %.60s", name, v), s.call(t.Context(), b.operation, s.fill(fmt.Sprintf(b.request, v))))
		}
		for _, v := range b.beyond {
			c.refused(t, fmt.Sprintf("%s %.60s", name, v), s.call(t.Context(), b.operation, s.fill(fmt.Sprintf(b.request, v))), b.want)
		}
	}
}
