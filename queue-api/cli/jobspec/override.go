// SPDX-License-Identifier: Apache-2.0

package jobspec

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// change is what a submission changes of one container. What is empty changes nothing.
type change struct {
	container string // its name; empty where there is one only
	command   []string
	env       []awsapi.KeyValuePair
	resources []awsapi.ResourceRequirement // memory in MiB
}

func (c *change) isEmpty() bool {
	return len(c.command) == 0 && len(c.env) == 0 && len(c.resources) == 0
}

// Override sets the members that change a container, as the definition's kind wants them.
func (o *Options) Override(in *awsapi.SubmitJobRequest, d *awsapi.JobDefinition) error {
	c, err := o.change()
	if err != nil {
		return err
	}
	if o.Nodes != 0 && d.NodeProperties == nil {
		return fmt.Errorf("--nodes %d: the job definition is not one of a multi-node parallel job", o.Nodes)
	}
	switch {
	case d.NodeProperties != nil:
		if in.NodeOverrides == nil {
			in.NodeOverrides = &awsapi.NodeOverrides{}
		}
		return o.overrideNodes(in.NodeOverrides, c, d.NodeProperties)
	case c.isEmpty():
		return nil
	case d.EksProperties != nil:
		in.EksPropertiesOverride, err = c.eks(in.EksPropertiesOverride, d.EksProperties)
	case d.EcsProperties != nil:
		in.EcsPropertiesOverride, err = c.ecs(in.EcsPropertiesOverride, d.EcsProperties)
	default:
		in.ContainerOverrides = c.plain(in.ContainerOverrides)
	}
	return err
}

func (o *Options) change() (change, error) {
	c := change{container: o.Container}
	var err error
	if c.command, err = o.words(); err != nil {
		return c, err
	}
	for _, text := range o.Env {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return c, fmt.Errorf("--env %q: must be NAME=VALUE", text)
		}
		c.env = append(c.env, awsapi.KeyValuePair{Name: &name, Value: &value})
	}
	c.require("VCPU", o.VCPUs)
	c.require("GPU", o.GPUs)
	if o.Memory != "" {
		memory, err := mebibytes(o.Memory)
		if err != nil {
			return c, err
		}
		c.require("MEMORY", memory)
	}
	return c, nil
}

func (c *change) require(kind, value string) {
	if value != "" {
		c.resources = append(c.resources, awsapi.ResourceRequirement{Type: &kind, Value: &value})
	}
}

// mebibytes is an amount of memory in MiB, rounded up. A number without a unit is MiB already.
func mebibytes(text string) (string, error) {
	if _, err := strconv.Atoi(text); err == nil {
		return text, nil
	}
	q, err := resource.ParseQuantity(strings.TrimSuffix(text, "B"))
	if err != nil || q.Sign() <= 0 {
		return "", fmt.Errorf("--memory %q: must be MiB, or have a unit as in 512Mi, 4Gi", text)
	}
	return strconv.FormatInt((q.Value()+1<<20-1)>>20, 10), nil
}

// plain overrides the one container of containerProperties.
func (c *change) plain(o *awsapi.ContainerOverrides) *awsapi.ContainerOverrides {
	if o == nil {
		o = &awsapi.ContainerOverrides{}
	}
	if len(c.command) > 0 {
		o.Command = c.command
	}
	o.Environment = overlaid(o.Environment, c.env)
	o.ResourceRequirements = required(o.ResourceRequirements, c.resources)
	return o
}

// overlaid is a list of variables with those of another, by name.
func overlaid(list, over []awsapi.KeyValuePair) []awsapi.KeyValuePair {
	return overlay(list, over, func(p awsapi.KeyValuePair) string { return value(p.Name) })
}

func required(list, over []awsapi.ResourceRequirement) []awsapi.ResourceRequirement {
	return overlay(list, over, func(r awsapi.ResourceRequirement) string { return value(r.Type) })
}

