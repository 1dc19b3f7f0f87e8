// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// gracePeriodSeconds lies between SIGTERM and SIGKILL. AWS Batch: 30 seconds.
const gracePeriodSeconds = 30

// Options are the server's own defaults, and how it translates what only AWS knows. The zero value translates nothing.
type Options struct {
	Namespace   string // of pods whose definition and compute environment name none
	HostNetwork bool   // of pods whose definition does not say; AWS Batch: true
	// ServiceAccounts are the service accounts that stand for jobRoleArn and taskRoleArn, by ARN, by the role's name (what
	// follows the last slash) or, for any other role, by "*". The service account is one of the pod's namespace. A role that
	// has none is echoed, no more: its pod has the namespace's default account and no token.
	ServiceAccounts map[string]string
	// FileSystems are the volumes that stand for Amazon EFS, by access point id or file system id.
	FileSystems map[string]FileSystem
	// MaxNodes bounds the nodes of a definition. 0 means 1,000, AWS Batch's limit.
	MaxNodes int
}

// Input is all that one attempt's pods are made of.
type Input struct {
	Job         batch.Job // a single job, a child of an array, or a multi-node job
	Definition  batch.JobDefinition
	Environment batch.ComputeEnvironment
	Attempt     int    // from 1
	Rank        string // see batchmeta.Rank; the same for every node of a gang
	Preempts    bool   // whether the pods may take the room of lower-ranked work
	Traceparent string // see batchmeta.Traceparent; empty while no traces are sent
}

// PodName names the pod of a job's attempt: always the same for the same attempt, never the same for two. A child's job id
// is "id:index", a node's is batch.NodeID. Like AWS Batch's it carries a name-based (version 3) UUID.
func PodName(jobID string, attempt int) string { return "aws-batch." + attemptUUID(jobID, attempt) }

// GangName is what the pods of a multi-node job's attempt share: the value of their label batchmeta.Gang, and the name of
// the ConfigMap, in their namespace, that gives the other nodes the main node's address under MainAddressKey.
func GangName(jobID string, attempt int) string { return "muster-gang." + attemptUUID(jobID, attempt) }

// MainAddressKey is the key of the main node's IPv4 address in the ConfigMap GangName. The other nodes' containers take it
// as AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS: the kubelet does not start them before it is there.
const MainAddressKey = "address"

func attemptUUID(jobID string, attempt int) string {
	name := "muster.sh/" + jobID + "/" + strconv.Itoa(attempt)
	return uuid.NewMD5(uuid.NameSpaceURL, []byte(name)).String()
}

// Pods makes the pods of one attempt: one, or as many as a multi-node job has nodes, by node index. It returns a
// *batch.Error when Merge or Spec.Requests would or when the server translates no longer what the definition names, and any
// other error only for an input that cannot come from the control plane.
func Pods(in Input, opts Options) ([]*corev1.Pod, error) {
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
	ns := Namespace(spec, in.Environment, opts)
	if ns == "" {
		return nil, errors.New("make pod: no namespace in definition, compute environment or options")
	}
	members := members(in, spec)
	pods := make([]*corev1.Pod, len(members))
	for i, m := range members {
		if pods[i], err = makePod(in, m, ns, opts); err != nil {
			return nil, err
		}
	}
	return pods, nil
}

// member is one pod of an attempt: the job itself, or a node of it.
type member struct {
	id   string // of the job, child or node
	spec Spec
	at   *field.Path // of the spec's properties
	gang *gang       // nil unless it is a node
}

// gang is what a node knows of the others.
type gang struct {
	name              string
	size, main, index int
}

func members(in Input, spec Spec) []member {
	if spec.Nodes == nil {
		return []member{{id: in.Job.ID, spec: spec, at: spec.path(nil)}}
	}
	list := make([]member, spec.NumNodes())
	name := GangName(in.Job.ID, in.Attempt)
	for i := range list {
		node, at := spec.node(i)
		list[i] = member{id: batch.NodeID(in.Job.ID, i), spec: node, at: at, gang: &gang{
			name: name, size: len(list), main: *spec.Nodes.MainNode, index: i,
		}}
	}
	return list
}

func makePod(in Input, m member, namespace string, opts Options) (*corev1.Pod, error) {
	pod, err := newPod(m.spec, m.at, opts)
	if err != nil {
		return nil, err
	}
	pod.Namespace = namespace
	pod.Name = PodName(m.id, in.Attempt)
	pod.Finalizers = []string{batchmeta.Tracking}
	finishSpec(&pod.Spec, in, m)
	if err := finishMeta(&pod.ObjectMeta, &pod.Spec, in, m); err != nil {
		return nil, fmt.Errorf("make pod of job %s: %w", m.id, err)
	}
	return pod, nil
}

// newPod holds what the definition and its overrides say.
func newPod(spec Spec, at *field.Path, opts Options) (*corev1.Pod, error) {
	var pod *corev1.Pod
	var err error
	if spec.EKS != nil {
		pod, err = newEKSPod(spec.EKS, at, opts)
	} else {
		pod, err = newTaskPod(spec.task(at), opts)
	}
	if err != nil {
		return nil, err
	}
	if spec.InstanceType != "" {
		selectNodes(&pod.Spec, corev1.LabelInstanceTypeStable, spec.InstanceType)
	}
	return pod, nil
}

