// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

func validateContainer(p *awsapi.ContainerProperties) error {
	at := field.NewPath("containerProperties")
	_, amountsErr := containerAmounts(at, p.Vcpus, p.Memory, p.ResourceRequirements)
	_, _, userErr := parseUser(ptr.Deref(p.User, ""))
	return cmp.Or(
		refuseUnsupported(at, p),
		refuseInstanceType(at, p.InstanceType),
		validateImage(at.Child("image"), p.Image),
		amountsErr,
		userErr,
		validateEnvironment(at.Child("environment"), p.Environment),
		validateTexts(at.Child("command"), p.Command),
		validateContainerMounts(at, p),
	)
}

// refuseUnsupported names what the job would miss if it ran. Clients send empty lists of these; they ask for nothing.
func refuseUnsupported(at *field.Path, p *awsapi.ContainerProperties) error {
	var linux awsapi.LinuxParameters
	if p.LinuxParameters != nil {
		linux = *p.LinuxParameters
	}
	switch {
	case len(p.Secrets) > 0:
		return unsupported(at.Child("secrets"))
	case p.RepositoryCredentials != nil:
		return unsupported(at.Child("repositoryCredentials"))
	case len(linux.Devices) > 0:
		return unsupported(at.Child("linuxParameters", "devices"))
	}
	for i, v := range p.Volumes {
		switch item := at.Child("volumes").Index(i); {
		case v.EfsVolumeConfiguration != nil:
			return unsupported(item.Child("efsVolumeConfiguration"))
		case v.S3filesVolumeConfiguration != nil:
			return unsupported(item.Child("s3filesVolumeConfiguration"))
		}
	}
	return nil
}

func unsupported(at *field.Path) error {
	return batch.Invalidf("%s is not supported by this server", at)
}

func refuseInstanceType(at *field.Path, instanceType *string) error {
	if ptr.Deref(instanceType, "") == "" {
		return nil
	}
	return invalid(at.Child("instanceType"), "applies to multi-node parallel jobs only")
}

func validateEnvironment(at *field.Path, env []awsapi.KeyValuePair) error {
	for i := range env {
		if err := validateEnvVar(at.Index(i), env[i].Name, env[i].Value); err != nil {
			return err
		}
	}
	return nil
}

const userPattern = `^([0-9]+)(:[0-9]+)?$`

var userRegexp = regexp.MustCompile(userPattern)

// parseUser reads uid or uid:gid; nil is not given.
func parseUser(user string) (uid, gid *int64, err error) {
	if user == "" {
		return nil, nil, nil
	}
	if !userRegexp.MatchString(user) {
		return nil, nil, batch.Invalidf("User '%s' does not match regex %s", clip(user), userPattern)
	}
	name, group, hasGroup := strings.Cut(user, ":")
	at := field.NewPath("containerProperties", "user")
	if uid, err = parseID(at, name); err != nil || !hasGroup {
		return uid, nil, err
	}
	gid, err = parseID(at, group)
	return uid, gid, err
}

func parseID(at *field.Path, digits string) (*int64, error) {
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return nil, invalid(at, "%s is out of range", quote(digits))
	}
	return &id, broken(at, digits, validation.IsValidUserID(id))
}

// validateContainerMounts checks everything that is mounted into the container together.
func validateContainerMounts(at *field.Path, p *awsapi.ContainerProperties) error {
	names, err := validateVolumes(at.Child("volumes"), p.Volumes)
	if err != nil {
		return err
	}
	mounted := paths{}
	for i, m := range p.MountPoints {
		item := at.Child("mountPoints").Index(i)
		if source := ptr.Deref(m.SourceVolume, ""); !names[source] {
			return invalid(item.Child("sourceVolume"), "no volume has the name %s", quote(source))
		}
		if err := mounted.add(item.Child("containerPath"), m.ContainerPath); err != nil {
			return err
		}
	}
	return validateLinuxParameters(at.Child("linuxParameters"), p.LinuxParameters, mounted)
}

func validateVolumes(at *field.Path, volumes []awsapi.Volume) (names map[string]bool, err error) {
	names = map[string]bool{}
	for i, v := range volumes {
		switch name := ptr.Deref(v.Name, ""); {
		case name == "":
			return nil, invalid(at.Index(i).Child("name"), "is required")
		case names[name]:
			return nil, invalid(at.Index(i).Child("name"), "%s is given twice", quote(name))
		default:
			names[name] = true
		}
		source := sourcePath(v)
		if source == "" {
			continue
		}
		if err := validateHostPath(at.Index(i).Child("host", "sourcePath"), source); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func sourcePath(v awsapi.Volume) string {
	if v.Host == nil {
		return ""
	}
	return ptr.Deref(v.Host.SourcePath, "")
}

func validateLinuxParameters(at *field.Path, p *awsapi.LinuxParameters, mounted paths) error {
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
	size := ptr.Deref(p.SharedMemorySize, 0)
	switch {
	case size < 0 || size > maxAmount:
		return invalid(at.Child("sharedMemorySize"), "must be a positive number of MiB")
	case size > 0:
		return mounted.add(at.Child("sharedMemorySize"), new(sharedMemoryPath))
	}
	return nil
}
