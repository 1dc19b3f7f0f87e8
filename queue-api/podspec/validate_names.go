// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// invalid names a field and the rule that it breaks.
func invalid(at *field.Path, rule string, args ...any) error {
	return batch.Invalidf("%s: %s", at, fmt.Sprintf(rule, args...))
}

// broken is invalid for the messages of Kubernetes' own validators; none is nil.
func broken(at *field.Path, value string, messages []string) error {
	if len(messages) == 0 {
		return nil
	}
	return invalid(at, "%s: %s", quote(value), messages[0])
}

// clip keeps a caller's words short in a message.
func clip(s string) string {
	const longest = 64
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}

func quote(s string) string { return strconv.Quote(clip(s)) }

// validateText refuses what no process, file or environment can hold.
func validateText(at *field.Path, s string) error {
	if strings.ContainsRune(s, 0) {
		return invalid(at, "must not contain a NUL character")
	}
	return nil
}

func validateTexts(at *field.Path, list []string) error {
	for i, s := range list {
		if err := validateText(at.Index(i), s); err != nil {
			return err
		}
	}
	return nil
}

func validateImage(at *field.Path, image *string) error {
	const longest = 255 // AWS Batch's
	name := ptr.Deref(image, "")
	switch {
	case name == "":
		return invalid(at, "is required")
	case len(name) > longest:
		return invalid(at, "must have at most %d characters", longest)
	}
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		return invalid(at, "%s is not an image: %v", quote(name), err)
	}
	return nil
}

// reservedEnv begins the names that only AWS Batch gives.
const reservedEnv = "AWS_BATCH"

func validateEnvVar(at *field.Path, name, value *string) error {
	n := ptr.Deref(name, "")
	switch {
	case n == "":
		return invalid(at.Child("name"), "is required")
	case strings.HasPrefix(n, reservedEnv):
		return invalid(at.Child("name"), "%s: names must not begin with %s, they are reserved", quote(n), reservedEnv)
	}
	return cmp.Or(
		broken(at.Child("name"), n, validation.IsEnvVarName(n)),
		validateText(at.Child("value"), ptr.Deref(value, "")),
	)
}

// paths are the directories that a container mounts; each only once.
type paths map[string]bool

func (p paths) add(at *field.Path, raw *string) error {
	mount := ptr.Deref(raw, "")
	clean := path.Clean(mount)
	switch {
	case mount == "":
		return invalid(at, "is required")
	case !path.IsAbs(mount) || clean == "/":
		return invalid(at, "%s must be an absolute path other than /", quote(mount))
	case p[clean]:
		return invalid(at, "%s is mounted twice", quote(clean))
	}
	p[clean] = true
	return validateText(at, mount)
}

func validateHostPath(at *field.Path, hostPath string) error {
	if !path.IsAbs(hostPath) {
		return invalid(at, "%s must be an absolute path", quote(hostPath))
	}
	return cmp.Or(validateNoBacksteps(at, hostPath), validateText(at, hostPath))
}

func validateNoBacksteps(at *field.Path, p string) error {
	if slices.Contains(strings.Split(p, "/"), "..") {
		return invalid(at, `%s must not contain ".."`, quote(p))
	}
	return nil
}

// validateSubdomain checks the name of another Kubernetes object, unless it is absent.
func validateSubdomain(at *field.Path, name string) error {
	if name == "" {
		return nil
	}
	return broken(at, name, validation.IsDNS1123Subdomain(name))
}

func validateMetadata(at *field.Path, m *awsapi.EksMetadata) error {
	if m == nil {
		return nil
	}
	return cmp.Or(
		validateNamespace(at.Child("namespace"), ptr.Deref(m.Namespace, "")),
		validateLabels(at.Child("labels"), m.Labels),
		validateAnnotations(at.Child("annotations"), m.Annotations),
	)
}

func validateNamespace(at *field.Path, ns string) error {
	switch {
	case ns == "":
		return nil
	case ns == "default" || strings.HasPrefix(ns, "kube"):
		return invalid(at, `%s: must not be "default" or begin with "kube"`, quote(ns))
	}
	return broken(at, ns, validation.IsDNS1123Label(ns))
}

func validateLabels(at *field.Path, labels map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if err := cmp.Or(
			validateKey(at, key),
			broken(at, key, validation.IsQualifiedName(key)),
			broken(at.Key(clip(key)), labels[key], validation.IsValidLabelValue(labels[key])),
		); err != nil {
			return err
		}
	}
	return nil
}

func validateAnnotations(at *field.Path, annotations map[string]string) error {
	const longest = 255 // AWS Batch's
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if len(annotations[key]) > longest {
			return invalid(at.Key(clip(key)), "must have at most %d characters", longest)
		}
		if err := cmp.Or(
			validateKey(at, key),
			broken(at, key, validation.IsQualifiedName(strings.ToLower(key))),
		); err != nil {
			return err
		}
	}
	return nil
}

// reservedDomains begin keys that mean something to Kubernetes, AWS Batch or Muster. The first three are AWS Batch's rule.
// A job that chose the others could join another's gang, or be a pod that the API server refuses.
var reservedDomains = []string{
	"kubernetes.io", "k8s.io", "batch.amazonaws.com", "muster.sh", "scheduling.x-k8s.io", "controller.kubernetes.io",
}

func validateKey(at *field.Path, key string) error {
	domain, _, found := strings.Cut(strings.ToLower(key), "/")
	if !found {
		return nil
	}
	if slices.Contains(reservedDomains, domain) ||
		strings.HasSuffix(domain, "alpha.kubernetes.io") || strings.HasSuffix(domain, "beta.kubernetes.io") {
		return invalid(at, "%s: keys of %s are reserved", quote(key), clip(domain))
	}
	return nil
}