// overlay gives list with the elements of over in place of those with the same key.
func overlay[T any](list, over []T, key func(T) string) []T {
	for _, element := range over {
		found := false
		for i := range list {
			if key(list[i]) == key(element) {
				list[i], found = element, true
			}
		}
		if !found {
			list = append(list, element)
		}
	}
	return list
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// eks overrides a container of eksProperties. Its resources are replaced as a whole there, so they begin as the definition's.
func (c *change) eks(o *awsapi.EksPropertiesOverride, d *awsapi.EksProperties) (*awsapi.EksPropertiesOverride, error) {
	if o == nil {
		o = &awsapi.EksPropertiesOverride{}
	}
	if o.PodProperties == nil {
		o.PodProperties = &awsapi.EksPodPropertiesOverride{}
	}
	if d.PodProperties == nil {
		return nil, errors.New("the job definition has no podProperties")
	}
	target, err := pick(d.PodProperties.Containers, c.container, func(t awsapi.EksContainer) *string { return t.Name })
	if err != nil {
		return nil, err
	}
	override := awsapi.EksContainerOverride{Name: target.Name, Command: c.command}
	for _, e := range c.env {
		override.Env = append(override.Env, awsapi.EksContainerEnvironmentVariable(e))
	}
	if len(c.resources) > 0 {
		override.Resources = eksResources(target.Resources, c.resources)
	}
	o.PodProperties.Containers = overlay(o.PodProperties.Containers, []awsapi.EksContainerOverride{override},
		func(o awsapi.EksContainerOverride) string { return value(o.Name) })
	return o, nil
}

// eksNames are Kubernetes' names of resources.
var eksNames = map[string]string{"VCPU": "cpu", "MEMORY": "memory", "GPU": "nvidia.com/gpu"}

// eksResources are a definition's with others in their place, as limits and as requests, which must agree. AWS Batch: cpu may have
// either alone.
func eksResources(d *awsapi.EksContainerResourceRequirements, over []awsapi.ResourceRequirement) *awsapi.EksContainerResourceRequirements {
	out := &awsapi.EksContainerResourceRequirements{Limits: map[string]string{}, Requests: map[string]string{}}
	if d != nil {
		maps.Copy(out.Limits, d.Limits)
		maps.Copy(out.Requests, d.Requests)
	}
	for _, r := range over {
		name, amount := eksNames[value(r.Type)], value(r.Value)
		if name == "memory" {
			amount += "Mi"
		}
		_, isRequested := out.Requests[name]
		if _, isLimited := out.Limits[name]; isLimited || !isRequested {
			out.Limits[name] = amount
		}
		if isRequested {
			out.Requests[name] = amount
		}
	}
	if len(out.Requests) == 0 {
		out.Requests = nil
	}
	if len(out.Limits) == 0 {
		out.Limits = nil
	}
	return out
}

// ecs overrides a container of the one task of ecsProperties.
func (c *change) ecs(o *awsapi.EcsPropertiesOverride, d *awsapi.EcsProperties) (*awsapi.EcsPropertiesOverride, error) {
	if o == nil {
		o = &awsapi.EcsPropertiesOverride{}
	}
	if len(d.TaskProperties) != 1 {
		return nil, fmt.Errorf("the job definition has %d tasks: say in a file (-f) what to override", len(d.TaskProperties))
	}
	target, err := pick(d.TaskProperties[0].Containers, c.container, func(t awsapi.TaskContainerProperties) *string { return t.Name })
	if err != nil {
		return nil, err
	}
	if len(o.TaskProperties) == 0 {
		o.TaskProperties = make([]awsapi.TaskPropertiesOverride, 1)
	}
	override := awsapi.TaskContainerOverrides{Name: target.Name, Command: c.command, Environment: c.env, ResourceRequirements: c.resources}
	o.TaskProperties[0].Containers = overlay(o.TaskProperties[0].Containers, []awsapi.TaskContainerOverrides{override},
		func(o awsapi.TaskContainerOverrides) string { return value(o.Name) })
	return o, nil
}

// pick finds the container of that name; without a name there must be one only.
func pick[T any](list []T, name string, nameOf func(T) *string) (T, error) {
	var none T
	if name == "" && len(list) == 1 {
		return list[0], nil
	}
	var names []string
	for _, c := range list {
		if n := value(nameOf(c)); name != "" && n == name {
			return c, nil
		} else {
			names = append(names, n)
		}
	}
	if name == "" {
		return none, fmt.Errorf("the job definition has several containers: --container must name one of %s", strings.Join(names, ", "))
	}
	return none, fmt.Errorf("--container %q: the job definition has %s", name, strings.Join(names, ", "))
}

// overrideNodes overrides all nodes alike.
func (o *Options) overrideNodes(n *awsapi.NodeOverrides, c change, d *awsapi.NodeProperties) error {
	if o.Nodes != 0 {
		n.NumNodes = &o.Nodes
	}
	if c.isEmpty() {
		return nil
	}
	for _, r := range d.NodeRangeProperties {
		override := awsapi.NodePropertyOverride{TargetNodes: r.TargetNodes}
		var err error
		switch {
		case r.EksProperties != nil:
			override.EksPropertiesOverride, err = c.eks(nil, r.EksProperties)
		case r.EcsProperties != nil:
			override.EcsPropertiesOverride, err = c.ecs(nil, r.EcsProperties)
		default:
			override.ContainerOverrides = c.plain(nil)
		}
		if err != nil {
			return err
		}
		n.NodePropertyOverrides = overlay(n.NodePropertyOverrides, []awsapi.NodePropertyOverride{override},
			func(o awsapi.NodePropertyOverride) string { return value(o.TargetNodes) })
	}
	return nil
}
