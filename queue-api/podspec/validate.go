// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// ValidateDefinition refuses a job definition that could not become a pod. It looks at the type, the platform, the
// properties and the consumable resources; name, retry strategy, timeout and tags concern no pod. vCPUs and memory may be
// missing: a job may bring them.
func ValidateDefinition(def batch.JobDefinition, opts Options) error {
	spec, err := decodeDefinition(def)
	if err != nil {
		return err
	}
	if err := validateConsumables(def.ConsumableResourceProperties); err != nil {
		return err
	}
	if spec.Nodes != nil {
		return validateNodes(spec, opts)
	}
	if spec.Container != nil {
		if err := refuseInstanceType(spec.path(nil), spec.Container.InstanceType); err != nil {
			return err
		}
	}
	return spec.validate(spec.path(nil), opts)
}

// validate checks the properties of one pod.
func (s Spec) validate(at *field.Path, opts Options) error {
	if s.EKS != nil {
		if s.Fargate {
			return notApplicable(at.Root(), "eksProperties", fargate)
		}
		return validatePod(at, s.EKS)
	}
	return validateTask(s.task(at), opts)
}

func validateConsumables(doc json.RawMessage) error {
	p, err := decodeConsumables(doc)
	if err != nil {
		return err
	}
	_, err = consumableList(field.NewPath("consumableResourceProperties"), p)
	return err
}

// Types of job definitions.
const (
	typeContainer = "container"
	typeMultiNode = "multinode"
)

// decodeDefinition makes a Spec of the definition alone. What the definition holds is as the model wants it, no more.
func decodeDefinition(def batch.JobDefinition) (Spec, error) {
	spec := Spec{Fargate: slices.Contains(def.PlatformCapabilities, "FARGATE")}
	given := 0
	for _, doc := range [...]json.RawMessage{def.ContainerProperties, def.ECSProperties, def.EKSProperties} {
		if isObject(doc) {
			given++
		}
	}
	var err error
	switch {
	case def.Type != typeContainer && def.Type != typeMultiNode:
		return Spec{}, batch.Invalidf("type: %s must be container or multinode", quote(def.Type))
	case def.Type == typeMultiNode && (given > 0 || !isObject(def.NodeProperties)):
		return Spec{}, batch.Invalidf("nodeProperties and no other properties must be given when type is multinode")
	case def.Type == typeMultiNode:
		spec.Nodes, err = decode[awsapi.NodeProperties]("nodeProperties", def.NodeProperties)
		if err == nil {
			err = completeNodes(spec.Nodes)
		}
	case isObject(def.NodeProperties):
		return Spec{}, batch.Invalidf("nodeProperties: applies to job definitions of type multinode only")
	case given != 1:
		return Spec{}, batch.Invalidf("exactly one of containerProperties, ecsProperties and eksProperties must be given")
	case isObject(def.ContainerProperties):
		spec.Container, err = decode[awsapi.ContainerProperties]("containerProperties", def.ContainerProperties)
	case isObject(def.ECSProperties):
		var p *awsapi.EcsProperties
		if p, err = decode[awsapi.EcsProperties]("ecsProperties", def.ECSProperties); err == nil {
			spec.ECS, err = onlyTask(nil, p)
		}
	default:
		var p *awsapi.EksProperties
		if p, err = decode[awsapi.EksProperties]("eksProperties", def.EKSProperties); err == nil {
			spec.EKS, err = podOf(nil, p)
		}
	}
	if err != nil {
		return Spec{}, err
	}
	return spec, nil
}

// onlyTask is the one task that ecsProperties have. AWS Batch: exactly one.
func onlyTask(at *field.Path, p *awsapi.EcsProperties) (*awsapi.EcsTaskProperties, error) {
	at = at.Child("ecsProperties", "taskProperties")
	if len(p.TaskProperties) != 1 {
		return nil, invalid(at, "must have exactly 1 member")
	}
	if len(p.TaskProperties[0].Containers) == 0 {
		return nil, invalid(at.Index(0).Child("containers"), "must have at least 1 member")
	}
	return &p.TaskProperties[0], nil
}

func podOf(at *field.Path, p *awsapi.EksProperties) (*awsapi.EksPodProperties, error) {
	if p.PodProperties == nil {
		return nil, invalid(at.Child("eksProperties", "podProperties"), "is required")
	}
	return p.PodProperties, nil
}

// isObject reports whether the document was given at all.
func isObject(doc json.RawMessage) bool { return len(doc) > 0 && string(doc) != "null" }

// decode reads a document and checks the model's rules. Every call makes a fresh value, which the caller may change.
func decode[T any, P interface {
	*T
	Validate() error
}](name string, doc json.RawMessage) (*T, error) {
	v, err := unmarshal[T](name, doc)
	if err != nil {
		return nil, err
	}
	if err := P(v).Validate(); err != nil {
		return nil, batch.Invalidf("%s.%v", name, err)
	}
	return v, nil
}

func unmarshal[T any](name string, doc json.RawMessage) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(doc, v); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, batch.Invalidf("%s: must not be a JSON %s", strings.TrimSuffix(name+"."+wrong.Field, "."), clip(wrong.Value))
		}
		return nil, batch.Invalidf("%s: is not JSON: %v", name, err)
	}
	return v, nil
}
