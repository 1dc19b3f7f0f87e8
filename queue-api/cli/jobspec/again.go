// SPDX-License-Identifier: Apache-2.0

package jobspec

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// Again makes the request that a job was submitted with, of what the API shows of the job and of its definition. Dependencies are
// left out: they are over, or the job would not be. An array is shown without its timeout: take that of a child.
func Again(job *awsapi.JobDetail, d *awsapi.JobDefinition) (*awsapi.SubmitJobRequest, error) {
	in := &awsapi.SubmitJobRequest{
		JobName: job.JobName, JobQueue: job.JobQueue, JobDefinition: job.JobDefinition, ShareIdentifier: job.ShareIdentifier,
		Parameters: job.Parameters, Tags: job.Tags,
		RetryStrategy: job.RetryStrategy, Timeout: job.Timeout,
	}
	if value(job.PropagateTags) { // false is shown of those that do not say
		in.PropagateTags = job.PropagateTags
	}
	if r := job.RetryStrategy; r != nil && len(r.EvaluateOnExit) == 0 {
		in.RetryStrategy = &awsapi.RetryStrategy{Attempts: r.Attempts}
	}
	if job.ShareIdentifier != nil { // else what is shown is the definition's
		in.SchedulingPriorityOverride = job.SchedulingPriority
	}
	if a := job.ArrayProperties; a != nil {
		if a.Index != nil {
			return nil, errors.New("a child of an array is submitted with its array only: retry the array")
		}
		in.ArrayProperties = &awsapi.ArrayProperties{Size: a.Size}
	}
	if n := job.NodeDetails; n != nil && n.NodeIndex != nil {
		return nil, errors.New("a node is submitted with its job only: retry the job")
	}
	if p := job.ConsumableResourceProperties; p != nil && len(p.ConsumableResourceList) > 0 {
		in.ConsumableResourcePropertiesOverride = p
	}
	var err error
	switch {
	case job.NodeProperties != nil && d.NodeProperties != nil:
		in.NodeOverrides, err = nodesAgain(job.NodeProperties, d.NodeProperties)
	case job.EksProperties != nil && d.EksProperties != nil:
		in.EksPropertiesOverride, err = eksAgain(eksOf(job.EksProperties), d.EksProperties)
	case job.EcsProperties != nil && d.EcsProperties != nil:
		in.EcsPropertiesOverride, err = ecsAgain(ecsOf(job.EcsProperties), d.EcsProperties)
	case job.Container != nil && d.ContainerProperties != nil:
		in.ContainerOverrides = plainAgain(plainOf(job.Container), d.ContainerProperties)
	}
	return in, err
}

// plainOf is the part of a container that can have been overridden.
func plainOf(c *awsapi.ContainerDetail) *awsapi.ContainerProperties {
	return &awsapi.ContainerProperties{
		Vcpus: c.Vcpus, Memory: c.Memory, Command: c.Command, Environment: c.Environment,
		InstanceType: c.InstanceType, ResourceRequirements: c.ResourceRequirements,
	}
}

// plainAgain is what a container has other than its definition; nil if nothing.
func plainAgain(ran, d *awsapi.ContainerProperties) *awsapi.ContainerOverrides {
	o := &awsapi.ContainerOverrides{
		Environment:          variables(ran.Environment, d.Environment),
		ResourceRequirements: requirements(Amounts(ran.ResourceRequirements, ran.Vcpus, ran.Memory), Amounts(d.ResourceRequirements, d.Vcpus, d.Memory)),
	}
	if !slices.Equal(ran.Command, d.Command) {
		o.Command = ran.Command
	}
	if value(ran.InstanceType) != value(d.InstanceType) {
		o.InstanceType = ran.InstanceType
	}
	if o.Environment == nil && o.ResourceRequirements == nil && o.Command == nil && o.InstanceType == nil {
		return nil
	}
	return o
}

// variables are those that are not the definition's.
func variables(ran, d []awsapi.KeyValuePair) (out []awsapi.KeyValuePair) {
	defined := map[string]string{}
	for _, e := range d {
		defined[value(e.Name)] = value(e.Value)
	}
	for _, e := range ran {
		if text, ok := defined[value(e.Name)]; !ok || text != value(e.Value) {
			out = append(out, e)
		}
	}
	return out
}

