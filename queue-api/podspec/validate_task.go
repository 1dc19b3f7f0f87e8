// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// validateTask checks containerProperties, or a task of ecsProperties.
func validateTask(t task, opts Options) error {
	if len(t.Containers) > maxContainers {
		return invalid(t.at.Child("containers"), "must have at most %d members", maxContainers)
	}
	if err := cmp.Or(
		validatePlatform(&t),
		validateRuntime(t.at.Child("runtimePlatform"), t.RuntimePlatform),
		validateModes(&t),
	); err != nil {
		return err
	}
	volumes, err := validateVolumes(&t, opts)
	if err != nil {
		return err
	}
	for i := range t.Containers {
		if err := validateTaskContainer(&t, i, volumes); err != nil {
			return err
		}
	}
	if err := validateContainerSet(&t); err != nil {
		return err
	}
	return validateSize(t)
}

// validateContainerSet checks what concerns the containers together.
func validateContainerSet(t *task) error {
	names := map[string]bool{}
	essential := false
	for i := range t.Containers {
		name, at := TaskContainerName(t.Containers[i].Name), t.containerAt(i).Child("name")
		if names[name] {
			return invalid(at, "%s is given twice, or left out twice; capitals and underscores make no difference", quote(name))
		}
		names[name] = true
		if err := broken(at, name, validation.IsDNS1123Label(name)); err != nil {
			return err
		}
		essential = essential || isEssential(&t.Containers[i])
	}
	if !essential {
		return invalid(t.at.Child("containers"), "at least one must be essential")
	}
	_, _, err := startOrder(t)
	return err
}

// validateSize checks what the definition alone asks of Fargate, if that is complete; a job may bring the rest.
func validateSize(t task) error {
	inits, mains, err := taskAmounts(t)
	if err != nil || !t.fargate {
		return err
	}
	var total batch.Requests
	for _, a := range mains {
		total = plus(total, a.Requests)
	}
	for _, a := range inits {
		total.MilliVCPU, total.MemoryMiB = max(total.MilliVCPU, a.MilliVCPU), max(total.MemoryMiB, a.MemoryMiB)
	}
	if total.MilliVCPU == 0 || total.MemoryMiB == 0 {
		return nil
	}
	return checkFargateSize(total)
}

// validatePlatform refuses what only the other platform has. AWS Batch: likewise.
func validatePlatform(t *task) error {
	storage := t.EphemeralStorage
	if t.fargate {
		switch {
		case ptr.Deref(t.ExecutionRoleArn, "") == "":
			return invalid(t.at.Child("executionRoleArn"), "is required for Fargate")
		case ptr.Deref(t.IpcMode, "") != "":
			return notApplicable(t.at.Child("ipcMode"), "ipcMode", fargate)
		case ptr.Deref(t.PidMode, "") == modeHost:
			return notApplicable(t.at.Child("pidMode"), "pidMode host", fargate)
		case storage != nil && (*storage.SizeInGiB < 21 || *storage.SizeInGiB > 200):
			return invalid(t.at.Child("ephemeralStorage", "sizeInGiB"), "must be 21 to 200")
		}
		return nil
	}
	platformVersion := []string{"platformVersion"}
	if t.isContainer {
		platformVersion = []string{"fargatePlatformConfiguration", "platformVersion"}
	}
	switch {
	case t.NetworkConfiguration != nil && ptr.Deref(t.NetworkConfiguration.AssignPublicIp, "") != "":
		return notApplicable(t.at.Child("networkConfiguration"), "networkConfiguration", ec2)
	case ptr.Deref(t.PlatformVersion, "") != "":
		return notApplicable(t.at.Child(platformVersion[0], platformVersion[1:]...), platformVersion[0], ec2)
	case storage != nil:
		return notApplicable(t.at.Child("ephemeralStorage"), "ephemeralStorage", ec2)
	}
	return nil
}

// validateRuntime: the nodes run Linux.
func validateRuntime(at *field.Path, p *awsapi.RuntimePlatform) error {
	if p == nil {
		return nil
	}
	if arch := ptr.Deref(p.CpuArchitecture, ""); arch != "" && architectures[arch] == "" {
		return invalid(at.Child("cpuArchitecture"), "%s must be one of %v", quote(arch), []string{"X86_64", "ARM64"})
	}
	if system := ptr.Deref(p.OperatingSystemFamily, ""); system != "" && system != "LINUX" {
		return invalid(at.Child("operatingSystemFamily"), "%s must be LINUX: this server has no nodes that run anything else", quote(system))
	}
	return nil
}

// validateModes checks which namespaces of the kernel the containers share. Those of a pod always share one for IPC.
func validateModes(t *task) error {
	if err := cmp.Or(
		validateOneOf(t.at.Child("ipcMode"), t.IpcMode, modeHost, modeTask, modeNone),
		validateOneOf(t.at.Child("pidMode"), t.PidMode, modeHost, modeTask),
		validateOneOf(t.at.Child("networkMode"), t.NetworkMode, modeHost, modeBridge, modeVPC),
	); err != nil {
		return err
	}
	if ptr.Deref(t.IpcMode, "") == modeNone && len(t.Containers) > 1 {
		return invalid(t.at.Child("ipcMode"), "none is not supported by this server for more than one container")
	}
	return nil
}

