// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"os"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

func TestRolesAreThoseOfTheManifests(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("../../manifests/base/autoscaler/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(manifest) {
		t.Error("rbac.yaml is not manifests/base/autoscaler/rbac.yaml: run make generate")
	}
}

// access asks an API server that answers as allows says.
func access(t *testing.T, allows func(*authorizationv1.ResourceAttributes) (bool, error)) []fleet.Finding {
	t.Helper()
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a ktesting.Action) (bool, runtime.Object, error) {
		review := a.(ktesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		allowed, err := allows(review.Spec.ResourceAttributes)
		review.Status.Allowed = allowed
		return true, review, err
	})
	findings, err := Access(t.Context(), client.AuthorizationV1().SelfSubjectAccessReviews(), "muster-system")
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

func TestAccess(t *testing.T) {
	t.Parallel()
	asked := map[string]bool{}
	for _, f := range access(t, func(a *authorizationv1.ResourceAttributes) (bool, error) {
		asked[a.Namespace+" "+a.Verb+" "+a.Resource+" "+a.Name] = true
		return true, nil
	}) {
		if f.Problem != "" {
			t.Errorf("%s: %s", f.Subject, f.Problem)
		}
	}
	for _, right := range []string{" patch nodes ", " list pods ", "muster-system create configmaps ", "muster-system update leases batch-autoscaler"} {
		if !asked[right] {
			t.Errorf("nobody asked for the right %q", right)
		}
	}
}

func TestAccessTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	findings := access(t, func(a *authorizationv1.ResourceAttributes) (bool, error) {
		if a.Resource == "daemonsets" {
			return false, errors.New("no answer")
		}
		return a.Resource != "nodes" || a.Verb != "patch", nil
	})
	var out strings.Builder
	wrong, err := Print(&out, findings)
	if wrong != 1 || err != nil {
		t.Errorf("%d rights are missing, want 1; %v", wrong, err)
	}
	for _, want := range []string{
		"FAIL  right to get, list, watch, create, update, patch, delete nodes: no right to patch. Apply manifests/base/autoscaler/rbac.yaml.\n",
		"note  right to list, watch daemonsets.apps: no answer.\n",
		"ok    right to create leases.coordination.k8s.io in namespace muster-system\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
}
