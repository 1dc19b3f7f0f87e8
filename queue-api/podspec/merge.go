// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// Spec is a job definition's properties with a job's overrides and parameters applied; exactly one field is set.
type Spec struct {
	Container *awsapi.ContainerProperties
	EKS       *awsapi.EksPodProperties
}

// Merge applies a job to its definition. It returns a *batch.Error (ClientException) when the overrides do not match the
// definition's type or break a rule. The result shares no memory with its arguments.
func Merge(def batch.JobDefinition, job batch.Job) (Spec, error) {
	spec, err := decodeDefinition(def)
	if err != nil {
		return Spec{}, err
	}
	if spec.Container != nil {
		err = mergeContainer(spec.Container, job)
	} else {
		err = mergePod(spec.EKS, job)
	}
	if err != nil {
		return Spec{}, err
	}
	return spec, nil
}

// maxOverridesLength is AWS Batch's bound on containerOverrides, in characters.
const maxOverridesLength = 8192

func mergeContainer(p *awsapi.ContainerProperties, job batch.Job) error {
	if asksForMore(job.EKSOverrides) {
		return mismatch("eksPropertiesOverride", job.Definition, "containerProperties")
	}
	if asksForMore(job.ContainerOverrides) {
		if tooLong(job.ContainerOverrides) {
			return batch.Invalidf("Container Overrides length must be at most %d", maxOverridesLength)
		}
		o, err := decode[awsapi.ContainerOverrides]("containerOverrides", job.ContainerOverrides)
		if err != nil {
			return err
		}
		if err := validateOverrides(o); err != nil {
			return err
		}
		overrideContainer(p, o)
	}
	return substitute(p.Command, job.Parameters)
}

// asksForMore reports whether overrides say anything; null and {} fit any definition.
func asksForMore(overrides json.RawMessage) bool {
	var members map[string]json.RawMessage
	return len(overrides) > 0 && (json.Unmarshal(overrides, &members) != nil || len(members) > 0)
}

func mismatch(overrides string, ref batch.DefinitionRef, properties string) error {
	return batch.Invalidf("%s: does not apply to job definition %s, which has %s", overrides, ref, properties)
}

// tooLong measures without the white space between tokens.
func tooLong(overrides json.RawMessage) bool {
	if len(overrides) <= maxOverridesLength {
		return false
	}
	var b bytes.Buffer
	return json.Compact(&b, overrides) == nil && utf8.RuneCount(b.Bytes()) > maxOverridesLength
}

func validateOverrides(o *awsapi.ContainerOverrides) error {
	at := field.NewPath("containerOverrides")
	if err := refuseInstanceType(at, o.InstanceType); err != nil {
		return err
	}
	if _, err := containerAmounts(at, o.Vcpus, o.Memory, o.ResourceRequirements); err != nil {
		return err
	}
	for i, s := range o.Command {
		if s == "" {
			return invalid(at.Child("command").Index(i), "must not be an empty string")
		}
	}
	if err := validateTexts(at.Child("command"), o.Command); err != nil {
		return err
	}
	return validateEnvironment(at.Child("environment"), o.Environment)
}

// overrideContainer follows AWS Batch: command replaces, environment merges by name and requirements by type. The
// deprecated vcpus and memory override each other only; a requirement in the list still goes before them.
func overrideContainer(p *awsapi.ContainerProperties, o *awsapi.ContainerOverrides) {
	if len(o.Command) > 0 {
		p.Command = o.Command
	}
	if o.Vcpus != nil {
		p.Vcpus = o.Vcpus
	}
	if o.Memory != nil {
		p.Memory = o.Memory
	}
	p.Environment = mergeBy(p.Environment, o.Environment, func(e awsapi.KeyValuePair) *string { return e.Name })
	p.ResourceRequirements = mergeBy(p.ResourceRequirements, o.ResourceRequirements,
		func(r awsapi.ResourceRequirement) *string { return r.Type })
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
