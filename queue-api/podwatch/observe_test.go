// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

var (
	began = time.UnixMilli(1_700_000_010_000).UTC()
	over  = began.Add(5 * time.Second)
)

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "default", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message},
	}}
}

func running() corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "default", ContainerID: "c", State: corev1.ContainerState{
		Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(began)},
	}}
}

func terminated(code int32, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "default", ContainerID: "c", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{
			ExitCode: code, Reason: reason, ContainerID: "c", StartedAt: metav1.NewTime(began), FinishedAt: metav1.NewTime(over),
		},
	}}
}

func podIn(phase corev1.PodPhase, node string, statuses ...corev1.ContainerStatus) *corev1.Pod {
	return &corev1.Pod{Spec: corev1.PodSpec{NodeName: node}, Status: corev1.PodStatus{Phase: phase, ContainerStatuses: statuses}}
}

func disrupted(pod *corev1.Pod, reason string) *corev1.Pod {
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason,
	})
	return pod
}

func TestObserve(t *testing.T) {
	t.Parallel()
	bound := lifecycle.Bound{Attempt: 2, NodeName: "n", InstanceID: "i-1"}
	started := lifecycle.Started{Attempt: 2, At: began}
	exit := func(code int, reason string) []batch.ContainerOutcome {
		return []batch.ContainerOutcome{{Name: "default", ContainerID: "c", ExitCode: &code, Reason: reason}}
	}
	none := []batch.ContainerOutcome{}
	unknown := terminated(137, "ContainerStatusUnknown")
	unknown.ContainerID, unknown.State.Terminated.ContainerID = "", ""
	cases := map[string]struct {
		pod  *corev1.Pod
		want []lifecycle.Event
	}{
		"a pod without a node says nothing":        {podIn(corev1.PodPending, ""), nil},
		"a node means bound":                       {podIn(corev1.PodPending, "n", waiting("ContainerCreating", "")), []lifecycle.Event{bound}},
		"a running container means started":        {podIn(corev1.PodRunning, "n", running()), []lifecycle.Event{bound, started}},
		"one container ended is not the pod's end": {podIn(corev1.PodRunning, "n", terminated(1, "Error")), []lifecycle.Event{bound, started}},
		"exit 0 in every container": {podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")), []lifecycle.Event{
			bound, started,
			lifecycle.Ended{Attempt: 2, Succeeded: true, StatusReason: lifecycle.ReasonExited, StoppedAt: over, Containers: exit(0, "Completed"), InitContainers: none},
		}},
		"exit 3": {podIn(corev1.PodFailed, "n", terminated(3, "Error")), []lifecycle.Event{
			bound, started,
			lifecycle.Ended{Attempt: 2, StatusReason: lifecycle.ReasonExited, StoppedAt: over, Containers: exit(3, "Error"), InitContainers: none},
		}},
		"a lost node leaves no exit code": {disrupted(podIn(corev1.PodFailed, "n"), "DeletionByPodGC"), []lifecycle.Event{
			bound,
			lifecycle.Ended{Attempt: 2, Lost: true, StatusReason: "Host EC2 (instance i-1) terminated.", Containers: none, InitContainers: none},
		}},
		"a lost node with a last word keeps its exit code": {disrupted(podIn(corev1.PodFailed, "n", terminated(143, "Error")), "DeletionByTaintManager"), []lifecycle.Event{
			bound, started,
			lifecycle.Ended{Attempt: 2, Lost: true, StatusReason: "Host EC2 (instance i-1) terminated.", StoppedAt: over, Containers: exit(143, "Error"), InitContainers: none},
		}},
		"a preempted pod is nobody's fault": {disrupted(podIn(corev1.PodFailed, "n", terminated(143, "Error")), "PreemptionByScheduler"), []lifecycle.Event{
			bound, started,
			lifecycle.Ended{
				Attempt: 2, Preempted: true, StatusReason: lifecycle.ReasonPreempted, StoppedAt: over,
				Containers: exit(143, "Error"), InitContainers: none,
			},
		}},
		"a pod that was done when it was preempted succeeded": {disrupted(podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")), "PreemptionByScheduler"), []lifecycle.Event{
			bound, started,
			lifecycle.Ended{Attempt: 2, Succeeded: true, StatusReason: lifecycle.ReasonExited, StoppedAt: over, Containers: exit(0, "Completed"), InitContainers: none},
		}},
		"a container that never started has no exit code": {podIn(corev1.PodFailed, "n", unknown), []lifecycle.Event{
			bound,
			lifecycle.Ended{
				Attempt: 2, StatusReason: lifecycle.ReasonStartFailed, StoppedAt: over,
				Containers: []batch.ContainerOutcome{{Name: "default", Reason: "ContainerStatusUnknown"}}, InitContainers: none,
			},
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, observe(member{pod: tc.pod, attempt: 2}, "i-1", nil)); diff != "" {
				t.Errorf("events mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStuck(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status       corev1.ContainerStatus
		wantReason   string
		wantHopeless bool
	}{
		"creating is not stuck":              {waiting("ContainerCreating", ""), "", false},
		"an image that cannot be pulled":     {waiting("ErrImagePull", "not found"), "CannotPullContainerError: not found", false},
		"an image name that is none":         {waiting("InvalidImageName", "bad"), "CannotPullContainerError: bad", true},
		"a container that cannot be created": {waiting("CreateContainerConfigError", "no secret"), "CreateContainerConfigError: no secret", false},
		"a reason is cut to 255 characters":  {waiting("ErrImagePull", strings.Repeat("x", 400)), "CannotPullContainerError: " + strings.Repeat("x", 229), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, reason, hopeless := stuck(podIn(corev1.PodPending, "n", tc.status))
			if reason != tc.wantReason || hopeless != tc.wantHopeless {
				t.Errorf("got %q %v, want %q %v", reason, hopeless, tc.wantReason, tc.wantHopeless)
			}
		})
	}
}

// named is a container's status under another name, its end moved by some seconds.
func named(name string, s corev1.ContainerStatus, seconds int) corev1.ContainerStatus {
	s.Name = name
	if s.State.Terminated != nil {
		s.State.Terminated.FinishedAt = metav1.NewTime(over.Add(time.Duration(seconds) * time.Second))
	}
	return s
}

// Contract 4.1: all essential containers decide; when one has ended the others are stopped.
func TestEssentialContainersDecide(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		phase         corev1.PodPhase
		nonEssential  string
		statuses      []corev1.ContainerStatus
		wantDecided   bool
		wantSucceeded bool
	}{
		"all run":                         {corev1.PodRunning, "log", []corev1.ContainerStatus{named("main", running(), 0), named("log", running(), 0)}, false, false},
		"another one ended":               {corev1.PodRunning, "log", []corev1.ContainerStatus{named("main", running(), 0), named("log", terminated(1, "Error"), 0)}, false, false},
		"the essential one ended":         {corev1.PodRunning, "log", []corev1.ContainerStatus{named("main", terminated(0, "Completed"), 0), named("log", running(), 0)}, true, true},
		"the others' exit codes":          {corev1.PodFailed, "log,net", []corev1.ContainerStatus{named("main", terminated(0, "Completed"), 0), named("log", terminated(143, "Error"), 2), named("net", terminated(1, "Error"), -2)}, true, true},
		"the essential one failed":        {corev1.PodFailed, "log", []corev1.ContainerStatus{named("main", terminated(3, "Error"), 0), named("log", terminated(0, "Completed"), 1)}, true, false},
		"the first essential one decides": {corev1.PodFailed, "log", []corev1.ContainerStatus{named("b", terminated(143, "Error"), 2), named("a", terminated(0, "Completed"), 0), named("log", terminated(143, "Error"), 2)}, true, true},
		"in one second failure decides":   {corev1.PodFailed, "log", []corev1.ContainerStatus{named("a", terminated(0, "Completed"), 0), named("b", terminated(1, "Error"), 0), named("log", terminated(143, "Error"), 2)}, true, false},
		"no essential one ever ran":       {corev1.PodFailed, "log", []corev1.ContainerStatus{named("main", waiting("ImagePullBackOff", ""), 0)}, false, false},
		"all are essential, one ended":    {corev1.PodRunning, "", []corev1.ContainerStatus{named("a", terminated(0, "Completed"), 0), named("b", running(), 0)}, true, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := podIn(tc.phase, "n", tc.statuses...)
			pod.Annotations = map[string]string{batchmeta.NonEssential: tc.nonEssential}
			if got := isDecided(pod); got != tc.wantDecided {
				t.Errorf("decided %v, want %v", got, tc.wantDecided)
			}
			if got := succeeded(pod); got != tc.wantSucceeded {
				t.Errorf("succeeded %v, want %v", got, tc.wantSucceeded)
			}
		})
	}
}
