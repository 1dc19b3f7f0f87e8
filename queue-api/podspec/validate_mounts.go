// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// validateVolumes gives the names of a task's volumes.
func validateVolumes(t *task, opts Options) (names map[string]bool, err error) {
	names = map[string]bool{}
	for i := range t.Volumes {
		v, at := &t.Volumes[i], t.at.Child("volumes").Index(i)
		switch name := ptr.Deref(v.Name, ""); {
		case name == "":
			return nil, invalid(at.Child("name"), "is required")
		case names[name]:
			return nil, invalid(at.Child("name"), "%s is given twice", quote(name))
		default:
			names[name] = true
		}
		if err := validateVolume(at, v, t.fargate, opts); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func validateVolume(at *field.Path, v *awsapi.Volume, onFargate bool, opts Options) error {
	if efs := v.EfsVolumeConfiguration; efs != nil {
		at := at.Child("efsVolumeConfiguration")
		if sourcePath(v) != "" {
			return invalid(at, "must not be given beside host")
		}
		if err := validateNoBacksteps(at.Child("rootDirectory"), ptr.Deref(efs.RootDirectory, "")); err != nil {
			return err
		}
		if err := validateText(at.Child("rootDirectory"), ptr.Deref(efs.RootDirectory, "")); err != nil {
			return err
		}
	}
	if source := sourcePath(v); source != "" {
		if onFargate {
			return notApplicable(at.Child("host", "sourcePath"), "host.sourcePath", fargate)
		}
		if err := validateHostPath(at.Child("host", "sourcePath"), source); err != nil {
			return err
		}
	}
	_, _, err := volumeSource(at, v, nil, opts)
	return err
}

// validateMountPoints gives the paths where something is mounted.
func validateMountPoints(at *field.Path, mounts []awsapi.MountPoint, volumes map[string]bool) (paths, error) {
	mounted := paths{}
	for i, m := range mounts {
		item := at.Index(i)
		if source := ptr.Deref(m.SourceVolume, ""); !volumes[source] {
			return nil, invalid(item.Child("sourceVolume"), "no volume has the name %s", quote(source))
		}
		if err := mounted.add(item.Child("containerPath"), m.ContainerPath); err != nil {
			return nil, err
		}
	}
	return mounted, nil
}

func validateLinuxParameters(at *field.Path, p *awsapi.LinuxParameters, privileged bool, mounted paths) error {
	if p == nil {
		return nil
	}
	for i, t := range p.Tmpfs {
		item := at.Child("tmpfs").Index(i)
		if size := ptr.Deref(t.Size, 0); size < 1 || size > maxAmount {
			return invalid(item.Child("size"), "must be a positive number of MiB")
		}
		if err := mounted.add(item.Child("containerPath"), t.ContainerPath); err != nil {
			return err
		}
	}
	for i, d := range p.Devices {
		item := at.Child("devices").Index(i)
		if !privileged {
			return invalid(item, "needs privileged to be true: Kubernetes lets no other container open a device of its node")
		}
		if err := validateHostPath(item.Child("hostPath"), ptr.Deref(d.HostPath, "")); err != nil {
			return err
		}
		if err := mounted.add(item.Child("containerPath"), new(devicePath(d))); err != nil {
			return err
		}
	}
	size := ptr.Deref(p.SharedMemorySize, 0)
	switch {
	case size < 0 || size > maxAmount:
		return invalid(at.Child("sharedMemorySize"), "must be a positive number of MiB")
	case size > 0:
		return mounted.add(at.Child("sharedMemorySize"), new(sharedMemoryPath))
	}
	return nil
}
