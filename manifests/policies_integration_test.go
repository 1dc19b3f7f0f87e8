// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	jobs     = "muster-jobs" // enabled
	foreign  = "elsewhere"   // not enabled
	anybody  = "ann"         // may do everything with pods in both
	operator = "olga"        // has the role muster-admin, besides
)

// actors are who tries what, by the names in the cases.
func actors(cluster *kubetest.ControlPlane) map[string]kubernetes.Interface {
	account := func(namespace, name string) kubernetes.Interface {
		return cluster.As("system:serviceaccount:"+namespace+":"+name, "system:serviceaccounts", "system:serviceaccounts:"+namespace, "system:authenticated")
	}
	return map[string]kubernetes.Interface{
		"queue-api":       account(system, "queue-api"),
		"batch-scheduler": account(system, "batch-scheduler"),
		"the Job's":       account("kube-system", "job-controller"),
		"garbage's":       account("kube-system", "generic-garbage-collector"),
		"the pods'":       account("kube-system", "pod-garbage-collector"),
		"the kubelet":     cluster.As("system:node:node", "system:nodes", "system:authenticated"),
		"a user":          cluster.As(anybody, "system:authenticated"),
		"an admin":        cluster.As(operator, "system:authenticated"),
	}
}

// grant lets both users do everything with pods in both namespaces.
func grant(t *testing.T, cluster *kubetest.ControlPlane) {
	t.Helper()
	cluster.CreateNamespace(foreign)
	rbac := cluster.Client.RbacV1()
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: anybody}, {Kind: rbacv1.UserKind, Name: operator}}
	_, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "pods"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods", "pods/status", "pods/binding"}, Verbs: []string{"*"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for role, to := range map[string][]rbacv1.Subject{"pods": subjects, "muster-admin": subjects[1:]} {
		if _, err := rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "test-" + role}, Subjects: to, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: role},
		}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cluster.Client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// attempt tries one thing with pods; job is one of queue-api's, own one of a gang of a user's.
type attempt func(ctx context.Context, pods typedcorev1.PodInterface, job, own string) error

// makes a pod with labels, annotations and finalizers in a shorthand: l:key=value, a:key=value, f:finalizer.
func makes(keys ...string) attempt {
	return func(ctx context.Context, pods typedcorev1.PodInterface, _, _ string) error {
		_, err := pods.Create(ctx, podWith(keys...), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
}

func podWith(keys ...string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "p-", Labels: map[string]string{}, Annotations: map[string]string{}},
		Spec:       corev1.PodSpec{SchedulerName: batchmeta.SchedulerName, Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}
	for _, k := range keys {
		key, value, _ := strings.Cut(k[2:], "=")
		switch k[:2] {
		case "l:":
			pod.Labels[key] = value
		case "a:":
			pod.Annotations[key] = value
		case "f:":
			pod.Finalizers = append(pod.Finalizers, key)
		case "s:":
			pod.Spec.SchedulerName = key
		}
	}
	return pod
}

// changes merges metadata into that of a pod of queue-api's, or into a subresource of it.
func changes(metadata string, subresources ...string) attempt {
	return func(ctx context.Context, pods typedcorev1.PodInterface, job, _ string) error {
		return merge(ctx, pods, job, metadata, subresources...)
	}
}

// changesOwn is changes of a pod that a user made.
func changesOwn(metadata string) attempt {
	return func(ctx context.Context, pods typedcorev1.PodInterface, _, own string) error {
		return merge(ctx, pods, own, metadata)
	}
}

func merge(ctx context.Context, pods typedcorev1.PodInterface, name, metadata string, subresources ...string) error {
	_, err := pods.Patch(ctx, name, types.MergePatchType, []byte(`{"metadata":`+metadata+`}`), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, subresources...)
	return err
}

// binds binds a pod with an annotation.
func binds(annotation string) attempt {
	return func(ctx context.Context, pods typedcorev1.PodInterface, _, own string) error {
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: own}, Target: corev1.ObjectReference{Kind: "Node", Name: "node"}}
		if annotation != "" {
			binding.Annotations = map[string]string{annotation: "1"}
		}
		return pods.Bind(ctx, binding, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	}
}

const (
	noLabel      = "labels of muster.sh/ and batch.amazonaws.com/ are queue-api's to write"
	noAnnotation = "annotations of muster.sh/ and batch.amazonaws.com/ are queue-api's to write"
	noFinalizer  = "the finalizer muster.sh/tracking is queue-api's to give and to take"
	notEnabled   = "pods of batch-scheduler need a namespace with the label muster.sh/enabled=true"
)

// jobKeys are those of a pod of queue-api's.
var jobKeys = []string{
	"l:batch.amazonaws.com/job-id=j", "l:muster.sh/job-queue=q", "l:muster.sh/gang=j-1", "a:muster.sh/rank=1", "a:muster.sh/job={}",
	"a:muster.sh/preemption=enabled", "f:muster.sh/tracking",
}

