// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// rules say what is wrong with what is rendered; nothing, if all is well.
var rules = map[string]func(overlay string, r rendered) []string{
	"pods pass the restricted Pod Security Standard":               restricted,
	"nothing is written to a container's own file system":          readOnly,
	"containers say what they need and what memory they may take":  sized,
	"containers are probed":                                        probed,
	"a program has a service account, which no other program has":  ownAccount,
	"programs' roles have no wildcard and nothing that gives more": leastRights,
	"nobody reaches a program of muster-system but as is said":     closed,
	"Redis is reached by queue-api and by Redis alone":             redisClosed,
	"metrics are read by those who are named alone":                metricsClosed,
	"two of a program are spread, and not both evicted":            disrupted,
	"policies refuse, also while they cannot be asked":             deny,
	"a service leads to ports that there are":                      served,
	"who calls is asked, or the overlay says that nobody is asked": asked,
}

func TestRules(t *testing.T) {
	t.Parallel()
	overlays := render(t)
	for rule, hold := range rules {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			for overlay, objects := range overlays {
				for _, wrong := range hold(overlay, objects) {
					t.Errorf("%s: %s", overlay, wrong)
				}
			}
		})
	}
}

// onHost is the one program that uses the host's network: the metadata service answers nobody else.
const onHost = "batch-node-notices"

func restricted(_ string, r rendered) (wrong []string) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		return []string{err.Error()}
	}
	for _, w := range r.workloads() {
		spec := w.template.Spec.DeepCopy()
		if w.Name == onHost {
			spec.HostNetwork = false
		}
		level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
		if result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &w.template.ObjectMeta, spec)); !result.Allowed {
			wrong = append(wrong, w.Name+": "+result.ForbiddenDetail())
		}
	}
	return wrong
}

// eachContainer holds all containers to a rule.
func eachContainer(r rendered, holds func(w workload, c *corev1.Container) bool) (wrong []string) {
	for _, w := range r.workloads() {
		spec := w.template.Spec
		for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
			if !holds(w, &c) {
				wrong = append(wrong, w.Name+"/"+c.Name)
			}
		}
	}
	return wrong
}

func readOnly(_ string, r rendered) []string {
	return eachContainer(r, func(_ workload, c *corev1.Container) bool {
		return c.SecurityContext != nil && c.SecurityContext.ReadOnlyRootFilesystem != nil && *c.SecurityContext.ReadOnlyRootFilesystem
	})
}

func sized(_ string, r rendered) []string {
	return eachContainer(r, func(_ workload, c *corev1.Container) bool {
		return !c.Resources.Requests.Cpu().IsZero() && !c.Resources.Requests.Memory().IsZero() && !c.Resources.Limits.Memory().IsZero()
	})
}

func probed(_ string, r rendered) []string {
	return eachContainer(r, func(w workload, c *corev1.Container) bool {
		return w.Name == onHost || c.LivenessProbe != nil && c.ReadinessProbe != nil // that one serves nothing, and exits when it cannot go on
	})
}

func ownAccount(_ string, r rendered) (wrong []string) {
	users := map[string][]string{}
	for _, w := range r.workloads() {
		account := w.Namespace + "/" + w.template.Spec.ServiceAccountName
		users[account] = append(users[account], w.Name)
		if w.Namespace != system || !slices.ContainsFunc(of[*corev1.ServiceAccount](r), func(a *corev1.ServiceAccount) bool { return a.Namespace+"/"+a.Name == account }) {
			wrong = append(wrong, w.Name+" runs as "+account)
		}
	}
	for account, of := range users {
		if len(of) > 1 {
			wrong = append(wrong, fmt.Sprintf("%s is the account of %v", account, of))
		}
	}
	return wrong
}

// tooMuch are rights from which others follow.
var tooMuch = []string{"secrets", "pods/exec", "pods/attach", "pods/ephemeralcontainers", "nodes/proxy", "serviceaccounts/token", "roles", "clusterroles", "rolebindings", "clusterrolebindings"}

func leastRights(_ string, r rendered) (wrong []string) {
	check := func(name string, rules []rbacv1.PolicyRule) {
		for _, rule := range rules {
			all := slices.Concat(rule.Verbs, rule.Resources, rule.APIGroups)
			if slices.Contains(all, "*") || len(rule.NonResourceURLs) > 0 ||
				slices.ContainsFunc(rule.Resources, func(r string) bool { return slices.Contains(tooMuch, r) }) ||
				slices.ContainsFunc(rule.Verbs, func(v string) bool {
					return slices.Contains([]string{"escalate", "bind", "impersonate", "deletecollection", "approve", "sign"}, v)
				}) {
				wrong = append(wrong, fmt.Sprintf("%s: %v", name, rule))
			}
		}
	}
	for _, role := range of[*rbacv1.Role](r) {
		check(role.Name, role.Rules)
	}
	for _, role := range of[*rbacv1.ClusterRole](r) {
		if role.Name != "muster-admin" { // of a user, not of a program
			check(role.Name, role.Rules)
		}
	}
	return wrong
}