func requirements(ran, d map[string]string) (out []awsapi.ResourceRequirement) {
	for _, kind := range slices.Sorted(maps.Keys(ran)) {
		if amount := ran[kind]; amount != d[kind] {
			out = append(out, awsapi.ResourceRequirement{Type: &kind, Value: &amount})
		}
	}
	return out
}

// eksOf is a pod that ran as its definition would have it.
func eksOf(p *awsapi.EksPropertiesDetail) *awsapi.EksProperties {
	if p.PodProperties == nil {
		return &awsapi.EksProperties{PodProperties: &awsapi.EksPodProperties{}}
	}
	return &awsapi.EksProperties{PodProperties: &awsapi.EksPodProperties{
		Containers: eksContainers(p.PodProperties.Containers), InitContainers: eksContainers(p.PodProperties.InitContainers), Metadata: p.PodProperties.Metadata,
	}}
}

func eksContainers(list []awsapi.EksContainerDetail) []awsapi.EksContainer {
	out := make([]awsapi.EksContainer, len(list))
	for i, c := range list {
		out[i] = awsapi.EksContainer{Name: c.Name, Image: c.Image, Command: c.Command, Args: c.Args, Env: c.Env, Resources: c.Resources}
	}
	return out
}

func eksAgain(ran, d *awsapi.EksProperties) (*awsapi.EksPropertiesOverride, error) {
	if d.PodProperties == nil || ran.PodProperties == nil {
		return nil, nil
	}
	main, err := eksChanges(ran.PodProperties.Containers, d.PodProperties.Containers)
	if err != nil {
		return nil, err
	}
	before, err := eksChanges(ran.PodProperties.InitContainers, d.PodProperties.InitContainers)
	if err != nil {
		return nil, err
	}
	metadata := metadataAgain(ran.PodProperties.Metadata, d.PodProperties.Metadata)
	if main == nil && before == nil && metadata == nil {
		return nil, nil
	}
	return &awsapi.EksPropertiesOverride{PodProperties: &awsapi.EksPodPropertiesOverride{Containers: main, InitContainers: before, Metadata: metadata}}, nil
}

// metadataAgain are the labels and annotations that are not the definition's.
func metadataAgain(ran, d *awsapi.EksMetadata) *awsapi.EksMetadata {
	if ran == nil {
		return nil
	}
	if d == nil {
		d = &awsapi.EksMetadata{}
	}
	o := awsapi.EksMetadata{Labels: others(ran.Labels, d.Labels), Annotations: others(ran.Annotations, d.Annotations)}
	if value(ran.Namespace) != value(d.Namespace) {
		o.Namespace = ran.Namespace
	}
	if o.Labels == nil && o.Annotations == nil && o.Namespace == nil {
		return nil
	}
	return &o
}

