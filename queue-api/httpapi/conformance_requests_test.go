// SPDX-License-Identifier: Apache-2.0

package httpapi_test

// unsupported are the operations that are SageMaker's alone (contract 2.9).
var unsupported = map[string]bool{
	"CreateServiceEnvironment": true, "UpdateServiceEnvironment": true, "DeleteServiceEnvironment": true,
	"SubmitServiceJob": true, "DescribeServiceJob": true, "UpdateServiceJob": true,
	"TerminateServiceJob": true, "TerminateServiceJobs": true,
	"CreateQuotaShare": true, "DescribeQuotaShare": true, "UpdateQuotaShare": true, "DeleteQuotaShare": true,
}

// requests are requests that a busy site answers with success, for every operation that is supported; together they hold
// most structures of the model.
var requests = map[string][]string{
	"CreateComputeEnvironment": {
		`{"computeEnvironmentName":"$NEW","type":"MANAGED","state":"ENABLED","serviceRole":"","tags":{"a":"b"},"context":"c",
			"eksConfiguration":{"eksClusterArn":"arn:aws:eks:us-east-1:123456789012:cluster/c","kubernetesNamespace":"jobs"},
			"computeResources":{"type":"SPOT","allocationStrategy":"SPOT_PRICE_CAPACITY_OPTIMIZED","minvCpus":0,"maxvCpus":16,"desiredvCpus":0,"instanceTypes":["c5","m5.large"],
				"subnets":["subnet-1"],"securityGroupIds":["sg-1"],"instanceRole":"r","tags":{"c":"d"},"bidPercentage":60,"scalingPolicy":{"minScaleDownDelayMinutes":20},
				"ec2Configuration":[{"imageType":"EKS_AL2023","imageKubernetesVersion":"1.33"}],
				"launchTemplate":{"launchTemplateId":"lt-1","version":"$Latest","overrides":[{"launchTemplateName":"n","targetInstanceTypes":["c5.large"]}]}}}`,
		`{"computeEnvironmentName":"$NEW","type":"MANAGED","computeResources":{"type":"FARGATE","maxvCpus":16,"subnets":["subnet-1"],"securityGroupIds":["sg-1"]}}`,
		`{"computeEnvironmentName":"$NEW","type":"UNMANAGED","unmanagedvCpus":8,"serviceRole":"r"}`,
	},
	"DescribeComputeEnvironments": {`{}`, `{"maxResults":1}`, `{"computeEnvironments":["ce","off","nope"]}`},
	"UpdateComputeEnvironment": {
		`{"computeEnvironment":"ce","state":"ENABLED","updatePolicy":{"terminateJobsOnUpdate":true,"jobExecutionTimeoutMinutes":7200},
			"computeResources":{"maxvCpus":16,"scalingPolicy":{"minScaleDownDelayMinutes":0},"launchTemplate":{"launchTemplateName":"n","overrides":[]},
				"ec2Configuration":[{"imageType":"EKS_AL2023"}],"instanceTypes":["c5","m5"],"updateToLatestImageVersion":true,"tags":{}}}`,
		`{"computeEnvironment":"ce","computeResources":{"maxvCpus":8}}`,
		`{"computeEnvironment":"off","unmanagedvCpus":8}`,
	},
	"DeleteComputeEnvironment": {`{"computeEnvironment":"off"}`},

	"CreateJobQueue": {
		`{"jobQueueName":"$NEW","priority":0,"state":"ENABLED","jobQueueType":"EKS","tags":{"a":"b"},"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}],
			"jobStateTimeLimitActions":[{"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}]}`,
		`{"jobQueueName":"$NEW","priority":0,"schedulingPolicyArn":"` + arnBase + `scheduling-policy/policy","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`,
	},
	"DescribeJobQueues": {`{}`, `{"jobQueues":["queue","fair","nope"]}`},
	"UpdateJobQueue": {
		`{"jobQueue":"queue","state":"ENABLED","priority":5,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}],
			"jobStateTimeLimitActions":[{"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","state":"RUNNABLE","maxTimeSeconds":86400,"action":"CANCEL"}]}`,
		`{"jobQueue":"fair","schedulingPolicyArn":"` + arnBase + `scheduling-policy/unused"}`,
	},
	"DeleteJobQueue":      {`{"jobQueue":"off"}`},
	"GetJobQueueSnapshot": {`{"jobQueue":"queue"}`, `{"jobQueue":"fair"}`},

	"RegisterJobDefinition": {
		`{"jobDefinitionName":"new","type":"container","parameters":{"a":"b"},"schedulingPriority":5,"propagateTags":true,"timeout":{"attemptDurationSeconds":60},"tags":{"a":"b"},
			"platformCapabilities":["EC2"],"retryStrategy":{"attempts":3,"evaluateOnExit":[{"onStatusReason":"Host EC2*","action":"RETRY"},{"onExitCode":"1","onReason":"x*","action":"exit"}]},
			"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"licence","quantity":1}]},
			"containerProperties":{"image":"busybox","command":["echo","Ref::a"],"environment":[{"name":"A","value":""}],"user":"1000","privileged":false,"readonlyRootFilesystem":true,
				"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}],"volumes":[{"name":"v","host":{"sourcePath":"/data"}}],
				"mountPoints":[{"sourceVolume":"v","containerPath":"/data","readOnly":true}],"ulimits":[{"name":"nofile","softLimit":1024,"hardLimit":2048}],
				"linuxParameters":{"initProcessEnabled":false,"sharedMemorySize":64,"tmpfs":[{"containerPath":"/tmp","size":8}]},
				"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"g"}}}}`,
		`{"jobDefinitionName":"new","type":"container","platformCapabilities":["FARGATE"],"containerProperties":{"image":"busybox","executionRoleArn":"arn:aws:iam::123456789012:role/r",
			"resourceRequirements":[{"type":"VCPU","value":"0.25"},{"type":"MEMORY","value":"512"}],"networkConfiguration":{"assignPublicIp":"ENABLED"},
			"fargatePlatformConfiguration":{"platformVersion":"LATEST"},"runtimePlatform":{"operatingSystemFamily":"LINUX","cpuArchitecture":"X86_64"},"ephemeralStorage":{"sizeInGiB":21}}}`,
		`{"jobDefinitionName":"new","type":"container","eksProperties":{"podProperties":{"hostNetwork":false,"dnsPolicy":"ClusterFirst","shareProcessNamespace":true,"serviceAccountName":"default",
			"imagePullSecrets":[{"name":"s"}],"metadata":{"labels":{"a":"b"},"annotations":{"c":"d"}},
			"initContainers":[{"name":"first","image":"busybox","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}],
			"containers":[{"name":"main","image":"busybox","imagePullPolicy":"Always","command":["sleep"],"args":["1"],"env":[{"name":"A","value":"b"}],
				"resources":{"limits":{"cpu":"1","memory":"64Mi"},"requests":{"cpu":"1","memory":"64Mi"}},"volumeMounts":[{"name":"e","mountPath":"/e","readOnly":false}],
				"securityContext":{"runAsUser":1000,"runAsGroup":1000,"privileged":false,"readOnlyRootFilesystem":true,"runAsNonRoot":true}}],
			"volumes":[{"name":"e","emptyDir":{"medium":"Memory","sizeLimit":"64Mi"}},{"name":"h","hostPath":{"path":"/h"}},{"name":"s","secret":{"secretName":"s","optional":true}},
				{"name":"p","persistentVolumeClaim":{"claimName":"c","readOnly":true}}]}}}`,
		`{"jobDefinitionName":"new","type":"container","ecsProperties":{"taskProperties":[{"volumes":[{"name":"v","host":{"sourcePath":"/data"}}],"containers":[
			{"name":"first","image":"busybox","essential":false,"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]},
			{"name":"main","image":"busybox","command":["true"],"environment":[{"name":"A","value":"b"}],"dependsOn":[{"containerName":"first","condition":"SUCCESS"}],
				"mountPoints":[{"sourceVolume":"v","containerPath":"/data"}],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}]}]}}`,
		`{"jobDefinitionName":"new","type":"multinode","nodeProperties":{"numNodes":4,"mainNode":0,"nodeRangeProperties":[
			{"targetNodes":"0","container":{"image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}},
			{"targetNodes":"1:","container":{"image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]},
				"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"licence","quantity":1}]}}]}}`,
		`{"jobDefinitionName":"new","type":"multinode","nodeProperties":{"numNodes":2,"mainNode":0,"nodeRangeProperties":[
			{"targetNodes":":","eksProperties":{"podProperties":{"containers":[{"image":"busybox","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}}]}}`,
	},
	"DescribeJobDefinitions": {
		`{}`, `{"status":"ACTIVE","maxResults":1}`, `{"jobDefinitionName":"eks"}`,
		`{"jobDefinitions":["container:1","eks:1","ecs:1","` + arnBase + `job-definition/nodes:1","nope"]}`,
	},
	"DeregisterJobDefinition": {`{"jobDefinition":"container:1"}`},

	"SubmitJob": {
		`{"jobName":"new","jobQueue":"queue","jobDefinition":"container","parameters":{},"tags":{"a":"b"},"propagateTags":false,"timeout":{"attemptDurationSeconds":60},
			"retryStrategy":{"attempts":2,"evaluateOnExit":[{"onReason":"*","action":"RETRY"}]},"dependsOn":[{"jobId":"$JOB"}],
			"containerOverrides":{"command":["true"],"environment":[{"name":"A","value":"b"}],"resourceRequirements":[{"type":"VCPU","value":"2"}]},
			"consumableResourcePropertiesOverride":{"consumableResourceList":[{"consumableResource":"licence","quantity":2}]}}`,
		`{"jobName":"new","jobQueue":"fair","shareIdentifier":"a1","schedulingPriorityOverride":9999,"jobDefinition":"eks:1","arrayProperties":{"size":2},"dependsOn":[{"type":"SEQUENTIAL"}],
			"eksPropertiesOverride":{"podProperties":{"containers":[{"name":"main","image":"busybox","command":["true"],"args":[],"env":[{"name":"A","value":"b"}],
				"resources":{"limits":{"cpu":"1","memory":"64Mi"}}}],"metadata":{"labels":{"a":"b"}}}}}`,
		`{"jobName":"new","jobQueue":"queue","jobDefinition":"ecs","ecsPropertiesOverride":{"taskProperties":[{"containers":[
			{"name":"main","command":["true"],"environment":[{"name":"A","value":"b"}],"resourceRequirements":[{"type":"MEMORY","value":"128"}]}]}]}}`,
		`{"jobName":"new","jobQueue":"queue","jobDefinition":"nodes","nodeOverrides":{"numNodes":3,"nodePropertyOverrides":[{"targetNodes":"0:","containerOverrides":{"command":["true"]}}]}}`,
	},
	"DescribeJobs": {`{"jobs":[]}`, `{"jobs":["$JOB","$DONE","$ARRAY","$ARRAY:1","$NODES","$NODES#1","nope"]}`},
	"ListJobs": {
		`{"jobQueue":"queue"}`, `{"jobQueue":"queue","jobStatus":"RUNNABLE","maxResults":1}`, `{"jobQueue":"queue","jobStatus":"SUCCEEDED"}`,
		`{"jobQueue":"queue","filters":[{"name":"JOB_NAME","values":["JO*"]}]}`, `{"jobQueue":"fair","jobStatus":"RUNNABLE","filters":[{"name":"SHARE_IDENTIFIER","values":["a1"]}]}`,
		`{"arrayJobId":"$ARRAY","jobStatus":"RUNNABLE"}`, `{"multiNodeJobId":"$NODES","jobStatus":"RUNNABLE"}`,
	},
	"ListJobsByConsumableResource": {`{"consumableResource":"licence"}`, `{"consumableResource":"licence","filters":[{"name":"JOB_STATUS","values":["RUNNABLE"]}]}`},
	"CancelJob":                    {`{"jobId":"$JOB","reason":"r"}`, `{"jobId":"$DONE","reason":"r"}`},
	"TerminateJob":                 {`{"jobId":"$JOB","reason":"r"}`, `{"jobId":"$DONE","reason":"r"}`},
	"CancelJobs":                   {`{"jobs":["$JOB","$DONE","nope"],"reason":"r"}`},
	"TerminateJobs":                {`{"jobs":["$JOB","$DONE","nope"],"reason":"r"}`},

	"CreateSchedulingPolicy": {
		`{"name":"$NEW","tags":{"a":"b"},"fairsharePolicy":{"shareDecaySeconds":0,"computeReservation":99,"shareDistribution":[{"shareIdentifier":"a","weightFactor":0.5},{"shareIdentifier":"b*"}]}}`,
		`{"name":"$NEW"}`,
	},
	"DescribeSchedulingPolicies": {`{"arns":["` + arnBase + `scheduling-policy/policy","` + arnBase + `scheduling-policy/nope"]}`},
	"ListSchedulingPolicies":     {`{}`, `{"maxResults":1}`},
	"UpdateSchedulingPolicy":     {`{"arn":"` + arnBase + `scheduling-policy/policy","fairsharePolicy":{"shareDecaySeconds":60,"shareDistribution":[{"shareIdentifier":"a"}]}}`},
	"DeleteSchedulingPolicy":     {`{"arn":"` + arnBase + `scheduling-policy/unused"}`},

	"CreateConsumableResource":   {`{"consumableResourceName":"$NEW","totalQuantity":5,"resourceType":"NON_REPLENISHABLE","tags":{"a":"b"}}`, `{"consumableResourceName":"$NEW"}`},
	"DescribeConsumableResource": {`{"consumableResource":"licence"}`},
	"ListConsumableResources":    {`{}`, `{"filters":[{"name":"CONSUMABLE_RESOURCE_NAME","values":["LIC*"]}],"maxResults":1}`},
	"UpdateConsumableResource":   {`{"consumableResource":"licence","operation":"ADD","quantity":1}`, `{"consumableResource":"licence","operation":"SET","quantity":9,"clientToken":"t"}`},
	"DeleteConsumableResource":   {`{"consumableResource":"licence"}`},

	"ListTagsForResource": {
		`{"resourceArn":"` + arnBase + `job-queue/queue"}`, `{"resourceArn":"` + arnBase + `job/$JOB"}`, `{"resourceArn":"` + arnBase + `job-definition/container:1"}`,
		`{"resourceArn":"` + arnBase + `compute-environment/ce"}`, `{"resourceArn":"` + arnBase + `scheduling-policy/policy"}`, `{"resourceArn":"` + arnBase + `consumable-resource/licence"}`,
	},
	"TagResource":   {`{"resourceArn":"` + arnBase + `job-queue/queue","tags":{"a":"b"}}`},
	"UntagResource": {`{"resourceArn":"` + arnBase + `job-queue/queue","tagKeys":["a","b&c"]}`},

	"DescribeServiceEnvironments": {`{}`, `{"serviceEnvironments":["s"]}`},
	"ListServiceJobs":             {`{}`, `{"jobQueue":"queue","filters":[{"name":"n","values":["v"]}]}`},
	"ListQuotaShares":             {`{"jobQueue":"queue"}`},
}
