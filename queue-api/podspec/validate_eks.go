// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"math"
	"path"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// maxContainers bounds containers and init containers. AWS Batch: 10 of each.
const maxContainers = 10

func validatePod(at *field.Path, p *awsapi.EksPodProperties) error {
	volumes, err := validateEKSVolumes(at.Child("volumes"), p.Volumes)
	if err != nil {
		return err
	}
	if len(p.Containers) == 0 {
		return invalid(at.Child("containers"), "must have at least 1 member")
	}
	names := map[string]bool{}
	return cmp.Or(
		validateEKSContainers(at.Child("initContainers"), p.InitContainers, names, volumes),
		validateEKSContainers(at.Child("containers"), p.Containers, names, volumes),
		validateSubdomain(at.Child("serviceAccountName"), ptr.Deref(p.ServiceAccountName, "")),
		validateOneOf(at.Child("dnsPolicy"), p.DnsPolicy,
			corev1.DNSDefault, corev1.DNSClusterFirst, corev1.DNSClusterFirstWithHostNet),
		validatePullSecrets(at.Child("imagePullSecrets"), p.ImagePullSecrets),
		validateMetadata(at.Child("metadata"), p.Metadata),
	)
}

// validateOneOf checks an enum that the model leaves open; an empty string is absent.
func validateOneOf[T ~string](at *field.Path, v *string, values ...T) error {
	if s := ptr.Deref(v, ""); s != "" && !slices.Contains(values, T(s)) {
		return invalid(at, "%s must be one of %v", quote(s), values)
	}
	return nil
}

func validatePullSecrets(at *field.Path, secrets []awsapi.ImagePullSecret) error {
	for i, s := range secrets {
		name := ptr.Deref(s.Name, "")
		if err := broken(at.Index(i).Child("name"), name, validation.IsDNS1123Subdomain(name)); err != nil {
			return err
		}
	}
	return nil
}

// validateEKSContainers adds to names, which no two containers of a pod may share.
func validateEKSContainers(at *field.Path, list []awsapi.EksContainer, names, volumes map[string]bool) error {
	if len(list) > maxContainers {
		return invalid(at, "must have at most %d members", maxContainers)
	}
	for i := range list {
		name := containerName(list[i].Name)
		if names[name] {
			return invalid(at.Index(i).Child("name"), "%s is given twice, or left out more than once", quote(name))
		}
		names[name] = true
		if err := validateEKSContainer(at.Index(i), &list[i], volumes); err != nil {
			return err
		}
	}
	return nil
}

func validateEKSContainer(at *field.Path, c *awsapi.EksContainer, volumes map[string]bool) error {
	name := containerName(c.Name)
	_, amountsErr := eksAmounts(at.Child("resources"), c.Resources)
	return cmp.Or(
		broken(at.Child("name"), name, validation.IsDNS1123Label(name)),
		validateImage(at.Child("image"), c.Image),
		validateOneOf(at.Child("imagePullPolicy"), c.ImagePullPolicy,
			corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever),
		validateTexts(at.Child("command"), c.Command),
		validateTexts(at.Child("args"), c.Args),
		validateEKSEnv(at.Child("env"), c.Env),
		amountsErr,
		validateEKSMounts(at.Child("volumeMounts"), c.VolumeMounts, volumes),
		validateSecurityContext(at.Child("securityContext"), c.SecurityContext),
	)
}

func validateEKSEnv(at *field.Path, env []awsapi.EksContainerEnvironmentVariable) error {
	for i := range env {
		if err := validateEnvVar(at.Index(i), env[i].Name, env[i].Value); err != nil {
			return err
		}
	}
	return nil
}

func validateEKSMounts(at *field.Path, mounts []awsapi.EksContainerVolumeMount, volumes map[string]bool) error {
	mounted := paths{}
	for i, m := range mounts {
		item := at.Index(i)
		if name := ptr.Deref(m.Name, ""); !volumes[name] {
			return invalid(item.Child("name"), "no volume has the name %s", quote(name))
		}
		sub := ptr.Deref(m.SubPath, "")
		if path.IsAbs(sub) {
			return invalid(item.Child("subPath"), "%s must be a relative path", quote(sub))
		}
		if err := cmp.Or(
			mounted.add(item.Child("mountPath"), m.MountPath),
			validateNoBacksteps(item.Child("subPath"), sub),
			validateText(item.Child("subPath"), sub),
		); err != nil {
			return err
		}
	}
	return nil
}

