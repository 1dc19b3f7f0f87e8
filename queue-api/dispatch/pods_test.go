// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

var podResource = schema.GroupResource{Resource: "pods"}

func TestCreateTellsWhatToDoAboutARefusal(t *testing.T) {
	t.Parallel()
	away := errors.New("connection refused")
	cases := map[string]struct{ answer, want error }{
		"a pod that is taken":                {nil, nil},
		"a pod that is there already":        {apierrors.NewAlreadyExists(podResource, "p"), nil},
		"one that is invalid is rejected":    {apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "p", nil), ErrRejected},
		"a bad request is rejected":          {apierrors.NewBadRequest("no"), ErrRejected},
		"one without a namespace is refused": {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "jobs"), ErrRefused},
		"one over a quota is refused":        {apierrors.NewForbidden(podResource, "p", errors.New("exceeded quota")), ErrRefused},
		"anything else is tried again":       {away, away},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset()
			client.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, tc.answer })
			err := PodClient{Client: client.CoreV1()}.Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "jobs"}})
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestWithdrawSparesPodsWithANode(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pod      *corev1.Pod // nil: gone
		answer   error       // of the deletion
		wantGone bool
	}{
		"a pod without a node is deleted":    {pod: &corev1.Pod{}, wantGone: true},
		"one that has a node stays":          {pod: &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}}},
		"one that got a node meanwhile does": {pod: &corev1.Pod{}, answer: apierrors.NewConflict(podResource, "p", errors.New("changed"))},
		"one that is gone is no error":       {wantGone: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset()
			if tc.pod != nil {
				tc.pod.ObjectMeta = metav1.ObjectMeta{Name: "p", Namespace: "jobs", UID: "u", ResourceVersion: "7"}
				if err := client.Tracker().Add(tc.pod); err != nil {
					t.Fatal(err)
				}
			}
			var conditions *metav1.Preconditions
			client.PrependReactor("delete", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
				conditions = a.(clienttesting.DeleteActionImpl).DeleteOptions.Preconditions
				return tc.answer != nil, nil, tc.answer
			})
			if err := (PodClient{Client: client.CoreV1()}).Withdraw(t.Context(), "jobs", "p"); err != nil {
				t.Fatal(err)
			}
			_, err := client.CoreV1().Pods("jobs").Get(t.Context(), "p", metav1.GetOptions{})
			if gone := apierrors.IsNotFound(err); gone != tc.wantGone {
				t.Errorf("gone %v, want %v", gone, tc.wantGone)
			}
			if conditions == nil {
				return
			}
			want := &metav1.Preconditions{UID: &tc.pod.UID, ResourceVersion: &tc.pod.ResourceVersion}
			if diff := cmp.Diff(want, conditions); diff != "" {
				t.Errorf("preconditions mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
