// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"context"
	_ "embed" // rbac.yaml
	"errors"
	"fmt"
	"io"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

//go:embed rbac.yaml
var manifest []byte

// batchGroup is of resources that only the Batch API asks about.
const batchGroup = "batch.muster.sh"

// rule is a right on one resource.
type rule struct {
	namespace string // empty: in all
	group     string
	resource  string
	name      string // empty: of any name
	verbs     []string
}

func (r *rule) String() string {
	resource := r.resource
	if r.group != "" {
		resource += "." + r.group
	}
	if r.name != "" {
		resource += "/" + r.name
	}
	out := "right to " + strings.Join(r.verbs, ", ") + " " + resource
	if r.namespace != "" {
		out += " in namespace " + r.namespace
	}
	return out
}

// rulesOf are the rights of the roles in manifests; those of Roles are in the namespace.
func rulesOf(manifest []byte, namespace string) ([]rule, error) {
	var out []rule
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		var role struct {
			metav1.TypeMeta `json:",inline"`
			Rules           []rbacv1.PolicyRule `json:"rules"`
		}
		if err := decoder.Decode(&role); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("read roles: %w", err)
		}
		in := ""
		if role.Kind == "Role" {
			in = namespace
		}
		for i := range role.Rules {
			out = append(out, flatten(&role.Rules[i], in)...)
		}
	}
}

func flatten(r *rbacv1.PolicyRule, namespace string) []rule {
	names := r.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	var out []rule
	for _, group := range r.APIGroups {
		for _, resource := range r.Resources {
			for _, name := range names {
				out = append(out, rule{namespace, group, resource, name, r.Verbs})
			}
		}
	}
	return out
}

// Access asks the API server whether we have each right that manifests/base/autoscaler gives.
func Access(ctx context.Context, reviews authorizationclient.SelfSubjectAccessReviewInterface, namespace string) ([]fleet.Finding, error) {
	rules, err := rulesOf(manifest, namespace)
	if err != nil {
		return nil, err
	}
	var out []fleet.Finding
	for i := range rules {
		if rules[i].group != batchGroup { // the Batch API itself is asked
			out = append(out, rules[i].review(ctx, reviews))
		}
	}
	return out, nil
}

// review asks for each verb, and tells of the first that is denied.
func (r *rule) review(ctx context.Context, reviews authorizationclient.SelfSubjectAccessReviewInterface) fleet.Finding {
	out := fleet.Finding{Subject: r.String()}
	for _, verb := range r.verbs {
		answer, err := reviews.Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: r.attributes(verb),
		}}, metav1.CreateOptions{})
		switch {
		case err != nil:
			out.Problem, out.Note = err.Error(), true
			return out
		case !answer.Status.Allowed:
			out.Problem, out.Remedy = "no right to "+verb, "Apply manifests/base/autoscaler/rbac.yaml."
			return out
		}
	}
	return out
}

func (r *rule) attributes(verb string) *authorizationv1.ResourceAttributes {
	resource, sub, _ := strings.Cut(r.resource, "/")
	return &authorizationv1.ResourceAttributes{
		Namespace: r.namespace, Verb: verb, Group: r.group, Resource: resource, Subresource: sub, Name: r.name,
	}
}