// selects reports whether the policy is about pods with these labels.
func selects(p *networkingv1.NetworkPolicy, namespace string, set map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
	return err == nil && p.Namespace == namespace && selector.Matches(labels.Set(set))
}

func closed(_ string, r rendered) (wrong []string) {
	for _, w := range r.workloads() {
		denied, opened := false, w.Name == onHost // policies do not reach it
		for _, p := range of[*networkingv1.NetworkPolicy](r) {
			if !selects(p, w.Namespace, w.template.Labels) || !slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) {
				continue
			}
			denied = denied || len(p.Spec.Ingress) == 0
			for _, rule := range p.Spec.Ingress {
				opened = opened || len(rule.Ports) > 0
				if len(rule.Ports) == 0 {
					wrong = append(wrong, w.Name+": "+p.Name+" opens every port")
				}
			}
		}
		if !denied || !opened {
			wrong = append(wrong, w.Name+" is not closed, or cannot be probed")
		}
	}
	return wrong
}

// metricsClosed finds policies that show metrics, which name what tenants made, to namespaces that nobody named.
func metricsClosed(_ string, r rendered) (wrong []string) {
	for _, p := range of[*networkingv1.NetworkPolicy](r) {
		for _, rule := range p.Spec.Ingress {
			shows := slices.ContainsFunc(rule.Ports, func(port networkingv1.NetworkPolicyPort) bool { return port.Port.String() == "health" })
			named := len(rule.From) > 0 && !slices.ContainsFunc(rule.From, func(peer networkingv1.NetworkPolicyPeer) bool {
				return peer.IPBlock != nil || peer.NamespaceSelector != nil && peer.NamespaceSelector.MatchLabels["muster.sh/monitoring"] != "true"
			})
			if shows && !named {
				wrong = append(wrong, p.Name+" shows metrics to everybody")
			}
		}
	}
	return wrong
}

func redisClosed(_ string, r rendered) []string {
	for _, p := range of[*networkingv1.NetworkPolicy](r) {
		if !selects(p, system, map[string]string{"app.kubernetes.io/name": "redis"}) || len(p.Spec.Ingress) != 1 {
			continue
		}
		var from []string
		for _, peer := range p.Spec.Ingress[0].From {
			if peer.NamespaceSelector == nil && peer.IPBlock == nil {
				from = append(from, peer.PodSelector.MatchLabels["app.kubernetes.io/name"])
			}
		}
		if slices.Equal(from, []string{"queue-api", "redis"}) {
			return nil
		}
	}
	return []string{"no policy says so"}
}

func disrupted(overlay string, r rendered) (wrong []string) {
	for _, w := range r.workloads() {
		if w.replicas == 1 && overlay == "ha" {
			wrong = append(wrong, w.Name+" is one")
		}
		if w.replicas < 2 {
			continue
		}
		if !slices.ContainsFunc(of[*policyv1.PodDisruptionBudget](r), func(b *policyv1.PodDisruptionBudget) bool {
			selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
			return err == nil && selector.Matches(labels.Set(w.template.Labels)) && b.Spec.MaxUnavailable.IntValue() == 1
		}) || len(w.template.Spec.TopologySpreadConstraints) == 0 {
			wrong = append(wrong, w.Name)
		}
	}
	return wrong
}

func deny(overlay string, r rendered) (wrong []string) {
	bound := map[string]bool{}
	for _, b := range of[*admissionv1.ValidatingAdmissionPolicyBinding](r) {
		bound[b.Spec.PolicyName] = slices.Equal(b.Spec.ValidationActions, []admissionv1.ValidationAction{admissionv1.Deny}) && b.Spec.MatchResources == nil
	}
	names := []string{"muster-pods"}
	if overlay == "restricted" {
		names = append(names, "muster-namespaces")
	}
	for _, p := range of[*admissionv1.ValidatingAdmissionPolicy](r) {
		names = slices.DeleteFunc(names, func(name string) bool { return name == p.Name })
		if !bound[p.Name] || p.Spec.FailurePolicy == nil || *p.Spec.FailurePolicy != admissionv1.Fail {
			wrong = append(wrong, p.Name)
		}
	}
	return append(wrong, names...)
}

func served(_ string, r rendered) (wrong []string) {
	for _, s := range of[*corev1.Service](r) {
		for _, port := range s.Spec.Ports {
			if !slices.ContainsFunc(r.workloads(), func(w workload) bool {
				return labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.template.Labels)) &&
					slices.ContainsFunc(w.template.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool { return p.Name == port.TargetPort.String() })
			}) {
				wrong = append(wrong, s.Name+":"+port.Name)
			}
		}
	}
	return wrong
}

func asked(overlay string, r rendered) (wrong []string) {
	for _, d := range of[*appsv1.Deployment](r) {
		if d.Name != "queue-api" {
			continue
		}
		args := d.Spec.Template.Spec.Containers[0].Args
		open := slices.Contains(args, "--allow-unauthenticated")
		auth := slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--auth=") })
		if open == auth || overlay == "restricted" && open {
			wrong = append(wrong, fmt.Sprint(args))
		}
	}
	return wrong
}
