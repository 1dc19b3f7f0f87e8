// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// ContainerDetail is DescribeJobs' view of a job with containerProperties, with the empty lists that AWS Batch fills in. What
// happened at run time (exitCode, reason, taskArn, logStreamName and the like) is the caller's to add. It is nil for other
// jobs, and shares memory with spec.
func ContainerDetail(spec Spec) *awsapi.ContainerDetail {
	p := spec.Container
	if p == nil {
		return nil
	}
	instanceType := p.InstanceType
	if spec.InstanceType != "" { // of a node: what one range names, all have
		instanceType = &spec.InstanceType
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
		InstanceType:                 instanceType,
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

// EcsPropertiesDetail is DescribeJobs' view of a job with ecsProperties, likewise: the task's and containerInstance's ARN and
// the containers' exitCode, reason and logStreamName are the caller's to add. TaskContainerName finds a container's outcome.
func EcsPropertiesDetail(spec Spec) *awsapi.EcsPropertiesDetail {
	p := spec.ECS
	if p == nil {
		return nil
	}
	return &awsapi.EcsPropertiesDetail{TaskProperties: []awsapi.EcsTaskDetails{{
		Containers:           taskContainerDetails(p.Containers),
		EphemeralStorage:     p.EphemeralStorage,
		ExecutionRoleArn:     p.ExecutionRoleArn,
		PlatformVersion:      p.PlatformVersion,
		IpcMode:              p.IpcMode,
		TaskRoleArn:          p.TaskRoleArn,
		PidMode:              p.PidMode,
		NetworkConfiguration: p.NetworkConfiguration,
		RuntimePlatform:      p.RuntimePlatform,
		Volumes:              present(p.Volumes),
		EnableExecuteCommand: p.EnableExecuteCommand,
		NetworkMode:          p.NetworkMode,
	}}}
}

func taskContainerDetails(list []awsapi.TaskContainerProperties) []awsapi.TaskContainerDetails {
	details := make([]awsapi.TaskContainerDetails, len(list))
	for i := range list {
		c := &list[i]
		details[i] = awsapi.TaskContainerDetails{
			Command:                c.Command,
			DependsOn:              present(c.DependsOn),
			Environment:            present(c.Environment),
			Essential:              c.Essential,
			FirelensConfiguration:  c.FirelensConfiguration,
			Image:                  c.Image,
			LinuxParameters:        c.LinuxParameters,
			LogConfiguration:       c.LogConfiguration,
			MountPoints:            present(c.MountPoints),
			Name:                   c.Name,
			Privileged:             c.Privileged,
			ReadonlyRootFilesystem: c.ReadonlyRootFilesystem,
			RepositoryCredentials:  c.RepositoryCredentials,
			ResourceRequirements:   present(c.ResourceRequirements),
			Secrets:                present(c.Secrets),
			Ulimits:                present(c.Ulimits),
			User:                   c.User,
			StartTimeout:           c.StartTimeout,
			StopTimeout:            c.StopTimeout,
			NetworkInterfaces:      []awsapi.NetworkInterface{},
		}
	}
	return details
}

// NodePropertiesDetail is DescribeJobs' view of a multi-node job: the node properties with the overrides applied and the
// empty lists that AWS Batch fills in. A single node's view is ContainerDetail, EcsPropertiesDetail or EksPropertiesDetail of
// Spec.Node.
func NodePropertiesDetail(spec Spec) *awsapi.NodeProperties {
	if spec.Nodes == nil {
		return nil
	}
	p := *spec.Nodes
	p.NodeRangeProperties = slices.Clone(p.NodeRangeProperties)
	for i := range p.NodeRangeProperties {
		r := &p.NodeRangeProperties[i]
		if r.Container != nil {
			c := *r.Container
			c.Volumes, c.Environment, c.MountPoints = present(c.Volumes), present(c.Environment), present(c.MountPoints)
			c.Ulimits, c.ResourceRequirements, c.Secrets = present(c.Ulimits), present(c.ResourceRequirements), present(c.Secrets)
			r.Container = &c
		}
	}
	return &p
}
