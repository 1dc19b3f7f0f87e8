// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// Spec is a job definition's properties with a job's overrides and parameters applied; exactly one of Container, EKS, ECS
// and Nodes is set.
type Spec struct {
	Container *awsapi.ContainerProperties
	EKS       *awsapi.EksPodProperties
	ECS       *awsapi.EcsTaskProperties
	Nodes     *awsapi.NodeProperties
	Fargate   bool // the definition is for Fargate
	// InstanceType is what a node of a multi-node job must run on; empty means any.
	InstanceType string
}

// Merge applies a job to its definition. It returns a *batch.Error (ClientException) when the overrides do not match the
// definition's type or break a rule. The result shares no memory with its arguments.
func Merge(def batch.JobDefinition, job batch.Job) (Spec, error) {
	spec, err := decodeDefinition(def)
	if err != nil {
		return Spec{}, err
	}
	if err := refuseOtherOverrides(spec, job); err != nil {
		return Spec{}, err
	}
	if spec.Nodes != nil {
		err = mergeNodes(&spec, job.NodeOverrides)
	} else {
		err = mergeOne(spec, job)
	}
	if err != nil {
		return Spec{}, err
	}
	for _, s := range spec.distinct() {
		if err := s.substitute(job.Parameters); err != nil {
			return Spec{}, err
		}
	}
	return spec, nil
}

// properties names what the definition has.
func (s Spec) properties() string {
	switch {
	case s.Container != nil:
		return "containerProperties"
	case s.ECS != nil:
		return "ecsProperties"
	case s.EKS != nil:
		return "eksProperties"
	}
	return "nodeProperties"
}

// path says where the properties stand: in the definition itself, or in a node range.
func (s Spec) path(nodeRange *field.Path) *field.Path {
	switch {
	case s.ECS != nil:
		return nodeRange.Child("ecsProperties", "taskProperties").Index(0)
	case s.EKS != nil:
		return nodeRange.Child("eksProperties", "podProperties")
	case nodeRange != nil:
		return nodeRange.Child("container")
	}
	return nodeRange.Child(s.properties())
}

// refuseOtherOverrides refuses overrides for another kind of definition.
func refuseOtherOverrides(spec Spec, job batch.Job) error {
	for _, o := range [...]struct {
		name, properties string
		doc              json.RawMessage
	}{
		{"containerOverrides", "containerProperties", job.ContainerOverrides},
		{"ecsPropertiesOverride", "ecsProperties", job.ECSOverrides},
		{"eksPropertiesOverride", "eksProperties", job.EKSOverrides},
		{"nodeOverrides", "nodeProperties", job.NodeOverrides},
	} {
		if have := spec.properties(); have != o.properties && asksForMore(o.doc) {
			return batch.Invalidf("%s: does not apply to job definition %s, which has %s", o.name, job.Definition, have)
		}
	}
	return nil
}

// mergeOne applies a job to a definition of one pod.
func mergeOne(spec Spec, job batch.Job) error {
	if tooLong(job.ContainerOverrides) || tooLong(job.ECSOverrides) {
		return errTooLong()
	}
	var o overrides
	var err error
	switch {
	case spec.Container != nil && asksForMore(job.ContainerOverrides):
		o.container, err = decode[awsapi.ContainerOverrides]("containerOverrides", job.ContainerOverrides)
		if err == nil {
			err = refuseInstanceType(field.NewPath("containerOverrides"), o.container.InstanceType)
		}
	case spec.ECS != nil && asksForMore(job.ECSOverrides):
		o.ecs, err = decode[awsapi.EcsPropertiesOverride]("ecsPropertiesOverride", job.ECSOverrides)
	case spec.EKS != nil && asksForMore(job.EKSOverrides):
		o.eks, err = decode[awsapi.EksPropertiesOverride]("eksPropertiesOverride", job.EKSOverrides)
	}
	if err != nil {
		return err
	}
	return spec.override(nil, o)
}

// overrides are those of one pod; nil is not given.
type overrides struct {
	container *awsapi.ContainerOverrides
	ecs       *awsapi.EcsPropertiesOverride
	eks       *awsapi.EksPropertiesOverride
}

// override applies the overrides of the spec's own kind; at is where they stand.
func (s Spec) override(at *field.Path, o overrides) error {
	switch {
	case s.Container != nil && o.container != nil:
		return mergeContainer(at.Child("containerOverrides"), s.Container, o.container)
	case s.ECS != nil && o.ecs != nil:
		return mergeTask(at.Child("ecsPropertiesOverride", "taskProperties"), s.ECS, o.ecs.TaskProperties)
	case s.EKS != nil && o.eks != nil:
		return overridePod(at.Child("eksPropertiesOverride", "podProperties"), s.EKS, o.eks.PodProperties)
	}
	return nil
}

// MaxOverridesLength is AWS Batch's bound on containerOverrides, in characters; it is Amazon ECS's, for tasks too.
const MaxOverridesLength = 8192

func errTooLong() error {
	return batch.Invalidf("Container Overrides length must be at most %d", MaxOverridesLength)
}

// asksForMore reports whether overrides say anything; null and {} fit any definition.
func asksForMore(overrides json.RawMessage) bool {
	var members map[string]json.RawMessage
	return len(overrides) > 0 && (json.Unmarshal(overrides, &members) != nil || len(members) > 0)
}

// tooLong measures without the white space between tokens.
func tooLong(overrides json.RawMessage) bool {
	if len(overrides) <= MaxOverridesLength {
		return false
	}
	var b bytes.Buffer
	return json.Compact(&b, overrides) == nil && utf8.RuneCount(b.Bytes()) > MaxOverridesLength
}

// mergeBy puts each item of over in the place of base's item of the same key, or at the end.
func mergeBy[T any](base, over []T, key func(T) *string) []T {
	if len(over) == 0 {
		return base
	}
	merged := make([]T, 0, len(base)+len(over))
	place := map[string]int{}
	for _, list := range [...][]T{base, over} {
		for _, item := range list {
			k := ptr.Deref(key(item), "")
			if i, found := place[k]; found {
				merged[i] = item
				continue
			}
			place[k] = len(merged)
			merged = append(merged, item)
		}
	}
	return merged
}

// substitute puts parameters into every command of a pod.
func (s Spec) substitute(parameters map[string]string) error {
	var errs []error
	if s.Container != nil {
		errs = append(errs, substitute(s.Container.Command, parameters))
	}
	if s.ECS != nil {
		for i := range s.ECS.Containers {
			errs = append(errs, substitute(s.ECS.Containers[i].Command, parameters))
		}
	}
	if s.EKS != nil {
		for _, list := range [...][]awsapi.EksContainer{s.EKS.InitContainers, s.EKS.Containers} {
			for i := range list {
				errs = append(errs, substitute(list[i].Command, parameters), substitute(list[i].Args, parameters))
			}
		}
	}
	return cmp.Or(errs...)
}

// substitute replaces elements that are Ref::name, as a whole, by the parameter of that name. Unknown ones stay as they
// are.
func substitute(list []string, parameters map[string]string) error {
	for i, s := range list {
		name, isRef := strings.CutPrefix(s, "Ref::")
		value, found := parameters[name]
		if !isRef || !found {
			continue
		}
		if err := validateText(field.NewPath("parameters").Key(clip(name)), value); err != nil {
			return err
		}
		list[i] = value
	}
	return nil
}