var policyCases = []struct {
	name, actor, namespace string
	try                    attempt
	want                   string // of the refusal; empty: it may
}{
	{"a job's pod", "queue-api", jobs, makes(jobKeys...), ""},
	{"a job's pod", "a user", jobs, makes(jobKeys...), noLabel},
	{"a job's pod where the admin's role is", "an admin", jobs, makes(jobKeys...), ""},
	{"a plain pod", "a user", jobs, makes(), ""},
	{"a gang", "a user", jobs, makes("l:muster.sh/gang=g", "a:muster.sh/gang-size=2", "a:muster.sh/gang-min=1", "a:muster.sh/gang-topology-required=zone", "a:muster.sh/gang-topology-preferred=zone", "a:muster.sh/gang-on-member-loss=restart"), ""},
	{"a gang of a PodGroup", "a user", jobs, makes("l:scheduling.x-k8s.io/pod-group=g"), ""},
	{"a Job's gang", "the Job's", jobs, makes("l:muster.sh/gang=g", "a:muster.sh/gang-size=2", "f:batch.kubernetes.io/job-tracking"), ""},
	{"keys that only look like ours", "a user", jobs, makes("l:muster.shop/rank=1", "a:not-muster.sh/rank=1", "a:batch.amazonaws.community/x=1"), ""},
	{"a job's id", "a user", jobs, makes("l:batch.amazonaws.com/job-id=j"), noLabel},
	{"a job's id for another scheduler", "a user", foreign, makes("s:default-scheduler", "l:batch.amazonaws.com/job-id=j"), noLabel},
	{"an environment", "a user", jobs, makes("l:batch.amazonaws.com/compute-environment-uuid=e"), noLabel},
	{"a label nobody knows yet", "a user", jobs, makes("l:muster.sh/whatever=1"), noLabel},
	{"a rank", "a user", jobs, makes("a:muster.sh/rank=0"), noAnnotation},
	{"preemption", "a user", jobs, makes("a:muster.sh/preemption=enabled"), noAnnotation},
	{"a record", "a user", jobs, makes("a:muster.sh/job={}"), noAnnotation},
	{"a record through a Job", "the Job's", jobs, makes("a:muster.sh/job={}"), noAnnotation},
	{"a node's id", "a user", jobs, makes("a:batch.amazonaws.com/node-uid=x"), noAnnotation},
	{"the finalizer", "a user", jobs, makes("f:muster.sh/tracking"), noFinalizer},
	{"a gang's name as an annotation, its size as a label", "a user", jobs, makes("a:muster.sh/gang=g", "l:muster.sh/gang-size=2"), "to write"},

	{"a namespace that is not enabled", "a user", foreign, makes(), notEnabled},
	{"a namespace that is not enabled", "queue-api", foreign, makes(jobKeys...), "forbidden"},
	{"a namespace that is not enabled, for another scheduler", "a user", foreign, makes("s:default-scheduler"), ""},

	{"the finalizer goes", "queue-api", jobs, changes(`{"finalizers":null}`), ""},
	{"a mark for the kubelet", "queue-api", jobs, changes(`{"annotations":{"muster.sh/nudged":"now"}}`), ""},
	{"the finalizer goes", "a user", jobs, changes(`{"finalizers":null}`), noFinalizer},
	{"the finalizer goes with the status", "a user", jobs, changes(`{"finalizers":null}`, "status"), noFinalizer},
	{"the finalizer goes", "an admin", jobs, changes(`{"finalizers":null}`), ""},
	{"another rank", "a user", jobs, changes(`{"annotations":{"muster.sh/rank":"0"}}`), noAnnotation},
	{"no rank", "a user", jobs, changes(`{"annotations":{"muster.sh/rank":null}}`), noAnnotation},
	{"another rank with the status", "a user", jobs, changes(`{"annotations":{"muster.sh/rank":"0"}}`, "status"), noAnnotation},
	{"another job", "a user", jobs, changes(`{"labels":{"batch.amazonaws.com/job-id":"k"}}`), noLabel},
	{"no job", "a user", jobs, changes(`{"labels":{"batch.amazonaws.com/job-id":null}}`), noLabel},
	{"a label of the user's own", "a user", jobs, changes(`{"labels":{"team":"blue"},"annotations":{"note":"mine"}}`), ""},
	{"preemption for a pod of one's own", "a user", jobs, changesOwn(`{"annotations":{"muster.sh/preemption":"enabled"}}`), noAnnotation},
	{"a job's id for a pod of one's own", "a user", jobs, changesOwn(`{"labels":{"batch.amazonaws.com/job-id":"k"}}`), noLabel},
	{"another gang", "a user", jobs, changesOwn(`{"labels":{"muster.sh/gang":"other"}}`), noLabel},
	{"another size", "a user", jobs, changesOwn(`{"annotations":{"muster.sh/gang-size":"3"}}`), noAnnotation},
	{"a finalizer of one's own", "a user", jobs, changesOwn(`{"finalizers":["example.com/mine"]}`), ""},

	{"binding a pod to a node whose id it says", "batch-scheduler", jobs, binds("batch.amazonaws.com/node-uid"), ""},
	{"binding a pod to a node", "a user", jobs, binds(""), ""},
	{"binding a pod to a node whose id it says", "a user", jobs, binds("batch.amazonaws.com/node-uid"), noAnnotation},
	{"binding a pod with a rank", "a user", jobs, binds("muster.sh/rank"), noAnnotation},
	{"binding a pod with a rank", "batch-scheduler", jobs, binds("muster.sh/rank"), noAnnotation},
	{"the owner goes", "garbage's", jobs, changes(`{"ownerReferences":null}`), ""},
	{"a pod of a node that is gone", "the pods'", jobs, func(ctx context.Context, pods typedcorev1.PodInterface, job, _ string) error {
		_, err := pods.Patch(ctx, job, types.StrategicMergePatchType, []byte(`{"status":{"phase":"Failed","conditions":[{"type":"DisruptionTarget","status":"True","reason":"DeletionByPodGC"}]}}`), metav1.PatchOptions{}, "status")
		if err != nil {
			return fmt.Errorf("mark: %w", err)
		}
		return pods.Delete(ctx, job, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
	}, ""},
	{"how a job's pod is", "the kubelet", jobs, func(ctx context.Context, pods typedcorev1.PodInterface, job, _ string) error {
		_, err := pods.Patch(ctx, job, types.StrategicMergePatchType, []byte(`{"status":{"phase":"Running"}}`), metav1.PatchOptions{}, "status")
		return err
	}, ""},
}

// holdsPolicies has everybody try everything against overlays/restricted.
func holdsPolicies(t *testing.T, cluster *kubetest.ControlPlane) {
	t.Helper()
	grant(t, cluster)
	as := actors(cluster)
	cluster.Await("the policies are in force", func(ctx context.Context) bool {
		rank := makes("a:muster.sh/rank=0")(ctx, as["a user"].CoreV1().Pods(jobs), "", "")
		plain := makes()(ctx, as["a user"].CoreV1().Pods(foreign), "", "")
		return rank != nil && strings.Contains(rank.Error(), noAnnotation) && plain != nil && strings.Contains(plain.Error(), notEnabled)
	})
	job, own := makePods(t, as)
	refused := 0
	for _, tc := range policyCases {
		err := tc.try(t.Context(), as[tc.actor].CoreV1().Pods(tc.namespace), job, own)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s by %s: %v", tc.name, tc.actor, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s by %s: error %v, want one of %q", tc.name, tc.actor, err, tc.want)
		case tc.want != "":
			refused++
		}
	}
	t.Logf("%d cases: %d refused, %d let through", len(policyCases), refused, len(policyCases)-refused)
	endsWithQueueAPI(t, cluster, as, job)
	if err := as["a user"].CoreV1().Pods(jobs).Delete(t.Context(), own, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
	if err := cluster.Client.CoreV1().Nodes().Delete(t.Context(), "node", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// makePods makes a pod as queue-api does, on a node, and one of a user's gang.
func makePods(t *testing.T, as map[string]kubernetes.Interface) (job, own string) {
	t.Helper()
	one, err := as["queue-api"].CoreV1().Pods(jobs).Create(t.Context(), podWith(jobKeys...), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: one.Name, Annotations: map[string]string{batchmeta.NodeUID: "u"}},
		Target:     corev1.ObjectReference{Kind: "Node", Name: "node"},
	}
	if err := as["batch-scheduler"].CoreV1().Pods(jobs).Bind(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	two, err := as["a user"].CoreV1().Pods(jobs).Create(t.Context(), podWith("l:muster.sh/gang=g", "a:muster.sh/gang-size=1"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return one.Name, two.Name
}

// endsWithQueueAPI deletes a job's pod: it is there for as long as queue-api keeps it.
func endsWithQueueAPI(t *testing.T, cluster *kubetest.ControlPlane, as map[string]kubernetes.Interface, job string) {
	t.Helper()
	pods := cluster.Client.CoreV1().Pods(jobs)
	if err := as["a user"].CoreV1().Pods(jobs).Delete(t.Context(), job, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
		t.Fatal(err)
	}
	if pod, err := pods.Get(t.Context(), job, metav1.GetOptions{}); err != nil || pod.DeletionTimestamp == nil {
		t.Fatalf("the pod of an outcome that nobody has written down is gone: %v", err)
	}
	_, err := as["queue-api"].CoreV1().Pods(jobs).Patch(t.Context(), job, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cluster.Await("the pod is gone", func(ctx context.Context) bool {
		_, err := pods.Get(ctx, job, metav1.GetOptions{})
		return err != nil
	})
}
