// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// gracePeriodSeconds lies between SIGTERM and SIGKILL. AWS Batch: 30 seconds.
const gracePeriodSeconds = 30

// Options are the server's own defaults.
type Options struct {
	Namespace   string // of pods whose definition and compute environment name none
	HostNetwork bool   // of pods whose definition does not say; AWS Batch: true
}

// Input is all that one attempt's pod is made of.
type Input struct {
	Job         batch.Job
	Definition  batch.JobDefinition
	Environment batch.ComputeEnvironment
	Attempt     int    // from 1
	Rank        string // see batchmeta.Rank
}

// PodName names the pod of a job's attempt: always the same for the same attempt, never the same for two. Like AWS Batch's
// it carries a name-based (version 3) UUID.
func PodName(jobID string, attempt int) string {
	name := "muster.sh/" + jobID + "/" + strconv.Itoa(attempt)
	return "aws-batch." + uuid.NewMD5(uuid.NameSpaceURL, []byte(name)).String()
}

// Pod makes the pod of one attempt. It returns a *batch.Error when Merge or Spec.Requests would, and any other error only
// for an input that cannot come from the control plane.
func Pod(in Input, opts Options) (*corev1.Pod, error) {
	if in.Environment.UUID == "" {
		return nil, fmt.Errorf("make pod of job %s: compute environment %q has no uuid", in.Job.ID, in.Environment.Name)
	}
	spec, err := Merge(in.Definition, in.Job)
	if err != nil {
		return nil, err
	}
	if _, err := spec.Requests(); err != nil {
		return nil, err
	}
	pod, err := newPod(spec, opts)
	if err != nil {
		return nil, err
	}
	if pod.Namespace = namespace(spec, in.Environment, opts); pod.Namespace == "" {
		return nil, errors.New("make pod: no namespace in definition, compute environment or options")
	}
	pod.Name = PodName(in.Job.ID, in.Attempt)
	pod.Finalizers = []string{batchmeta.Tracking}
	finishSpec(&pod.Spec, in)
	if err := finishMeta(&pod.ObjectMeta, &pod.Spec, in); err != nil {
		return nil, fmt.Errorf("make pod of job %s: %w", in.Job.ID, err)
	}
	return pod, nil
}

// newPod holds what the definition and its overrides say.
func newPod(spec Spec, opts Options) (*corev1.Pod, error) {
	if spec.Container != nil {
		return newContainerPod(spec.Container, opts)
	}
	return newEKSPod(spec.EKS, opts)
}

func namespace(spec Spec, environment batch.ComputeEnvironment, opts Options) string {
	var own, shared string
	if spec.EKS != nil && spec.EKS.Metadata != nil {
		own = ptr.Deref(spec.EKS.Metadata.Namespace, "")
	}
	if environment.EKS != nil {
		shared = environment.EKS.Namespace
	}
	return cmp.Or(own, shared, opts.Namespace)
}

// setNetwork writes what AWS Batch does: the host's network unless told otherwise, and a DNS policy that goes with it.
func setNetwork(spec *corev1.PodSpec, hostNetwork *bool, dnsPolicy *string, opts Options) {
	spec.HostNetwork = ptr.Deref(hostNetwork, opts.HostNetwork)
	spec.DNSPolicy = corev1.DNSPolicy(ptr.Deref(dnsPolicy, ""))
	if spec.DNSPolicy != "" {
		return
	}
	spec.DNSPolicy = corev1.DNSClusterFirst
	if spec.HostNetwork {
		spec.DNSPolicy = corev1.DNSClusterFirstWithHostNet
	}
}

// finishSpec adds what every pod has, whatever its definition.
func finishSpec(spec *corev1.PodSpec, in Input) {
	spec.SchedulerName = batchmeta.SchedulerName
	spec.RestartPolicy = corev1.RestartPolicyNever // a retry is a pod of its own
	spec.TerminationGracePeriodSeconds = ptr.To[int64](gracePeriodSeconds)
	spec.NodeSelector = map[string]string{batchmeta.ComputeEnvironmentUUID: in.Environment.UUID}
	spec.Tolerations = []corev1.Toleration{{Key: batchmeta.BatchNode, Operator: corev1.TolerationOpExists}}
	spec.EnableServiceLinks = new(false)
	if spec.ServiceAccountName == "" {
		spec.AutomountServiceAccountToken = new(false)
	}
	env := batchEnv(in)
	for i := range spec.InitContainers {
		spec.InitContainers[i].Env = slices.Concat(env, spec.InitContainers[i].Env)
	}
	for i := range spec.Containers {
		spec.Containers[i].Env = slices.Concat(env, spec.Containers[i].Env)
	}
}

// batchEnv is AWS Batch's own environment, in its order. It goes first, so that a definition's variables may refer to it.
func batchEnv(in Input) []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: "AWS_BATCH_JOB_KUBERNETES_NODE_UID", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{
			APIVersion: "v1", FieldPath: "metadata.annotations['" + batchmeta.NodeUID + "']",
		}}},
		{Name: "AWS_BATCH_JOB_ID", Value: in.Job.ID},
		{Name: "AWS_BATCH_JQ_NAME", Value: in.Job.Queue},
		{Name: "AWS_BATCH_JOB_ATTEMPT", Value: strconv.Itoa(in.Attempt)},
		{Name: "AWS_BATCH_CE_NAME", Value: in.Environment.Name},
	}
}

// finishMeta adds labels and annotations to the definition's own; the spec must be complete, since its shape is a label.
func finishMeta(meta *metav1.ObjectMeta, spec *corev1.PodSpec, in Input) error {
	record, err := writeRecord(in)
	if err != nil {
		return err
	}
	shape, err := shapeOf(spec, meta.Namespace)
	if err != nil {
		return err
	}
	metav1.SetMetaDataAnnotation(meta, batchmeta.Rank, in.Rank)
	metav1.SetMetaDataAnnotation(meta, batchmeta.Job, record)
	metav1.SetMetaDataLabel(meta, batchmeta.ComputeEnvironmentUUID, in.Environment.UUID)
	metav1.SetMetaDataLabel(meta, batchmeta.JobID, in.Job.ID)
	metav1.SetMetaDataLabel(meta, batchmeta.JobQueue, QueueLabel(in.Job.Queue))
	metav1.SetMetaDataLabel(meta, batchmeta.Attempt, strconv.Itoa(in.Attempt))
	metav1.SetMetaDataLabel(meta, batchmeta.Shape, shape)
	return nil
}