func validateSecurityContext(at *field.Path, sc *awsapi.EksContainerSecurityContext) error {
	if sc == nil {
		return nil
	}
	switch {
	case len(validation.IsValidUserID(ptr.Deref(sc.RunAsUser, 0))) > 0:
		return invalid(at.Child("runAsUser"), "must be 0 to %d", math.MaxInt32)
	case len(validation.IsValidGroupID(ptr.Deref(sc.RunAsGroup, 0))) > 0:
		return invalid(at.Child("runAsGroup"), "must be 0 to %d", math.MaxInt32)
	case ptr.Deref(sc.Privileged, false) && !ptr.Deref(sc.AllowPrivilegeEscalation, true):
		return invalid(at.Child("allowPrivilegeEscalation"), "must not be false when privileged is true")
	case ptr.Deref(sc.RunAsNonRoot, false) && sc.RunAsUser != nil && *sc.RunAsUser == 0:
		return invalid(at.Child("runAsUser"), "must not be 0 when runAsNonRoot is true")
	}
	return nil
}

func validateEKSVolumes(at *field.Path, volumes []awsapi.EksVolume) (names map[string]bool, err error) {
	names = map[string]bool{}
	for i := range volumes {
		item, name := at.Index(i), ptr.Deref(volumes[i].Name, "")
		if names[name] {
			return nil, invalid(item.Child("name"), "%s is given twice", quote(name))
		}
		names[name] = true
		if err := cmp.Or(
			broken(item.Child("name"), name, validation.IsDNS1123Label(name)),
			validateVolumeSource(item, &volumes[i]),
		); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func validateVolumeSource(at *field.Path, v *awsapi.EksVolume) error {
	var errs []error
	if v.HostPath != nil {
		errs = append(errs, validateHostPath(at.Child("hostPath", "path"), ptr.Deref(v.HostPath.Path, "")))
	}
	if v.EmptyDir != nil {
		errs = append(errs, validateEmptyDir(at.Child("emptyDir"), v.EmptyDir))
	}
	if v.Secret != nil {
		name := ptr.Deref(v.Secret.SecretName, "")
		errs = append(errs, broken(at.Child("secret", "secretName"), name, validation.IsDNS1123Subdomain(name)))
	}
	if v.PersistentVolumeClaim != nil {
		name := ptr.Deref(v.PersistentVolumeClaim.ClaimName, "")
		errs = append(errs, broken(at.Child("persistentVolumeClaim", "claimName"), name, validation.IsDNS1123Subdomain(name)))
	}
	if len(errs) != 1 {
		return invalid(at, "must have exactly one of hostPath, emptyDir, secret and persistentVolumeClaim")
	}
	return errs[0]
}

func validateEmptyDir(at *field.Path, d *awsapi.EksEmptyDir) error {
	if _, ok := parseSize(ptr.Deref(d.SizeLimit, "")); !ok {
		return invalid(at.Child("sizeLimit"), "%s is not a size such as 500Mi or 1Gi", quote(*d.SizeLimit))
	}
	return validateOneOf(at.Child("medium"), d.Medium, corev1.StorageMediumMemory)
}

// sizeRegexp leaves out what a Kubernetes quantity may be but a size is not: signed, milli, or with an exponent, which can
// make numbers that take minutes to expand.
var sizeRegexp = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,9})?([kMGTPE]|[KMGTPE]i)?$`)

// parseSize reads a quantity of bytes; nil is not given.
func parseSize(s string) (size *resource.Quantity, ok bool) {
	if s == "" {
		return nil, true
	}
	if !sizeRegexp.MatchString(s) {
		return nil, false
	}
	q, err := resource.ParseQuantity(s)
	return &q, err == nil
}
