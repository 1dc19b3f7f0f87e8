// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"fmt"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

const platformEC2 = "EC2"

// newDefinition makes the record of a request that passed its checks; the store gives revision and status.
func newDefinition(in *awsapi.RegisterJobDefinitionRequest) (batch.JobDefinition, error) {
	def := batch.JobDefinition{
		Name:               value(in.JobDefinitionName),
		Type:               value(in.Type),
		Status:             batch.DefinitionActive,
		SchedulingPriority: in.SchedulingPriority,
		Parameters:         in.Parameters,
		Tags:               in.Tags,
		RetryStrategy:      retryFrom(in.RetryStrategy),
		Timeout:            timeout(in.Timeout),
		PropagateTags:      in.PropagateTags,
	}
	var err error
	if def.EKSProperties, err = rawOf(in.EksProperties); err != nil || def.EKSProperties != nil {
		return def, err
	}
	def.PlatformCapabilities = []string{platformEC2}
	def.ContainerProperties, err = rawOf(in.ContainerProperties)
	return def, err
}

// definitionDetail is the record as DescribeJobDefinitions shows it: what was registered, value for value, and the empty
// collections that AWS Batch adds.
func definitionDetail(scope batch.Scope, def *batch.JobDefinition) (awsapi.JobDefinition, error) {
	d := awsapi.JobDefinition{
		JobDefinitionName:          &def.Name,
		JobDefinitionArn:           new(scope.ARN(batch.ARNJobDefinition, def.Ref().String())),
		Revision:                   &def.Revision,
		Status:                     &def.Status,
		Type:                       &def.Type,
		SchedulingPriority:         def.SchedulingPriority,
		Parameters:                 orEmptyMap(def.Parameters),
		RetryStrategy:              retryDetail(def.RetryStrategy),
		Timeout:                    timeoutDetail(def.Timeout),
		Tags:                       orEmptyMap(def.Tags),
		PropagateTags:              def.PropagateTags,
		PlatformCapabilities:       orEmpty(def.PlatformCapabilities),
		ContainerOrchestrationType: new("ECS"),
	}
	if isKept(def.EKSProperties) {
		d.ContainerOrchestrationType = new("EKS")
		if err := json.Unmarshal(def.EKSProperties, &d.EksProperties); err != nil {
			return d, fmt.Errorf("decode eksProperties of %s: %w", def.Ref(), err)
		}
		fillPod(d.EksProperties.PodProperties)
		return d, nil
	}
	if err := json.Unmarshal(def.ContainerProperties, &d.ContainerProperties); err != nil {
		return d, fmt.Errorf("decode containerProperties of %s: %w", def.Ref(), err)
	}
	fillContainer(d.ContainerProperties)
	return d, nil
}

// fillContainer adds the empty collections of containerProperties.
func fillContainer(c *awsapi.ContainerProperties) {
	c.Command = orEmpty(c.Command)
	c.Volumes = orEmpty(c.Volumes)
	c.Environment = orEmpty(c.Environment)
	c.MountPoints = orEmpty(c.MountPoints)
	c.Ulimits = orEmpty(c.Ulimits)
	c.ResourceRequirements = orEmpty(c.ResourceRequirements)
	c.Secrets = orEmpty(c.Secrets)
}

// fillPod adds the empty collections of eksProperties.
func fillPod(p *awsapi.EksPodProperties) {
	if p == nil {
		return
	}
	p.Volumes = orEmpty(p.Volumes)
	for _, list := range [][]awsapi.EksContainer{p.Containers, p.InitContainers} {
		for i := range list {
			list[i].Args = orEmpty(list[i].Args)
			list[i].Env = orEmpty(list[i].Env)
			list[i].VolumeMounts = orEmpty(list[i].VolumeMounts)
		}
	}
}
