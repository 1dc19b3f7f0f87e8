// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/interruption"
	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const system = "muster-system"

// site is a control plane with the shipped permissions, two nodes, and a pod of the program on the first.
type site struct {
	*kubetest.ControlPlane
	t *testing.T
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{kubetest.Start(t), t}
	s.CreateNamespace(system)
	s.apply("components", "../../../manifests/components/node-notices")
	s.apply("resources", "../../../manifests/base/autoscaler")
	for _, name := range []string{"n1", "n2"} {
		s.must(s.Client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{batchmeta.ComputeEnvironmentUUID: "e"}, Annotations: map[string]string{"mine": "1"}},
			Spec: corev1.NodeSpec{
				ProviderID: "aws:///us-east-1a/i-" + name,
				Taints:     []corev1.Taint{{Key: batchmeta.BatchNode, Effect: corev1.TaintEffectNoSchedule}},
			},
		}, metav1.CreateOptions{}))
	}
	return s
}

// apply applies a base or a component by itself.
func (s *site) apply(kind, path string) {
	s.t.Helper()
	to, err := filepath.Abs(path)
	if err != nil {
		s.t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(s.t.TempDir())
	if err != nil {
		s.t.Fatal(err)
	}
	from, err := filepath.Rel(dir, to)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(kind+": ["+from+"]\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.Apply(dir)
}

func (s *site) must(_ any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// pod runs, as far as the API server can tell, on a node.
func (s *site) pod(namespace, name, account, node string) *corev1.Pod {
	s.t.Helper()
	pod, err := s.Client.CoreV1().Pods(namespace).Create(s.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{batchmeta.Tracking}},
		Spec: corev1.PodSpec{
			NodeName: node, ServiceAccountName: account, Containers: []corev1.Container{{Name: "c", Image: "i"}},
			Tolerations: []corev1.Toleration{{Key: batchmeta.BatchNode, Operator: corev1.TolerationOpExists}},
		},
	}, metav1.CreateOptions{})
	s.must(pod, err)
	return pod
}

// as is a client with a token of a service account, bound to a pod if there is one, as the kubelet gives it to the pod.
func (s *site) as(account string, pod *corev1.Pod) typedcorev1.CoreV1Interface {
	s.t.Helper()
	request := &authenticationv1.TokenRequest{}
	if pod != nil {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID}
	}
	token, err := s.Client.CoreV1().ServiceAccounts(system).CreateToken(s.t.Context(), account, request, metav1.CreateOptions{})
	s.must(token, err)
	url := s.Client.CoreV1().RESTClient().Get().URL()
	client, err := typedcorev1.NewForConfig(&rest.Config{
		Host: "https://" + url.Host, BearerToken: token.Status.Token, TLSClientConfig: rest.TLSClientConfig{Insecure: true},
	})
	s.must(client, err)
	return client
}

func spotOf(node string) *interruption.Notice {
	return &interruption.Notice{Kind: interruption.Spot, InstanceID: "i-" + node, Deadline: time.Now().Add(2 * time.Minute)}
}

func TestAgainstARealAPIServer(t *testing.T) {
	s := newSite(t)
	own := s.as("batch-node-notices", s.pod(system, "notices", "batch-node-notices", "n1"))
	marker := interruption.NewMarker(own.Nodes(), clock.RealClock{})

	t.Run("another node cannot be marked", func(t *testing.T) {
		// Until the policy is in force, which takes the API server a moment, marks that change nothing tell.
		s.Await("the policy is in force", func(ctx context.Context) bool {
			_, err := own.Nodes().Patch(ctx, "n2", types.MergePatchType, []byte(`{"metadata":{"annotations":{"probe":"1"}}}`), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
			return apierrors.IsForbidden(err) || apierrors.IsInvalid(err)
		})
		_, err := marker.Mark(t.Context(), "n2", spotOf("n2"))
		wantDenied(t, err, "only the node that the pod runs on may be marked")
		unbound := interruption.NewMarker(s.as("batch-node-notices", nil).Nodes(), clock.RealClock{})
		_, err = unbound.Mark(t.Context(), "n1", spotOf("n1"))
		wantDenied(t, err, "only the node that the pod runs on may be marked")
	})
	t.Run("nothing but a mark can be written", func(t *testing.T) {
		for patch, want := range map[string]string{
			`{"spec":{"taints":[]}}`: "no taint may be taken off",
			`{"spec":{"taints":[{"key":"batch.amazonaws.com/batch-node","effect":"NoSchedule"},{"key":"x","effect":"NoExecute"}]}}`: "no taint may be taken off",
			`{"spec":{"unschedulable":true}}`:                          "whether it may be scheduled to",
			`{"metadata":{"labels":{"node-role.kubernetes.io/x":""}}}`: "labels, finalizers and owners",
			`{"metadata":{"annotations":{"mine":"2"}}}`:                "no annotation may change",
			`{"metadata":{"annotations":{"mine":null}}}`:               "no annotation may change",
			`{"metadata":{"annotations":{"other":"2"}}}`:               "no annotation may change",
			`{"metadata":{"finalizers":["example.com/never"]}}`:        "labels, finalizers and owners",
		} {
			_, err := own.Nodes().Patch(t.Context(), "n1", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			wantDenied(t, err, want)
		}
		_, err := own.Nodes().Patch(t.Context(), "n1", types.MergePatchType, []byte(`{"status":{"phase":"x"}}`), metav1.PatchOptions{}, "status")
		wantDenied(t, err, "")
	})
	t.Run("a mark ends the node's pods", func(t *testing.T) { s.endsPods(t, "n1", marker) })
	t.Run("batch-autoscaler marks any node", func(t *testing.T) {
		s.endsPods(t, "n2", interruption.NewMarker(s.as("batch-autoscaler", nil).Nodes(), clock.RealClock{}))
	})
}

// endsPods marks a node for a rebalance, which its pod outlives, and for an interruption, which Kubernetes ends it for.
func (s *site) endsPods(t *testing.T, node string, marker *interruption.Marker) {
	t.Helper()
	s.pod("default", "job-on-"+node, "default", node)
	if changed, err := marker.Mark(t.Context(), node, &interruption.Notice{Kind: interruption.Rebalance, InstanceID: "i-" + node}); !changed || err != nil {
		t.Fatalf("changed %v, %v", changed, err)
	}
	for range 2 {
		if _, err := marker.Mark(t.Context(), node, spotOf(node)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Client.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
	if err != nil || len(got.Spec.Taints) < 3 || got.Annotations[batchmeta.InterruptionDeadline] == "" {
		t.Errorf("taints %v, annotations %v, %v", got.Spec.Taints, got.Annotations, err)
	}
	s.Await("Kubernetes stops the pod", func(ctx context.Context) bool {
		pod, err := s.Client.CoreV1().Pods("default").Get(ctx, "job-on-"+node, metav1.GetOptions{})
		if err != nil || pod.DeletionTimestamp == nil {
			return false
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.DisruptionTarget && c.Reason == "DeletionByTaintManager" {
				return true
			}
		}
		return false
	})
}

func wantDenied(t *testing.T, err error, text string) {
	t.Helper()
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want a refusal: %s", err, text)
	}
}
