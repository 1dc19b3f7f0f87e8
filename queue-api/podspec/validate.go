// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// ValidateDefinition refuses a job definition that could not become a pod. It looks at the type and the properties; name,
// retry strategy, timeout and tags concern no pod. vCPUs and memory may be missing: a job may bring them.
func ValidateDefinition(def batch.JobDefinition) error {
	spec, err := decodeDefinition(def)
	if err != nil {
		return err
	}
	if spec.Container != nil {
		return validateContainer(spec.Container)
	}
	return validatePod(spec.EKS)
}

// decodeDefinition makes a Spec of the definition alone.
func decodeDefinition(def batch.JobDefinition) (Spec, error) {
	switch {
	case def.Type != "container":
		return Spec{}, batch.Invalidf("type: %s is not supported by this server: it must be container", quote(def.Type))
	case isObject(def.ContainerProperties) == isObject(def.EKSProperties):
		return Spec{}, batch.Invalidf("exactly one of containerProperties and eksProperties must be given")
	case isObject(def.ContainerProperties):
		p, err := decode[awsapi.ContainerProperties]("containerProperties", def.ContainerProperties)
		return Spec{Container: p}, err
	}
	p, err := decode[awsapi.EksProperties]("eksProperties", def.EKSProperties)
	if err != nil {
		return Spec{}, err
	}
	if p.PodProperties == nil {
		return Spec{}, batch.Invalidf("eksProperties.podProperties: is required")
	}
	return Spec{EKS: p.PodProperties}, nil
}

// isObject reports whether the document was given at all.
func isObject(doc json.RawMessage) bool { return len(doc) > 0 && string(doc) != "null" }

// decode reads a document and checks the model's rules. Every call makes a fresh value, which the caller may change.
func decode[T any, P interface {
	*T
	Validate() error
}](name string, doc json.RawMessage) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(doc, v); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, batch.Invalidf("%s: must not be a JSON %s", strings.TrimSuffix(name+"."+wrong.Field, "."), clip(wrong.Value))
		}
		return nil, batch.Invalidf("%s: is not JSON: %v", name, err)
	}
	if err := P(v).Validate(); err != nil {
		return nil, batch.Invalidf("%s.%v", name, err)
	}
	return v, nil
}
