// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// task is what containerProperties and ecsProperties have in common: a task of one container or of several. The first is
// written as the second, so that both become pods in one place.
type task struct {
	*awsapi.EcsTaskProperties

	at *field.Path // of the properties
	// vcpus and memory are containerProperties' deprecated members; nil in ecsProperties.
	vcpus, memory *int
	fargate       bool
	isContainer   bool // of containerProperties, whose members stand side by side with the task's
}

// task is the part of a Spec that is not eksProperties; at is where its properties stand.
func (s Spec) task(at *field.Path) task {
	if s.Container == nil {
		return task{EcsTaskProperties: s.ECS, at: at, fargate: s.Fargate}
	}
	p := s.Container
	t := task{at: at, vcpus: p.Vcpus, memory: p.Memory, fargate: s.Fargate, isContainer: true, EcsTaskProperties: &awsapi.EcsTaskProperties{
		Containers: []awsapi.TaskContainerProperties{{
			Command:                p.Command,
			Environment:            p.Environment,
			Image:                  p.Image,
			LinuxParameters:        p.LinuxParameters,
			LogConfiguration:       p.LogConfiguration,
			MountPoints:            p.MountPoints,
			Privileged:             p.Privileged,
			ReadonlyRootFilesystem: p.ReadonlyRootFilesystem,
			RepositoryCredentials:  p.RepositoryCredentials,
			ResourceRequirements:   p.ResourceRequirements,
			Secrets:                p.Secrets,
			Ulimits:                p.Ulimits,
			User:                   p.User,
		}},
		EphemeralStorage:     p.EphemeralStorage,
		ExecutionRoleArn:     p.ExecutionRoleArn,
		TaskRoleArn:          p.JobRoleArn,
		NetworkConfiguration: p.NetworkConfiguration,
		RuntimePlatform:      p.RuntimePlatform,
		Volumes:              p.Volumes,
		EnableExecuteCommand: p.EnableExecuteCommand,
	}}
	if p.FargatePlatformConfiguration != nil {
		t.PlatformVersion = p.FargatePlatformConfiguration.PlatformVersion
	}
	return t
}

// containerAt is where a container's own members stand.
func (t *task) containerAt(i int) *field.Path {
	if t.isContainer {
		return t.at
	}
	return t.at.Child("containers").Index(i)
}

// amounts are what the task's containers ask for, in order.
func (t *task) amounts() ([]amounts, error) {
	list := make([]amounts, len(t.Containers))
	for i := range t.Containers {
		var err error
		at, requirements := t.containerAt(i), t.Containers[i].ResourceRequirements
		if list[i], err = containerAmounts(at, t.vcpus, t.memory, requirements); err != nil {
			return nil, err
		}
		if err := t.validateSpelling(at.Child("resourceRequirements"), requirements); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// validateSpelling refuses 1.0 where 1 is meant. AWS Batch: likewise on EC2; a quarter, which it does not have there, is as
// good as on EKS here.
func (t *task) validateSpelling(at *field.Path, list []awsapi.ResourceRequirement) error {
	for i := range list {
		value := ptr.Deref(list[i].Value, "")
		whole, fraction, found := strings.Cut(value, ".")
		if found && !t.fargate && strings.Trim(fraction, "0") == "" {
			return notNumeric(at.Index(i).Child("value"), ptr.Deref(list[i].Type, ""), value, "must be written as "+whole)
		}
	}
	return nil
}

// literal keeps Kubernetes from expanding s, which ECS would not do: there $(NAME) and $$ reach the process as they are.
// Only a dollar sign that would mean something is doubled; kubelet garbles one before a character that is not ASCII too.
func literal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] != '$' || i+1 == len(s) {
			continue
		}
		if next := s[i+1]; next == '$' || next == '(' || next >= utf8.RuneSelf {
			b.WriteByte('$')
		}
	}
	return b.String()
}

func literals(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, literal(s))
	}
	return out
}
