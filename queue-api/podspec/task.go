// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// newTaskPod maps ECS-style properties to a pod.
func newTaskPod(t task, opts Options) (*corev1.Pod, error) {
	list, err := t.amounts()
	if err != nil {
		return nil, err
	}
	inits, mains, err := startOrder(&t)
	if err != nil {
		return nil, err
	}
	storage, err := newStorage(&t, opts)
	if err != nil {
		return nil, err
	}
	containers := make([]corev1.Container, len(t.Containers))
	for i := range t.Containers {
		if containers[i], err = newTaskContainer(&t, i, list[i]); err != nil {
			return nil, err
		}
		containers[i].VolumeMounts = storage.mounts(i, &t.Containers[i])
	}
	pod := &corev1.Pod{}
	spec := &pod.Spec
	for _, i := range inits {
		spec.InitContainers = append(spec.InitContainers, containers[i])
	}
	for _, i := range mains {
		spec.Containers = append(spec.Containers, containers[i])
	}
	requestStorage(&spec.Containers[0], t.EphemeralStorage)
	spec.Volumes = storage.volumes
	spec.ImagePullSecrets = pullSecrets(&t)
	spec.ServiceAccountName = opts.serviceAccount(ptr.Deref(t.TaskRoleArn, ""))
	spec.TerminationGracePeriodSeconds = stopTimeout(&t)
	setNamespaces(spec, &t)
	setNetwork(spec, hostNetwork(&t), nil, opts)
	if arch := nodeArchitecture(t.RuntimePlatform); arch != "" {
		selectNodes(spec, corev1.LabelArchStable, arch)
	}
	if t.RuntimePlatform != nil && ptr.Deref(t.RuntimePlatform.OperatingSystemFamily, "") != "" {
		selectNodes(spec, corev1.LabelOSStable, string(corev1.Linux))
	}
	if names := nonEssential(&t, mains); names != "" {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, batchmeta.NonEssential, names)
	}
	return pod, nil
}

func newTaskContainer(t *task, i int, a amounts) (corev1.Container, error) {
	p, at := &t.Containers[i], t.containerAt(i)
	c := corev1.Container{
		Name:      TaskContainerName(p.Name),
		Image:     ptr.Deref(p.Image, ""),
		Args:      literals(p.Command),
		Resources: a.requirements(),
	}
	for _, e := range p.Environment {
		c.Env = append(c.Env, corev1.EnvVar{Name: ptr.Deref(e.Name, ""), Value: literal(ptr.Deref(e.Value, ""))})
	}
	for j, s := range p.Secrets {
		key, err := parseValueFrom(at.Child("secrets").Index(j).Child("valueFrom"), ptr.Deref(s.ValueFrom, ""))
		if err != nil {
			return c, err
		}
		c.Env = append(c.Env, corev1.EnvVar{Name: ptr.Deref(s.Name, ""), ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: key.secret}, Key: key.key},
		}})
	}
	uid, gid, err := parseUser(at, ptr.Deref(p.User, ""))
	if err != nil {
		return c, err
	}
	sc := corev1.SecurityContext{
		RunAsUser: uid, RunAsGroup: gid, Privileged: p.Privileged, ReadOnlyRootFilesystem: p.ReadonlyRootFilesystem,
	}
	if sc != (corev1.SecurityContext{}) { // nil leaves everything to the image
		c.SecurityContext = &sc
	}
	return c, nil
}

// TaskContainerName is what a container of ecsProperties is called in its pod, where names have neither capitals nor
// underscores.
func TaskContainerName(name *string) string {
	n := strings.ReplaceAll(strings.ToLower(ptr.Deref(name, "")), "_", "-")
	if n == "" {
		return defaultContainerName
	}
	return n
}

// isEssential reports whether the task ends with the container. Amazon ECS: by default it does.
func isEssential(p *awsapi.TaskContainerProperties) bool { return ptr.Deref(p.Essential, true) }

// nonEssential is the value of batchmeta.NonEssential; empty when every container is essential.
func nonEssential(t *task, mains []int) string {
	var names []string
	for _, i := range mains {
		if !isEssential(&t.Containers[i]) {
			names = append(names, TaskContainerName(t.Containers[i].Name))
		}
	}
	return strings.Join(names, ",")
}

// pullSecrets are the containers' repositoryCredentials, each once. What cannot be read was refused at registration.
func pullSecrets(t *task) []corev1.LocalObjectReference {
	var list []corev1.LocalObjectReference
	for i := range t.Containers {
		c := t.Containers[i].RepositoryCredentials
		if c == nil {
			continue
		}
		key, err := parseValueFrom(nil, ptr.Deref(c.CredentialsParameter, ""))
		ref := corev1.LocalObjectReference{Name: key.secret}
		if err == nil && !slices.Contains(list, ref) {
			list = append(list, ref)
		}
	}
	return list
}

// stopTimeout is the longest that a container asks for; nil if none does.
func stopTimeout(t *task) *int64 {
	var longest *int64
	for i := range t.Containers {
		if s := t.Containers[i].StopTimeout; s != nil && int64(*s) > ptr.Deref(longest, 0) {
			longest = new(int64(*s))
		}
	}
	return longest
}

// setNamespaces says which of the kernel's namespaces the containers share with each other or with the node. An init
// process is had by sharing: then the pod's own first process reaps what a container leaves behind.
func setNamespaces(spec *corev1.PodSpec, t *task) {
	spec.HostIPC = ptr.Deref(t.IpcMode, "") == modeHost
	spec.HostPID = ptr.Deref(t.PidMode, "") == modeHost
	share := ptr.Deref(t.PidMode, "") == modeTask
	for i := range t.Containers {
		p := t.Containers[i].LinuxParameters
		share = share || p != nil && ptr.Deref(p.InitProcessEnabled, false)
	}
	if share && !spec.HostPID {
		spec.ShareProcessNamespace = new(true)
	}
}

// Values of ipcMode, pidMode and networkMode.
const (
	modeHost   = "host"
	modeTask   = "task"
	modeNone   = "none"
	modeBridge = "bridge"
	modeVPC    = "awsvpc"
)

// hostNetwork is nil when the server decides. A Fargate task has an address of its own.
func hostNetwork(t *task) *bool {
	switch mode := ptr.Deref(t.NetworkMode, ""); {
	case t.fargate:
		return new(false)
	case mode != "":
		return new(mode == modeHost)
	}
	return nil
}

// architectures are cpuArchitecture's values and those of the label kubernetes.io/arch.
var architectures = map[string]string{"X86_64": "amd64", "ARM64": "arm64"}

func nodeArchitecture(p *awsapi.RuntimePlatform) string {
	if p == nil {
		return ""
	}
	return architectures[ptr.Deref(p.CpuArchitecture, "")]
}
