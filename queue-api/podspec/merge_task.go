// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// mergeContainer follows AWS Batch: command replaces, environment merges by name and requirements by type. The deprecated
// vcpus and memory override each other only; a requirement in the list still goes before them.
func mergeContainer(at *field.Path, p *awsapi.ContainerProperties, o *awsapi.ContainerOverrides) error {
	_, amountsErr := containerAmounts(at, o.Vcpus, o.Memory, o.ResourceRequirements)
	if err := cmp.Or(
		amountsErr,
		validateCommandOverride(at.Child("command"), o.Command),
		validateEnvironment(at.Child("environment"), o.Environment, p.Secrets),
	); err != nil {
		return err
	}
	if len(o.Command) > 0 {
		p.Command = o.Command
	}
	if o.Vcpus != nil {
		p.Vcpus = o.Vcpus
	}
	if o.Memory != nil {
		p.Memory = o.Memory
	}
	if ptr.Deref(o.InstanceType, "") != "" {
		p.InstanceType = o.InstanceType
	}
	p.Environment = mergeEnvironment(p.Environment, o.Environment)
	p.ResourceRequirements = mergeRequirements(p.ResourceRequirements, o.ResourceRequirements)
	return nil
}

func validateCommandOverride(at *field.Path, command []string) error {
	for i, s := range command {
		if s == "" {
			return invalid(at.Index(i), "must not be an empty string")
		}
	}
	return validateTexts(at, command)
}

func mergeEnvironment(base, over []awsapi.KeyValuePair) []awsapi.KeyValuePair {
	return mergeBy(base, over, func(e awsapi.KeyValuePair) *string { return e.Name })
}

func mergeRequirements(base, over []awsapi.ResourceRequirement) []awsapi.ResourceRequirement {
	return mergeBy(base, over, func(r awsapi.ResourceRequirement) *string { return r.Type })
}

// mergeTask finds each override's container by name; only a single container needs none.
func mergeTask(at *field.Path, p *awsapi.EcsTaskProperties, tasks []awsapi.TaskPropertiesOverride) error {
	if len(tasks) == 0 {
		return nil
	}
	if len(tasks) > 1 {
		return invalid(at, "must have exactly 1 member")
	}
	at = at.Index(0).Child("containers")
	done := map[*awsapi.TaskContainerProperties]bool{}
	for i := range tasks[0].Containers {
		o, item := &tasks[0].Containers[i], at.Index(i)
		c, err := overriddenContainer(item.Child("name"), p.Containers, o.Name, func(c *awsapi.TaskContainerProperties) *string { return c.Name }, TaskContainerName)
		if err != nil {
			return err
		}
		if done[c] {
			return invalid(item.Child("name"), "%s is overridden twice", quote(TaskContainerName(c.Name)))
		}
		done[c] = true
		if err := mergeTaskContainer(item, c, o); err != nil {
			return err
		}
	}
	return nil
}

func mergeTaskContainer(at *field.Path, c *awsapi.TaskContainerProperties, o *awsapi.TaskContainerOverrides) error {
	_, amountsErr := containerAmounts(at, nil, nil, o.ResourceRequirements)
	if err := cmp.Or(
		amountsErr,
		validateCommandOverride(at.Child("command"), o.Command),
		validateEnvironment(at.Child("environment"), o.Environment, c.Secrets),
	); err != nil {
		return err
	}
	if len(o.Command) > 0 {
		c.Command = o.Command
	}
	c.Environment = mergeEnvironment(c.Environment, o.Environment)
	c.ResourceRequirements = mergeRequirements(c.ResourceRequirements, o.ResourceRequirements)
	return nil
}

// overriddenContainer finds the container that an override is for.
func overriddenContainer[T any](at *field.Path, list []T, name *string, nameOf func(*T) *string, inPod func(*string) string) (*T, error) {
	if ptr.Deref(name, "") == "" {
		if len(list) != 1 {
			return nil, invalid(at, "is required unless the job definition has exactly one such container")
		}
		return &list[0], nil
	}
	for i := range list {
		if inPod(nameOf(&list[i])) == inPod(name) {
			return &list[i], nil
		}
	}
	return nil, invalid(at, "the job definition has no such container with the name %s", quote(*name))
}
