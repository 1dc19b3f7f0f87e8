// SPDX-License-Identifier: Apache-2.0

package podspec

import "github.com/muster-batch/muster/queue-api/awsapi"

// ContainerDetail is DescribeJobs' view of a job with containerProperties, with the empty lists that AWS Batch fills in. What
// happened at run time (exitCode, reason, taskArn, logStreamName and the like) is the caller's to add. It is nil for other
// jobs, and shares memory with spec.
func ContainerDetail(spec Spec) *awsapi.ContainerDetail {
	p := spec.Container
	if p == nil {
		return nil
	}
	return &awsapi.ContainerDetail{
		Image:                        p.Image,
		Vcpus:                        p.Vcpus,
		Memory:                       p.Memory,
		Command:                      p.Command,
		JobRoleArn:                   p.JobRoleArn,
		ExecutionRoleArn:             p.ExecutionRoleArn,
		Volumes:                      present(p.Volumes),
		Environment:                  present(p.Environment),
		MountPoints:                  present(p.MountPoints),
		ReadonlyRootFilesystem:       p.ReadonlyRootFilesystem,
		Ulimits:                      present(p.Ulimits),
		Privileged:                   p.Privileged,
		User:                         p.User,
		InstanceType:                 p.InstanceType,
		NetworkInterfaces:            []awsapi.NetworkInterface{},
		ResourceRequirements:         present(p.ResourceRequirements),
		LinuxParameters:              p.LinuxParameters,
		LogConfiguration:             p.LogConfiguration,
		Secrets:                      present(p.Secrets),
		NetworkConfiguration:         p.NetworkConfiguration,
		FargatePlatformConfiguration: p.FargatePlatformConfiguration,
		EphemeralStorage:             p.EphemeralStorage,
		RuntimePlatform:              p.RuntimePlatform,
		RepositoryCredentials:        p.RepositoryCredentials,
		EnableExecuteCommand:         p.EnableExecuteCommand,
	}
}

// EksPropertiesDetail is DescribeJobs' view of a job with eksProperties, likewise: podName, nodeName and the containers'
// exitCode and reason are the caller's to add. What was not registered, such as a container's name, is not shown.
func EksPropertiesDetail(spec Spec) *awsapi.EksPropertiesDetail {
	p := spec.EKS
	if p == nil {
		return nil
	}
	return &awsapi.EksPropertiesDetail{PodProperties: &awsapi.EksPodPropertiesDetail{
		ServiceAccountName:    p.ServiceAccountName,
		HostNetwork:           p.HostNetwork,
		DnsPolicy:             p.DnsPolicy,
		ImagePullSecrets:      p.ImagePullSecrets,
		Containers:            containerDetails(p.Containers),
		InitContainers:        containerDetails(p.InitContainers),
		Volumes:               present(p.Volumes),
		Metadata:              p.Metadata,
		ShareProcessNamespace: p.ShareProcessNamespace,
	}}
}

// containerDetails is nil for nil: AWS Batch shows initContainers only when there are some.
func containerDetails(list []awsapi.EksContainer) []awsapi.EksContainerDetail {
	var details []awsapi.EksContainerDetail
	for i := range list {
		c := &list[i]
		details = append(details, awsapi.EksContainerDetail{
			Name:            c.Name,
			Image:           c.Image,
			ImagePullPolicy: c.ImagePullPolicy,
			Command:         c.Command,
			Args:            present(c.Args),
			Env:             present(c.Env),
			Resources:       c.Resources,
			VolumeMounts:    present(c.VolumeMounts),
			SecurityContext: c.SecurityContext,
		})
	}
	return details
}

// present makes an absent list an empty one.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
