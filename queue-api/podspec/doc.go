// SPDX-License-Identifier: Apache-2.0

// Package podspec turns a job into pods: job definition, overrides and parameters in, []*corev1.Pod out. Start with Merge,
// which applies a job to its definition, and Pods, which writes the result as Kubernetes wants it: one pod for a job or a
// child of an array, one for each node of a multi-node job.
//
// The package is pure: no I/O, no clock, no logger, no state. The same input makes the same pods, their names too, so that
// creating them twice is AlreadyExists and harmless.
//
// Whatever Kubernetes would refuse is refused earlier: a definition by ValidateDefinition when it is registered, a job by
// Merge and Spec.Requests when it is submitted. What passes these makes pods that an API server accepts. What cannot be
// honoured is refused by name, too; the exceptions, accepted and echoed without effect, are listed here.
//
// # Container properties
//
// Most clients register containerProperties, made for Amazon ECS. Such a job becomes a pod of one container, named
// default:
//
//	command                       args: like Docker's CMD it leaves the image's ENTRYPOINT alone
//	VCPU, MEMORY, GPU             cpu is a request only (on ECS it is a share, not a cap); memory is request and limit
//	environment, command          to the letter: Kubernetes' own $(NAME) expansion is escaped, ECS has none
//	secrets                       variables from Kubernetes Secrets, see below
//	user                          numeric uid or uid:gid; a name would need a look into the image and is refused
//	volumes[].host                hostPath, or an emptyDir without sourcePath
//	volumes[].efsVolumeConfiguration  the volume that Options.FileSystems has for it; refused when there is none
//	sharedMemorySize, tmpfs       emptyDirs in memory; they count against the container's memory, mount options are ignored
//	devices                       hostPaths, in privileged containers only: in others Kubernetes lets no device be opened.
//	                              permissions are without effect
//	initProcessEnabled            shareProcessNamespace: the pod's first process reaps what a container leaves behind
//	jobRoleArn                    the service account that Options.ServiceAccounts has for it; without one the role is
//	                              echoed and the pod has the namespace's default account and no token, since most clients
//	                              name a role whether or not the job needs it
//	repositoryCredentials         imagePullSecrets, by the rule of secrets; the Secret is of type
//	                              kubernetes.io/dockerconfigjson
//	runtimePlatform               nodeSelector kubernetes.io/arch and kubernetes.io/os; LINUX only
//
// Accepted and echoed, without effect: ulimits, maxSwap, swappiness, logConfiguration, enableExecuteCommand and
// executionRoleArn. Refused by name: s3filesVolumeConfiguration, and what only Fargate has.
//
// A vCPU may be any multiple of 0.25, as on EKS; 1.0 is refused where 1 is meant, as AWS Batch does on EC2.
//
// # Secrets
//
// valueFrom and credentialsParameter name a Secret in the pod's namespace and a key in it:
//
//	arn:…:secretsmanager:…:secret:NAME-AbCdEf              Secret NAME, key value
//	arn:…:secretsmanager:…:secret:NAME-AbCdEf:KEY::        Secret NAME, key KEY
//	arn:…:ssm:…:parameter/path/to/NAME, /path/to/NAME      Secret path-to-name, key value
//	NAME, NAME:KEY                                         Secret NAME, key value or KEY
//
// The last seven characters of a Secrets Manager ARN are dropped if they look like the random ones that AWS appends. The name
// is then lower-cased, what is no letter, digit, full stop or hyphen becomes a hyphen, and hyphens and full stops at the ends
// go: Prod/Database_Main is Secret prod-database-main. Region and account are ignored. A version other than AWSCURRENT is
// refused.
//
// # Tasks
//
// ecsProperties are a task of up to ten containers: one pod. Its containers have the names of the task's, lower-cased and
// with hyphens for underscores (TaskContainerName). What containerProperties have goes for each container, and besides:
//
//	dependsOn COMPLETE, SUCCESS   the other container becomes an init container: it runs to its end before the containers
//	                              that do not end first, and if it fails, so does the job, also with COMPLETE
//	dependsOn START               without effect: the containers of a pod start together
//	essential false               named in the annotation batchmeta.NonEssential: the attempt is over once another container
//	                              has ended, and the exit codes of the others decide
//	ipcMode, pidMode              host, or task: the pod's. Those of a pod always share one IPC namespace
//	networkMode                   host, or the pod's own network
//	stopTimeout                   the pod's grace period, the longest of all; startTimeout is without effect
//	taskRoleArn                   as jobRoleArn
//
// # Fargate
//
// A definition with the platform capability FARGATE has one of Fargate's sizes, checked when it is registered and again with
// a job's overrides, and a network of its own. In a Fargate environment, whose nodes are for one pod each and of several
// architectures, a pod that does not say what it is built for is taken for x86_64, as AWS Fargate does. ephemeralStorage is requested of the node and bounds each emptyDir.
// networkConfiguration and platformVersion are echoed. What Fargate has not is refused, and on EC2 what only Fargate has.
//
// # EKS properties
//
// eksProperties are almost a pod already. What AWS Batch documents as a default is written out: hostNetwork, the DNS policy
// that goes with it, allowPrivilegeEscalation false, limits copied to requests. Keys of labels and annotations that carry
// meaning for Kubernetes or for Muster are refused.
//
// # Multi-node jobs
//
// nodeProperties make a pod for each node, all of one gang (GangName), which the scheduler starts together or not at all.
// Where ranges are nested the inner one wins. The nodes may share a machine if it has room; an instance type that one range
// names goes for all nodes. The main node's address is not known when the pods are made: the others' containers take it from
// a ConfigMap that podwatch makes once the main node has one, and the kubelet holds them until then.
package podspec
