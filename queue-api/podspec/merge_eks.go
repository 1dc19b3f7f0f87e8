// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"maps"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// defaultContainerName is what a container without a name is called in its pod.
const defaultContainerName = "default"

// containerName takes AWS Batch's documented default, which Kubernetes would refuse, for the one that its pods have.
func containerName(name *string) string {
	if n := ptr.Deref(name, ""); n != "" && n != "Default" {
		return n
	}
	return defaultContainerName
}

func overridePod(at *field.Path, p *awsapi.EksPodProperties, o *awsapi.EksPodPropertiesOverride) error {
	if o == nil {
		return nil
	}
	if err := cmp.Or(
		overrideContainers(at.Child("initContainers"), p.InitContainers, o.InitContainers),
		overrideContainers(at.Child("containers"), p.Containers, o.Containers),
		validateMetadata(at.Child("metadata"), o.Metadata),
	); err != nil {
		return err
	}
	overrideMetadata(p, o.Metadata)
	return nil
}

// overrideContainers finds each override's container by name; only a single container needs none.
func overrideContainers(at *field.Path, list []awsapi.EksContainer, overrides []awsapi.EksContainerOverride) error {
	done := map[*awsapi.EksContainer]bool{}
	for i := range overrides {
		o := &overrides[i]
		c, err := overriddenContainer(at.Index(i).Child("name"), list, o.Name, func(c *awsapi.EksContainer) *string { return c.Name }, containerName)
		if err != nil {
			return err
		}
		if done[c] {
			return invalid(at.Index(i).Child("name"), "%s is overridden twice", quote(containerName(c.Name)))
		}
		done[c] = true
		if err := validateEKSOverride(at.Index(i), o); err != nil {
			return err
		}
		overrideEKSContainer(c, o)
	}
	return nil
}

func validateEKSOverride(at *field.Path, o *awsapi.EksContainerOverride) error {
	_, amountsErr := eksAmounts(at.Child("resources"), o.Resources)
	var imageErr error
	if o.Image != nil {
		imageErr = validateImage(at.Child("image"), o.Image)
	}
	return cmp.Or(
		imageErr,
		validateTexts(at.Child("command"), o.Command),
		validateTexts(at.Child("args"), o.Args),
		validateEKSEnv(at.Child("env"), o.Env),
		amountsErr,
	)
}

// overrideEKSContainer merges env by name and replaces the rest; resources as a whole, since limits and requests must agree.
func overrideEKSContainer(c *awsapi.EksContainer, o *awsapi.EksContainerOverride) {
	if o.Image != nil {
		c.Image = o.Image
	}
	if len(o.Command) > 0 {
		c.Command = o.Command
	}
	if len(o.Args) > 0 {
		c.Args = o.Args
	}
	if o.Resources != nil {
		c.Resources = o.Resources
	}
	c.Env = mergeBy(c.Env, o.Env, func(e awsapi.EksContainerEnvironmentVariable) *string { return e.Name })
}

// overrideMetadata merges labels and annotations by key; the namespace is replaced.
func overrideMetadata(p *awsapi.EksPodProperties, o *awsapi.EksMetadata) {
	if o == nil {
		return
	}
	if p.Metadata == nil {
		p.Metadata = &awsapi.EksMetadata{}
	}
	m := p.Metadata
	m.Labels = mergeMaps(m.Labels, o.Labels)
	m.Annotations = mergeMaps(m.Annotations, o.Annotations)
	if ptr.Deref(o.Namespace, "") != "" {
		m.Namespace = o.Namespace
	}
}

func mergeMaps(base, over map[string]string) map[string]string {
	if base == nil {
		return over
	}
	maps.Copy(base, over)
	return base
}
