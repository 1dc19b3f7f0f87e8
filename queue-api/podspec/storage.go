// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"path"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

const sharedMemoryPath = "/dev/shm"

// storage is the volumes of a task's pod. They have names of their own: ECS allows names that Kubernetes does not.
type storage struct {
	volumes []corev1.Volume
	names   map[string]string // of the pod's volumes, by the task's
	subPath map[string]string // by the pod's
}

func newStorage(t *task, opts Options) (*storage, error) {
	s := &storage{names: map[string]string{}, subPath: map[string]string{}}
	for i := range t.Volumes {
		v := &t.Volumes[i]
		source, subPath, err := volumeSource(t.at.Child("volumes").Index(i), v, t.EphemeralStorage, opts)
		if err != nil {
			return nil, err
		}
		name := "volume-" + strconv.Itoa(i)
		s.names[ptr.Deref(v.Name, "")], s.subPath[name] = name, subPath
		s.volumes = append(s.volumes, corev1.Volume{Name: name, VolumeSource: source})
	}
	return s, nil
}

// mounts are those of a container, whose memory and devices become volumes of the pod.
func (s *storage) mounts(container int, p *awsapi.TaskContainerProperties) []corev1.VolumeMount {
	var mounts []corev1.VolumeMount
	for _, m := range p.MountPoints {
		name := s.names[ptr.Deref(m.SourceVolume, "")]
		mounts = append(mounts, corev1.VolumeMount{
			Name: name, MountPath: ptr.Deref(m.ContainerPath, ""), ReadOnly: ptr.Deref(m.ReadOnly, false), SubPath: s.subPath[name],
		})
	}
	if p.LinuxParameters == nil {
		return mounts
	}
	add := func(name, at string, source corev1.VolumeSource) {
		s.volumes = append(s.volumes, corev1.Volume{Name: name, VolumeSource: source})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: at})
	}
	own := "" // the first container's names are plain
	if container > 0 {
		own = "-" + strconv.Itoa(container)
	}
	if size := ptr.Deref(p.LinuxParameters.SharedMemorySize, 0); size > 0 {
		add("shared-memory"+own, sharedMemoryPath, memoryVolume(size))
	}
	for i, t := range p.LinuxParameters.Tmpfs {
		add("tmpfs"+own+"-"+strconv.Itoa(i), ptr.Deref(t.ContainerPath, ""), memoryVolume(ptr.Deref(t.Size, 0)))
	}
	for i, d := range p.LinuxParameters.Devices {
		add("device"+own+"-"+strconv.Itoa(i), devicePath(d), hostPathVolume(ptr.Deref(d.HostPath, "")))
	}
	return mounts
}

// devicePath is where a container has the device. Amazon ECS: by default where the host has it.
func devicePath(d awsapi.Device) string {
	if p := ptr.Deref(d.ContainerPath, ""); p != "" {
		return p
	}
	return ptr.Deref(d.HostPath, "")
}

// volumeSource gives a volume, and the directory in it that is mounted; empty for the whole.
func volumeSource(at *field.Path, v *awsapi.Volume, size *awsapi.EphemeralStorage, opts Options) (corev1.VolumeSource, string, error) {
	switch {
	case v.S3filesVolumeConfiguration != nil:
		return corev1.VolumeSource{}, "", unsupported(at.Child("s3filesVolumeConfiguration"))
	case v.EfsVolumeConfiguration != nil:
		return efsVolume(at.Child("efsVolumeConfiguration"), v.EfsVolumeConfiguration, opts)
	case sourcePath(v) != "":
		return hostPathVolume(sourcePath(v)), "", nil
	}
	empty := &corev1.EmptyDirVolumeSource{}
	if size != nil {
		empty.SizeLimit = new(gibibytes(size))
	}
	return corev1.VolumeSource{EmptyDir: empty}, "", nil
}

// efsVolume is the volume that the server has for a file system.
func efsVolume(at *field.Path, p *awsapi.EFSVolumeConfiguration, opts Options) (source corev1.VolumeSource, subPath string, err error) {
	fs, err := opts.fileSystem(at, p)
	if err != nil {
		return source, "", err
	}
	root := path.Clean("/" + ptr.Deref(p.RootDirectory, ""))
	if fs.Claim == "" {
		source.NFS = &corev1.NFSVolumeSource{Server: fs.NFSServer, Path: path.Join("/", fs.NFSPath, root)}
		return source, "", nil
	}
	source.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: fs.Claim}
	return source, strings.TrimPrefix(root, "/"), nil
}

func sourcePath(v *awsapi.Volume) string {
	if v.Host == nil {
		return ""
	}
	return ptr.Deref(v.Host.SourcePath, "")
}

func hostPathVolume(source string) corev1.VolumeSource {
	return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: source}}
}

func memoryVolume(mib int) corev1.VolumeSource {
	return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{
		Medium: corev1.StorageMediumMemory, SizeLimit: resource.NewQuantity(int64(mib)<<20, resource.BinarySI),
	}}
}

func gibibytes(s *awsapi.EphemeralStorage) resource.Quantity {
	return *resource.NewQuantity(int64(ptr.Deref(s.SizeInGiB, 0))<<30, resource.BinarySI)
}

// requestStorage makes room on the node for all of a task's ephemeral storage; which container asks does not matter.
func requestStorage(c *corev1.Container, s *awsapi.EphemeralStorage) {
	if s == nil {
		return
	}
	if c.Resources.Requests == nil {
		c.Resources.Requests = corev1.ResourceList{}
	}
	c.Resources.Requests[corev1.ResourceEphemeralStorage] = gibibytes(s)
}
