// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"strconv"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

const sharedMemoryPath = "/dev/shm"

// newContainerPod maps ECS-style properties to a pod of one container.
func newContainerPod(p *awsapi.ContainerProperties, opts Options) (*corev1.Pod, error) {
	a, err := containerAmounts(field.NewPath("containerProperties"), p.Vcpus, p.Memory, p.ResourceRequirements)
	if err != nil {
		return nil, err
	}
	c := corev1.Container{
		Name:      defaultContainerName,
		Image:     ptr.Deref(p.Image, ""),
		Args:      literals(p.Command),
		Resources: a.requirements(),
	}
	for _, e := range p.Environment {
		c.Env = append(c.Env, corev1.EnvVar{Name: ptr.Deref(e.Name, ""), Value: literal(ptr.Deref(e.Value, ""))})
	}
	if c.SecurityContext, err = containerSecurity(p); err != nil {
		return nil, err
	}
	pod := &corev1.Pod{}
	pod.Spec.Volumes, c.VolumeMounts = containerMounts(p)
	pod.Spec.Containers = []corev1.Container{c}
	setNetwork(&pod.Spec, nil, nil, opts)
	return pod, nil
}

// literal keeps Kubernetes from expanding s, which ECS would not do: there $(NAME) and $$ reach the process as they are.
// Only a dollar sign that would mean something is doubled; kubelet garbles one before a character that is not ASCII too.
func literal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] != '$' || i+1 == len(s) {
			continue
		}
		if next := s[i+1]; next == '$' || next == '(' || next >= utf8.RuneSelf {
			b.WriteByte('$')
		}
	}
	return b.String()
}

func literals(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, literal(s))
	}
	return out
}

// containerSecurity is nil when the properties leave everything to the image.
func containerSecurity(p *awsapi.ContainerProperties) (*corev1.SecurityContext, error) {
	uid, gid, err := parseUser(ptr.Deref(p.User, ""))
	if err != nil {
		return nil, err
	}
	sc := corev1.SecurityContext{
		RunAsUser: uid, RunAsGroup: gid, Privileged: p.Privileged, ReadOnlyRootFilesystem: p.ReadonlyRootFilesystem,
	}
	if sc == (corev1.SecurityContext{}) {
		return nil, nil
	}
	return &sc, nil
}

// containerMounts gives the pod's volumes names of their own: ECS allows names that Kubernetes does not.
func containerMounts(p *awsapi.ContainerProperties) (volumes []corev1.Volume, mounts []corev1.VolumeMount) {
	names := map[string]string{}
	for i, v := range p.Volumes {
		name := "volume-" + strconv.Itoa(i)
		names[ptr.Deref(v.Name, "")] = name
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: hostVolume(v)})
	}
	for _, m := range p.MountPoints {
		mounts = append(mounts, corev1.VolumeMount{
			Name: names[ptr.Deref(m.SourceVolume, "")], MountPath: ptr.Deref(m.ContainerPath, ""),
			ReadOnly: ptr.Deref(m.ReadOnly, false),
		})
	}
	inMemory := func(name, path string, mib int) {
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: memoryVolume(mib)})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: path})
	}
	if p.LinuxParameters == nil {
		return volumes, mounts
	}
	if size := ptr.Deref(p.LinuxParameters.SharedMemorySize, 0); size > 0 {
		inMemory("shared-memory", sharedMemoryPath, size)
	}
	for i, t := range p.LinuxParameters.Tmpfs {
		inMemory("tmpfs-"+strconv.Itoa(i), ptr.Deref(t.ContainerPath, ""), ptr.Deref(t.Size, 0))
	}
	return volumes, mounts
}

func hostVolume(v awsapi.Volume) corev1.VolumeSource {
	if source := sourcePath(v); source != "" {
		return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: source}}
	}
	return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
}

func memoryVolume(mib int) corev1.VolumeSource {
	return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{
		Medium: corev1.StorageMediumMemory, SizeLimit: resource.NewQuantity(int64(mib)<<20, resource.BinarySI),
	}}
}