func validateTaskContainer(t *task, i int, volumes map[string]bool) error {
	p, at := &t.Containers[i], t.containerAt(i)
	_, _, userErr := parseUser(at, ptr.Deref(p.User, ""))
	if err := cmp.Or(
		validateImage(at.Child("image"), p.Image),
		userErr,
		validateSecrets(at.Child("secrets"), p.Secrets),
		validateEnvironment(at.Child("environment"), p.Environment, p.Secrets),
		validateTexts(at.Child("command"), p.Command),
		validateTimeouts(at, p, t.fargate),
		validateCredentials(at.Child("repositoryCredentials"), p.RepositoryCredentials),
	); err != nil {
		return err
	}
	if p.FirelensConfiguration != nil {
		return invalid(at.Child("firelensConfiguration"), "is not supported by this server: the cluster's own agent collects logs")
	}
	if t.fargate {
		if err := refuseOnFargate(at, p); err != nil {
			return err
		}
	}
	mounted, err := validateMountPoints(at.Child("mountPoints"), p.MountPoints, volumes)
	if err != nil {
		return err
	}
	return validateLinuxParameters(at.Child("linuxParameters"), p.LinuxParameters, ptr.Deref(p.Privileged, false), mounted)
}

// refuseOnFargate names what Fargate does not have.
func refuseOnFargate(at *field.Path, p *awsapi.TaskContainerProperties) error {
	var linux awsapi.LinuxParameters
	if p.LinuxParameters != nil {
		linux = *p.LinuxParameters
	}
	parameters := at.Child("linuxParameters")
	switch {
	case ptr.Deref(p.Privileged, false):
		return notApplicable(at.Child("privileged"), "privileged", fargate)
	case len(linux.Devices) > 0:
		return notApplicable(parameters.Child("devices"), "devices", fargate)
	case ptr.Deref(linux.SharedMemorySize, 0) != 0:
		return notApplicable(parameters.Child("sharedMemorySize"), "sharedMemorySize", fargate)
	case len(linux.Tmpfs) > 0:
		return notApplicable(parameters.Child("tmpfs"), "tmpfs", fargate)
	case linux.MaxSwap != nil:
		return notApplicable(parameters.Child("maxSwap"), "maxSwap", fargate)
	case linux.Swappiness != nil:
		return notApplicable(parameters.Child("swappiness"), "swappiness", fargate)
	}
	for i := range p.ResourceRequirements {
		if ptr.Deref(p.ResourceRequirements[i].Type, "") == "GPU" {
			return notApplicable(at.Child("resourceRequirements").Index(i), "GPU", fargate)
		}
	}
	return nil
}

func refuseInstanceType(at *field.Path, instanceType *string) error {
	if ptr.Deref(instanceType, "") == "" {
		return nil
	}
	return invalid(at.Child("instanceType"), "applies to multi-node parallel jobs only")
}

// validateTimeouts holds startTimeout and stopTimeout to Amazon ECS's bounds.
func validateTimeouts(at *field.Path, p *awsapi.TaskContainerProperties, onFargate bool) error {
	const least, mostOnFargate, most = 2, 120, 24 * 60 * 60
	if start := p.StartTimeout; start != nil && *start < least {
		return invalid(at.Child("startTimeout"), "must be at least %d", least)
	}
	switch stop := p.StopTimeout; {
	case stop == nil:
		return nil
	case *stop < least:
		return invalid(at.Child("stopTimeout"), "must be at least %d", least)
	case onFargate && *stop > mostOnFargate:
		return invalid(at.Child("stopTimeout"), "must be at most %d on Fargate", mostOnFargate)
	case *stop > most:
		return invalid(at.Child("stopTimeout"), "must be at most %d", most)
	}
	return nil
}

// validateEnvironment checks variables; a secret of the container has a name of its own. Amazon ECS: likewise.
func validateEnvironment(at *field.Path, env []awsapi.KeyValuePair, secrets []awsapi.Secret) error {
	for i := range env {
		if err := validateEnvVar(at.Index(i), env[i].Name, env[i].Value); err != nil {
			return err
		}
		isSecret := func(s awsapi.Secret) bool { return ptr.Deref(s.Name, "") == *env[i].Name }
		if slices.ContainsFunc(secrets, isSecret) {
			return invalid(at.Index(i).Child("name"), "%s is the name of a secret, too", quote(*env[i].Name))
		}
	}
	return nil
}

func validateSecrets(at *field.Path, secrets []awsapi.Secret) error {
	names := map[string]bool{}
	for i := range secrets {
		s := &secrets[i]
		if err := validateEnvVar(at.Index(i), s.Name, nil); err != nil {
			return err
		}
		if names[*s.Name] {
			return invalid(at.Index(i).Child("name"), "%s is given twice", quote(*s.Name))
		}
		names[*s.Name] = true
		if _, err := parseValueFrom(at.Index(i).Child("valueFrom"), ptr.Deref(s.ValueFrom, "")); err != nil {
			return err
		}
	}
	return nil
}

func validateCredentials(at *field.Path, p *awsapi.RepositoryCredentials) error {
	if p == nil {
		return nil
	}
	_, err := parseValueFrom(at.Child("credentialsParameter"), ptr.Deref(p.CredentialsParameter, ""))
	return err
}

const userPattern = `^([0-9]+)(:[0-9]+)?$`

var userRegexp = regexp.MustCompile(userPattern)

// parseUser reads uid or uid:gid; nil is not given. at is the container's.
func parseUser(at *field.Path, user string) (uid, gid *int64, err error) {
	if user == "" {
		return nil, nil, nil
	}
	if !userRegexp.MatchString(user) {
		return nil, nil, batch.Invalidf("User '%s' does not match regex %s", clip(user), userPattern)
	}
	name, group, hasGroup := strings.Cut(user, ":")
	at = at.Child("user")
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
