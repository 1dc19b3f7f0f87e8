// SPDX-License-Identifier: Apache-2.0

// Package podspec turns a job into a pod: job definition, overrides and parameters in, *corev1.Pod out. Start with Merge,
// which applies a job to its definition, and Pod, which writes the result as Kubernetes wants it.
//
// The package is pure: no I/O, no clock, no logger, no state. The same input makes the same pod, its name too, so that
// creating it twice is AlreadyExists and harmless.
//
// Whatever Kubernetes would refuse is refused earlier: a definition by ValidateDefinition when it is registered, a job by
// Merge and Spec.Requests when it is submitted. What passes these makes a pod that an API server accepts.
//
// # Container properties
//
// Most clients register containerProperties, made for Amazon ECS. Such a job becomes a pod of one container, named
// default:
//
//	command                       args: like Docker's CMD it leaves the image's ENTRYPOINT alone
//	VCPU, MEMORY, GPU             cpu is a request only (on ECS it is a share, not a cap); memory is request and limit
//	environment, command          to the letter: Kubernetes' own $(NAME) expansion is escaped, ECS has none
//	user                          numeric uid or uid:gid; a name would need a look into the image and is refused
//	volumes[].host                hostPath, or an emptyDir without sourcePath
//	sharedMemorySize, tmpfs       emptyDirs in memory; they count against the container's memory, mount options are ignored
//
// Accepted and echoed, without effect: ulimits, maxSwap, swappiness, initProcessEnabled, logConfiguration,
// networkConfiguration, fargatePlatformConfiguration, ephemeralStorage, runtimePlatform, enableExecuteCommand, and so far
// jobRoleArn and executionRoleArn too: credentials come from what the node or the namespace's service account offers.
// Refused by name, because a job would run without what it needs: secrets, repositoryCredentials,
// efsVolumeConfiguration, s3filesVolumeConfiguration, linuxParameters.devices and instanceType.
//
// # EKS properties
//
// eksProperties are almost a pod already. What AWS Batch documents as a default is written out: hostNetwork, the DNS policy
// that goes with it, allowPrivilegeEscalation false, limits copied to requests. Keys of labels and annotations that carry
// meaning for Kubernetes or for Muster are refused.
package podspec
