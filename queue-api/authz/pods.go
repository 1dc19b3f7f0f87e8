// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// Admit implements controlplane.PodGate: it refuses pods that the caller could not make by hand, or that the namespace's
// Pod Security level would not let in, in any of the namespaces that they may come to be in.
func (a *Authorizer) Admit(ctx context.Context, call batch.Call, operation string, environments []string, spec podspec.Spec) error {
	homes, err := a.homes(ctx, environments, spec)
	if err != nil {
		return err
	}
	for _, h := range homes {
		if err := a.admitTo(ctx, call, operation, h, spec); err != nil {
			return err
		}
	}
	return nil
}

// home is a namespace that pods may come to be in. It is chosen if the definition or an override names it, and not the
// environment.
type home struct {
	namespace string
	chosen    bool
}

// homes are those that the environments of a queue, or the server, give the pods.
func (a *Authorizer) homes(ctx context.Context, environments []string, spec podspec.Spec) ([]home, error) {
	var list []batch.ComputeEnvironment
	for _, name := range environments {
		e, err := a.store.Environment(ctx, name)
		if errors.Is(err, batch.ErrNotFound) { // nothing runs in it
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		list = append(list, batch.ComputeEnvironment{})
	}
	var found []home
	for _, e := range list {
		h := home{namespace: podspec.Namespace(spec, e, a.pod)}
		h.chosen = h.namespace != podspec.Namespace(podspec.Spec{}, e, a.pod)
		if !slices.Contains(found, h) {
			found = append(found, h)
		}
	}
	return found, nil
}

func (a *Authorizer) admitTo(ctx context.Context, call batch.Call, operation string, h home, spec podspec.Spec) error {
	references, err := podspec.References(spec, h.namespace, a.pod)
	if err != nil {
		return err
	}
	n := needs{authorizer: a, scope: call.Scope}
	if h.chosen {
		n.namespace(h.namespace)
	}
	for _, r := range references {
		n.reference(r, h.namespace, a.pod)
	}
	if err := a.require(ctx, call, operation, n.list); err != nil {
		return err
	}
	return a.checkLevel(ctx, h.namespace, spec)
}

// defaultAccount is what a pod runs as that names no service account.
const defaultAccount = "default"

// reference asks whether the caller may use a thing that pods in the namespace name.
func (n *needs) reference(r podspec.Reference, namespace string, pod podspec.Options) {
	q := question{verb: "use", name: r.Name, namespace: namespace, arn: string(r.Kind) + " " + namespace + "/" + r.Name}
	switch r.Kind {
	case podspec.ReferenceServiceAccount:
		if r.Name == defaultAccount {
			return
		}
		q.resource, q.verb = "serviceaccounts", "impersonate"
	case podspec.ReferenceSecret:
		q.resource, q.verb = "secrets", "get"
	case podspec.ReferencePersistentVolumeClaim:
		q.resource, q.verb = "persistentvolumeclaims", "get"
	case podspec.ReferenceNFS:
		q.group, q.resource = group, "nfsvolumes"
	case podspec.ReferenceHostPath:
		q.group, q.resource = group, "hostpaths"
	case podspec.ReferenceHostNetwork:
		if pod.HostNetwork { // every pod has it that does not say otherwise
			return
		}
		fallthrough
	case podspec.ReferencePrivileged, podspec.ReferenceHostPID, podspec.ReferenceHostIPC:
		q.group, q.resource, q.name = group, "privileges", string(r.Kind)
		q.arn = "privilege " + namespace + "/" + string(r.Kind)
	}
	// A kind not named above leaves no resource: nobody may use it.
	n.list = append(n.list, q)
}

// evaluator holds pods to the Pod Security Standards.
var evaluator = sync.OnceValues(func() (policy.Evaluator, error) { return policy.NewEvaluator(policy.DefaultChecks()) })

// checkLevel refuses pods that the API server's Pod Security admission would refuse in the namespace.
func (a *Authorizer) checkLevel(ctx context.Context, namespace string, spec podspec.Spec) error {
	level, err := a.level(ctx, namespace)
	if err != nil || level.Level == api.LevelPrivileged {
		return err
	}
	evaluator, err := evaluator()
	if err != nil {
		return fmt.Errorf("pod security: %w", err)
	}
	pods, err := podspec.Templates(spec, a.pod)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
		if !result.Allowed {
			return batch.Invalidf("pods would violate PodSecurity \"%s\" of namespace %s: %s", level.String(), namespace, result.ForbiddenDetail())
		}
	}
	return nil
}

// level is the one that a namespace enforces. One without a label, or that is not there, enforces none.
func (a *Authorizer) level(ctx context.Context, namespace string) (api.LevelVersion, error) {
	if known, ok := a.levels.Get(namespace); ok {
		return known.(api.LevelVersion), nil
	}
	privileged := api.LevelVersion{Level: api.LevelPrivileged, Version: api.LatestVersion()}
	ns, err := a.namespaces.Get(ctx, namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return privileged, nil
	}
	if err != nil {
		return privileged, fmt.Errorf("read namespace: %w", err)
	}
	// A level that cannot be read counts as restricted, as in the API server.
	found, _ := api.PolicyToEvaluate(ns.Labels, api.Policy{Enforce: privileged, Audit: privileged, Warn: privileged})
	a.levels.Add(namespace, found.Enforce, rememberedFor)
	return found.Enforce, nil
}