func others(ran, d map[string]string) (out map[string]string) {
	for name, text := range ran {
		if defined, ok := d[name]; ok && defined == text {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = text
	}
	return out
}

// eksChanges are overrides of the containers that are not as their definition, by place.
func eksChanges(ran, d []awsapi.EksContainer) (out []awsapi.EksContainerOverride, err error) {
	if len(ran) != len(d) {
		return nil, fmt.Errorf("the job has %d containers, its definition %d", len(ran), len(d))
	}
	for i := range ran {
		if o, ok := eksChange(&ran[i], &d[i]); ok {
			out = append(out, o)
		}
	}
	return out, nil
}

func eksChange(ran, d *awsapi.EksContainer) (o awsapi.EksContainerOverride, ok bool) {
	o.Name = ran.Name
	if value(ran.Image) != value(d.Image) {
		o.Image, ok = ran.Image, true
	}
	if !slices.Equal(ran.Command, d.Command) {
		o.Command, ok = ran.Command, true
	}
	if !slices.Equal(ran.Args, d.Args) {
		o.Args, ok = ran.Args, true
	}
	defined := map[string]string{}
	for _, e := range d.Env {
		defined[value(e.Name)] = value(e.Value)
	}
	for _, e := range ran.Env {
		if text, known := defined[value(e.Name)]; !known || text != value(e.Value) {
			o.Env, ok = append(o.Env, e), true
		}
	}
	a, b := value(ran.Resources), value(d.Resources)
	if !maps.Equal(a.Limits, b.Limits) || !maps.Equal(a.Requests, b.Requests) {
		o.Resources, ok = ran.Resources, true
	}
	return o, ok
}

// ecsOf is a task that ran as its definition would have it.
func ecsOf(p *awsapi.EcsPropertiesDetail) *awsapi.EcsProperties {
	out := &awsapi.EcsProperties{TaskProperties: make([]awsapi.EcsTaskProperties, len(p.TaskProperties))}
	for i, t := range p.TaskProperties {
		for _, c := range t.Containers {
			out.TaskProperties[i].Containers = append(out.TaskProperties[i].Containers, awsapi.TaskContainerProperties{
				Name: c.Name, Command: c.Command, Environment: c.Environment, ResourceRequirements: c.ResourceRequirements,
			})
		}
	}
	return out
}

func ecsAgain(ran, d *awsapi.EcsProperties) (*awsapi.EcsPropertiesOverride, error) {
	if len(ran.TaskProperties) != 1 || len(d.TaskProperties) != 1 || len(ran.TaskProperties[0].Containers) != len(d.TaskProperties[0].Containers) {
		return nil, errors.New("the job has other containers than its definition")
	}
	var changes []awsapi.TaskContainerOverrides
	for i, c := range ran.TaskProperties[0].Containers {
		was := d.TaskProperties[0].Containers[i]
		o := plainAgain(&awsapi.ContainerProperties{Command: c.Command, Environment: c.Environment, ResourceRequirements: c.ResourceRequirements},
			&awsapi.ContainerProperties{Command: was.Command, Environment: was.Environment, ResourceRequirements: was.ResourceRequirements})
		if o != nil {
			changes = append(changes, awsapi.TaskContainerOverrides{
				Name: c.Name, Command: o.Command, Environment: o.Environment, ResourceRequirements: o.ResourceRequirements,
			})
		}
	}
	if changes == nil {
		return nil, nil
	}
	return &awsapi.EcsPropertiesOverride{TaskProperties: []awsapi.TaskPropertiesOverride{{Containers: changes}}}, nil
}

// nodesAgain is what a multi-node job has other than its definition.
func nodesAgain(ran, d *awsapi.NodeProperties) (*awsapi.NodeOverrides, error) {
	o := &awsapi.NodeOverrides{}
	if value(ran.NumNodes) != value(d.NumNodes) {
		o.NumNodes = ran.NumNodes
	}
	if len(ran.NodeRangeProperties) != len(d.NodeRangeProperties) {
		return nil, errors.New("the job has other ranges of nodes than its definition")
	}
	for i := range ran.NodeRangeProperties {
		p, err := rangeAgain(&ran.NodeRangeProperties[i], &d.NodeRangeProperties[i])
		if err != nil {
			return nil, err
		}
		if p != nil {
			o.NodePropertyOverrides = append(o.NodePropertyOverrides, *p)
		}
	}
	if o.NumNodes == nil && o.NodePropertyOverrides == nil {
		return nil, nil
	}
	return o, nil
}

func rangeAgain(ran, d *awsapi.NodeRangeProperty) (*awsapi.NodePropertyOverride, error) {
	o := awsapi.NodePropertyOverride{TargetNodes: d.TargetNodes}
	var err error
	switch {
	case ran.EksProperties != nil && d.EksProperties != nil:
		o.EksPropertiesOverride, err = eksAgain(ran.EksProperties, d.EksProperties)
	case ran.EcsProperties != nil && d.EcsProperties != nil:
		o.EcsPropertiesOverride, err = ecsAgain(ran.EcsProperties, d.EcsProperties)
	case ran.Container != nil && d.Container != nil:
		o.ContainerOverrides = plainAgain(ran.Container, d.Container)
	}
	if !slices.Equal(ran.InstanceTypes, d.InstanceTypes) {
		o.InstanceTypes = ran.InstanceTypes
	}
	if err != nil || o.EksPropertiesOverride == nil && o.EcsPropertiesOverride == nil && o.ContainerOverrides == nil && o.InstanceTypes == nil {
		return nil, err
	}
	return &o, nil
}
