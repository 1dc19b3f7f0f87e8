// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// ReferenceKind is what a Reference is about.
type ReferenceKind string

// The kinds. The last ones name no object: they are rights that the pods would have on their nodes.
const (
	ReferenceServiceAccount        ReferenceKind = "ServiceAccount"
	ReferenceSecret                ReferenceKind = "Secret"
	ReferencePersistentVolumeClaim ReferenceKind = "PersistentVolumeClaim"
	ReferenceNFS                   ReferenceKind = "NFS"      // Name is server:/path
	ReferenceHostPath              ReferenceKind = "HostPath" // Name is the path
	ReferencePrivileged            ReferenceKind = "Privileged"
	ReferenceHostNetwork           ReferenceKind = "HostNetwork" // asked for, not the server's default
	ReferenceHostPID               ReferenceKind = "HostPID"
	ReferenceHostIPC               ReferenceKind = "HostIPC"
)

// Reference is one thing in the cluster that a job's pods would use.
type Reference struct {
	Kind      ReferenceKind
	Namespace string // of the object; empty for NFS, HostPath and rights
	Name      string // of the object; empty for rights
}

// References are what the pods of a job, or of a definition alone, use in the cluster, each once, in order. They are read
// from the pods themselves, so nothing that a definition can say is left out. namespace is the pods'.
func References(spec Spec, namespace string, opts Options) ([]Reference, error) {
	opts.HostNetwork = false
	pods, err := Templates(spec, opts)
	if err != nil {
		return nil, err
	}
	found := references{namespace: namespace}
	for _, pod := range pods {
		found.addPod(&pod.Spec)
	}
	slices.SortFunc(found.list, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(found.list), nil
}

// Templates are the different pods of a job, or of a definition alone: one, or one for each node range. They hold all that
// the definition and the overrides say, and nothing of the attempt: no name, namespace or rank.
func Templates(spec Spec, opts Options) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	for _, s := range spec.distinct() {
		pod, err := newPod(s, s.path(nil), opts)
		if err != nil {
			return nil, err
		}
		pods = append(pods, pod)
	}
	return pods, nil
}

// distinct are the different pods of a job: one for each node range.
func (s Spec) distinct() []Spec {
	if s.Nodes == nil {
		return []Spec{s}
	}
	list := make([]Spec, len(s.Nodes.NodeRangeProperties))
	for i := range list {
		list[i], _ = s.property(i)
	}
	return list
}

type references struct {
	namespace string
	list      []Reference
}

// object adds an object of the pods' namespace, unless it has no name.
func (r *references) object(kind ReferenceKind, name string) {
	if name != "" {
		r.list = append(r.list, Reference{Kind: kind, Namespace: r.namespace, Name: name})
	}
}

func (r *references) right(kind ReferenceKind, has bool) {
	if has {
		r.list = append(r.list, Reference{Kind: kind})
	}
}

func (r *references) addPod(spec *corev1.PodSpec) {
	r.object(ReferenceServiceAccount, spec.ServiceAccountName)
	r.right(ReferenceHostNetwork, spec.HostNetwork)
	r.right(ReferenceHostPID, spec.HostPID)
	r.right(ReferenceHostIPC, spec.HostIPC)
	for _, s := range spec.ImagePullSecrets {
		r.object(ReferenceSecret, s.Name)
	}
	for i := range spec.Volumes {
		r.addVolume(&spec.Volumes[i])
	}
	for _, list := range [...][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			r.addContainer(&list[i])
		}
	}
}

func (r *references) addVolume(v *corev1.Volume) {
	switch {
	case v.Secret != nil:
		r.object(ReferenceSecret, v.Secret.SecretName)
	case v.PersistentVolumeClaim != nil:
		r.object(ReferencePersistentVolumeClaim, v.PersistentVolumeClaim.ClaimName)
	case v.HostPath != nil:
		r.list = append(r.list, Reference{Kind: ReferenceHostPath, Name: v.HostPath.Path})
	case v.NFS != nil:
		r.list = append(r.list, Reference{Kind: ReferenceNFS, Name: v.NFS.Server + ":" + v.NFS.Path})
	}
}

func (r *references) addContainer(c *corev1.Container) {
	r.right(ReferencePrivileged, c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged)
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			r.object(ReferenceSecret, e.ValueFrom.SecretKeyRef.Name)
		}
	}
}