func selectNodes(spec *corev1.PodSpec, label, value string) {
	if spec.NodeSelector == nil {
		spec.NodeSelector = map[string]string{}
	}
	spec.NodeSelector[label] = value
}

// Namespace is where the pods of a job live in a compute environment: where the definition says, else the environment, else
// the server.
func Namespace(spec Spec, environment batch.ComputeEnvironment, opts Options) string {
	if spec.Nodes != nil {
		spec, _ = spec.node(0) // all nodes have the same
	}
	var shared string
	if environment.EKS != nil {
		shared = environment.EKS.Namespace
	}
	return cmp.Or(spec.namespace(), shared, opts.Namespace)
}

// namespace is the one that the definition or its overrides name; empty if they do not.
func (s Spec) namespace() string {
	if s.EKS == nil || s.EKS.Metadata == nil {
		return ""
	}
	return ptr.Deref(s.EKS.Metadata.Namespace, "")
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
func finishSpec(spec *corev1.PodSpec, in Input, m member) {
	spec.SchedulerName = batchmeta.SchedulerName
	spec.RestartPolicy = corev1.RestartPolicyNever // a retry is a pod of its own
	if spec.TerminationGracePeriodSeconds == nil {
		spec.TerminationGracePeriodSeconds = ptr.To[int64](gracePeriodSeconds)
	}
	selectNodes(spec, batchmeta.ComputeEnvironmentUUID, in.Environment.UUID)
	if in.Environment.IsFargate() {
		selectArchitecture(spec)
	}
	spec.Tolerations = []corev1.Toleration{{Key: batchmeta.BatchNode, Operator: corev1.TolerationOpExists}}
	spec.EnableServiceLinks = new(false)
	if spec.ServiceAccountName == "" {
		spec.AutomountServiceAccountToken = new(false)
	}
	env := batchEnv(in, m)
	for i := range spec.InitContainers {
		spec.InitContainers[i].Env = slices.Concat(env, spec.InitContainers[i].Env)
	}
	for i := range spec.Containers {
		spec.Containers[i].Env = slices.Concat(env, spec.Containers[i].Env)
	}
}

// finishMeta adds labels and annotations to the definition's own; the spec must be complete, since its shape is a label.
func finishMeta(meta *metav1.ObjectMeta, spec *corev1.PodSpec, in Input, m member) error {
	record, err := writeRecord(in, m)
	if err != nil {
		return err
	}
	shape, err := shapeOf(spec, meta.Namespace)
	if err != nil {
		return err
	}
	metav1.SetMetaDataAnnotation(meta, batchmeta.Rank, in.Rank)
	metav1.SetMetaDataAnnotation(meta, batchmeta.Job, record)
	if in.Traceparent != "" {
		metav1.SetMetaDataAnnotation(meta, batchmeta.Traceparent, in.Traceparent)
	}
	if in.Preempts {
		metav1.SetMetaDataAnnotation(meta, batchmeta.Preemption, batchmeta.PreemptionEnabled)
	}
	if in.Job.Timeout > 0 {
		metav1.SetMetaDataAnnotation(meta, batchmeta.AttemptDuration, strconv.FormatInt(int64(in.Job.Timeout/time.Second), 10))
	}
	metav1.SetMetaDataLabel(meta, batchmeta.ComputeEnvironmentUUID, in.Environment.UUID)
	metav1.SetMetaDataLabel(meta, batchmeta.JobID, parentID(in.Job.ID))
	metav1.SetMetaDataLabel(meta, batchmeta.JobQueue, QueueLabel(in.Job.Queue))
	metav1.SetMetaDataLabel(meta, batchmeta.Attempt, strconv.Itoa(in.Attempt))
	metav1.SetMetaDataLabel(meta, batchmeta.Shape, shape)
	if in.Job.IsChild() {
		metav1.SetMetaDataLabel(meta, batchmeta.ArrayIndex, strconv.Itoa(*in.Job.ArrayIndex))
	}
	if m.gang != nil {
		metav1.SetMetaDataLabel(meta, batchmeta.NodeIndex, strconv.Itoa(m.gang.index))
		metav1.SetMetaDataLabel(meta, batchmeta.Gang, m.gang.name)
		metav1.SetMetaDataAnnotation(meta, batchmeta.GangSize, strconv.Itoa(m.gang.size))
		for _, key := range []string{batchmeta.GangTopologyRequired, batchmeta.GangTopologyPreferred} {
			if label := in.Job.Tags[key]; label != "" && ValidateTags(map[string]string{key: label}) == nil {
				metav1.SetMetaDataAnnotation(meta, key, label)
			}
		}
	}
	return nil
}

// parentID leaves the index of an array's child away, whose colon no label may have.
func parentID(jobID string) string {
	parent, _, _ := strings.Cut(jobID, ":")
	return parent
}
