// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/kubetest"
)

// TestOnAPIServer sends everything that is shipped to a real API server, and then makes a site of overlays/restricted of it.
func TestOnAPIServer(t *testing.T) {
	audit := newAudit(t)
	cluster := kubetest.Start(t, audit.flags()...)
	t.Run("it takes every overlay", func(t *testing.T) { takesThem(t, cluster.In(t)) })
	t.Run("it takes the alerting rules", func(t *testing.T) { takesRules(t, cluster.In(t)) })
	cluster.Apply("overlays/restricted")
	t.Run("admission", func(t *testing.T) { holdsPolicies(t, cluster.In(t)) })
	t.Run("roles", func(t *testing.T) { holdsRoles(t, cluster.In(t), audit) })
}

// takesThem has every overlay checked by the server, where the programs' namespace is under the restricted Pod Security
// Standard, and the pods that would be made of it, too.
func takesThem(t *testing.T, cluster *kubetest.ControlPlane) {
	t.Helper()
	overlays := render(t)
	for name, enforce := range map[string]string{system: "restricted", "muster-jobs": "baseline"} {
		_, err := cluster.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": enforce},
		}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	for overlay, dir := range kustomizations(t) {
		out, err := kubetest.Command(kubetest.Binary(t, "kubernetes-v*", "kubectl"), "--kubeconfig="+cluster.Kubeconfig(kubetest.AdminToken),
			"apply", "--dry-run=server", "--server-side", "--validate=strict", "-k", dir).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", overlay, err, out)
		}
		for _, account := range of[*corev1.ServiceAccount](overlays[overlay]) {
			if _, err := cluster.Client.CoreV1().ServiceAccounts(account.Namespace).Get(t.Context(), account.Name, metav1.GetOptions{}); err == nil {
				continue
			}
			if _, err := cluster.Client.CoreV1().ServiceAccounts(account.Namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, w := range overlays[overlay].workloads() {
			pod := &corev1.Pod{ObjectMeta: *w.template.ObjectMeta.DeepCopy(), Spec: *w.template.Spec.DeepCopy()}
			pod.Name = w.Name
			if w.Name == onHost { // docs/ec2.md: it needs a namespace that lets it use the host's network
				pod.Spec.HostNetwork = false
			}
			_, err := cluster.Client.CoreV1().Pods(w.Namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if err != nil {
				t.Errorf("%s: %v", overlay, err)
			}
		}
	}
}
