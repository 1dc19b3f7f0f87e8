// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// newEKSPod maps pod properties, which are a part of Kubernetes' own, to a pod.
func newEKSPod(p *awsapi.EksPodProperties, at *field.Path, opts Options) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	if p.Metadata != nil {
		pod.Labels = maps.Clone(p.Metadata.Labels)
		pod.Annotations = maps.Clone(p.Metadata.Annotations)
	}
	var err error
	if pod.Spec.InitContainers, err = eksContainers(at.Child("initContainers"), p.InitContainers); err != nil {
		return nil, err
	}
	if pod.Spec.Containers, err = eksContainers(at.Child("containers"), p.Containers); err != nil {
		return nil, err
	}
	if pod.Spec.Volumes, err = eksVolumes(at.Child("volumes"), p.Volumes); err != nil {
		return nil, err
	}
	for _, s := range p.ImagePullSecrets {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: ptr.Deref(s.Name, "")})
	}
	pod.Spec.ServiceAccountName = ptr.Deref(p.ServiceAccountName, "")
	pod.Spec.ShareProcessNamespace = p.ShareProcessNamespace
	setNetwork(&pod.Spec, p.HostNetwork, p.DnsPolicy, opts)
	return pod, nil
}

func eksContainers(at *field.Path, list []awsapi.EksContainer) ([]corev1.Container, error) {
	var out []corev1.Container
	for i := range list {
		p := &list[i]
		a, err := eksAmounts(at.Index(i).Child("resources"), p.Resources)
		if err != nil {
			return nil, err
		}
		c := corev1.Container{
			Name:            containerName(p.Name),
			Image:           ptr.Deref(p.Image, ""),
			ImagePullPolicy: corev1.PullPolicy(ptr.Deref(p.ImagePullPolicy, "")),
			Command:         slices.Clone(p.Command),
			Args:            slices.Clone(p.Args),
			Resources:       a.requirements(),
			SecurityContext: eksSecurity(p.SecurityContext),
		}
		for _, e := range p.Env {
			c.Env = append(c.Env, corev1.EnvVar{Name: ptr.Deref(e.Name, ""), Value: ptr.Deref(e.Value, "")})
		}
		for _, m := range p.VolumeMounts {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{
				Name: ptr.Deref(m.Name, ""), MountPath: ptr.Deref(m.MountPath, ""), SubPath: ptr.Deref(m.SubPath, ""),
				ReadOnly: ptr.Deref(m.ReadOnly, false),
			})
		}
		out = append(out, c)
	}
	return out, nil
}

// eksSecurity writes AWS Batch's default, allowPrivilegeEscalation false, which Kubernetes does not have. A privileged
// container cannot have it.
func eksSecurity(p *awsapi.EksContainerSecurityContext) *corev1.SecurityContext {
	if p == nil {
		p = &awsapi.EksContainerSecurityContext{}
	}
	sc := &corev1.SecurityContext{
		RunAsUser: p.RunAsUser, RunAsGroup: p.RunAsGroup, RunAsNonRoot: p.RunAsNonRoot, Privileged: p.Privileged,
		ReadOnlyRootFilesystem: p.ReadOnlyRootFilesystem, AllowPrivilegeEscalation: p.AllowPrivilegeEscalation,
	}
	if sc.AllowPrivilegeEscalation == nil {
		sc.AllowPrivilegeEscalation = new(ptr.Deref(p.Privileged, false))
	}
	return sc
}

func eksVolumes(at *field.Path, list []awsapi.EksVolume) ([]corev1.Volume, error) {
	var out []corev1.Volume
	for i := range list {
		p := &list[i]
		v := corev1.Volume{Name: ptr.Deref(p.Name, "")}
		switch {
		case p.HostPath != nil:
			v.HostPath = &corev1.HostPathVolumeSource{Path: ptr.Deref(p.HostPath.Path, "")}
		case p.EmptyDir != nil:
			size, ok := parseSize(ptr.Deref(p.EmptyDir.SizeLimit, ""))
			if !ok {
				return nil, invalid(at.Index(i).Child("emptyDir", "sizeLimit"), "is not a size")
			}
			v.EmptyDir = &corev1.EmptyDirVolumeSource{
				Medium: corev1.StorageMedium(ptr.Deref(p.EmptyDir.Medium, "")), SizeLimit: size,
			}
		case p.Secret != nil:
			v.Secret = &corev1.SecretVolumeSource{SecretName: ptr.Deref(p.Secret.SecretName, ""), Optional: p.Secret.Optional}
		case p.PersistentVolumeClaim != nil:
			v.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{
				ClaimName: ptr.Deref(p.PersistentVolumeClaim.ClaimName, ""), ReadOnly: ptr.Deref(p.PersistentVolumeClaim.ReadOnly, false),
			}
		}
		out = append(out, v)
	}
	return out, nil
}
