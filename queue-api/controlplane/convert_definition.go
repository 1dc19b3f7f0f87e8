// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// Values of platformCapabilities.
const (
	platformEC2     = "EC2"
	platformFargate = "FARGATE"
)

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
	return def, storeProperties(&def, in)
}

// storeProperties puts the properties into the record, as they were sent. Empty ones ask for nothing; clients send them.
func storeProperties(def *batch.JobDefinition, in *awsapi.RegisterJobDefinitionRequest) error {
	ecs := in.EcsProperties
	if ecs != nil && len(ecs.TaskProperties) == 0 {
		ecs = nil
	}
	var errs [5]error
	def.ContainerProperties, errs[0] = rawOf(in.ContainerProperties)
	def.EKSProperties, errs[1] = rawOf(in.EksProperties)
	def.ECSProperties, errs[2] = rawOf(ecs)
	def.NodeProperties, errs[3] = rawOf(in.NodeProperties)
	def.ConsumableResourceProperties, errs[4] = rawOf(in.ConsumableResourceProperties)
	def.PlatformCapabilities = in.PlatformCapabilities
	if len(in.PlatformCapabilities) == 0 && orchestrationOf(in.EksProperties, in.NodeProperties) == typeECS {
		def.PlatformCapabilities = []string{platformEC2}
	}
	return errors.Join(errs[:]...)
}

// orchestrationOf says what AWS Batch would run a definition on.
func orchestrationOf(eks *awsapi.EksProperties, nodes *awsapi.NodeProperties) string {
	onEKS := func(r awsapi.NodeRangeProperty) bool { return !isEmpty(r.EksProperties) }
	if !isEmpty(eks) || nodes != nil && slices.ContainsFunc(nodes.NodeRangeProperties, onEKS) {
		return typeEKS
	}
	return typeECS
}

// definitionDetail is the record as DescribeJobDefinitions shows it: what was registered, value for value, and the empty
// collections that AWS Batch adds.
func definitionDetail(scope batch.Scope, def *batch.JobDefinition) (awsapi.JobDefinition, error) {
	d := awsapi.JobDefinition{
		JobDefinitionName:    &def.Name,
		JobDefinitionArn:     new(scope.ARN(batch.ARNJobDefinition, def.Ref().String())),
		Revision:             &def.Revision,
		Status:               &def.Status,
		Type:                 &def.Type,
		SchedulingPriority:   def.SchedulingPriority,
		Parameters:           orEmptyMap(def.Parameters),
		RetryStrategy:        retryDetail(def.RetryStrategy),
		Timeout:              timeoutDetail(def.Timeout),
		Tags:                 orEmptyMap(def.Tags),
		PropagateTags:        def.PropagateTags,
		PlatformCapabilities: orEmpty(def.PlatformCapabilities),
	}
	if err := showProperties(&d, def); err != nil {
		return d, fmt.Errorf("decode properties of %s: %w", def.Ref(), err)
	}
	d.ContainerOrchestrationType = new(orchestrationOf(d.EksProperties, d.NodeProperties))
	fillProperties(d.ContainerProperties, d.EcsProperties, d.EksProperties)
	if d.NodeProperties != nil {
		for i := range d.NodeProperties.NodeRangeProperties {
			r := &d.NodeProperties.NodeRangeProperties[i]
			fillProperties(r.Container, r.EcsProperties, r.EksProperties)
		}
	}
	return d, nil
}

func showProperties(d *awsapi.JobDefinition, def *batch.JobDefinition) error {
	return errors.Join(
		show(def.ContainerProperties, &d.ContainerProperties),
		show(def.EKSProperties, &d.EksProperties),
		show(def.ECSProperties, &d.EcsProperties),
		show(def.NodeProperties, &d.NodeProperties),
		show(def.ConsumableResourceProperties, &d.ConsumableResourceProperties),
	)
}

// show decodes a document if there is one.
func show[T any](raw json.RawMessage, to **T) error {
	if !isKept(raw) {
		return nil
	}
	return json.Unmarshal(raw, to)
}

// fillProperties adds the empty collections of whichever properties are there.
func fillProperties(container *awsapi.ContainerProperties, ecs *awsapi.EcsProperties, eks *awsapi.EksProperties) {
	if container != nil {
		fillContainer(container)
	}
	if ecs != nil {
		for i := range ecs.TaskProperties {
			fillTask(&ecs.TaskProperties[i])
		}
	}
	if eks != nil {
		fillPod(eks.PodProperties)
	}
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

// fillTask adds the empty collections of a task of ecsProperties.
func fillTask(t *awsapi.EcsTaskProperties) {
	t.Volumes = orEmpty(t.Volumes)
	for i := range t.Containers {
		c := &t.Containers[i]
		c.Command = orEmpty(c.Command)
		c.DependsOn = orEmpty(c.DependsOn)
		c.Environment = orEmpty(c.Environment)
		c.MountPoints = orEmpty(c.MountPoints)
		c.Ulimits = orEmpty(c.Ulimits)
		c.ResourceRequirements = orEmpty(c.ResourceRequirements)
		c.Secrets = orEmpty(c.Secrets)
	}
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
