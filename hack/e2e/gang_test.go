// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// member is a pod as a user without the queue API would make it: one of the site's gang, that needs a node to itself.
func (s *site) member(size int, command ...string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      map[string]string{batchmeta.Gang: s.name, batchmeta.ComputeEnvironmentUUID: s.uuid},
			Annotations: map[string]string{batchmeta.GangSize: strconv.Itoa(size)},
		},
		Spec: corev1.PodSpec{
			SchedulerName: batchmeta.SchedulerName,
			NodeSelector:  map[string]string{batchmeta.ComputeEnvironmentUUID: s.uuid},
			Tolerations:   []corev1.Toleration{{Key: batchmeta.BatchNode, Operator: corev1.TolerationOpExists}},
			RestartPolicy: corev1.RestartPolicyNever,
			HostNetwork:   true,
			Containers: []corev1.Container{{
				Name: "main", Image: busybox, Command: command,
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
					// More than half of a node.
					corev1.ResourceCPU: *resource.NewMilliQuantity(int64(600*nodeCPUs), resource.DecimalSI),
				}},
			}},
		},
	}
}

// createGang makes members that tell when they started, by the machine's clock of hundredths of seconds. Of one that ends at once
// containerd may lose what it wrote.
func (s *site) createGang(t *testing.T, size int) []*corev1.Pod {
	t.Helper()
	var members []*corev1.Pod
	for i := range size {
		members = append(members, s.createPod(t, s.name+"-"+strconv.Itoa(i), s.member(size, "sh", "-c", "cat /proc/uptime; sleep 2")))
	}
	return members
}

func (s *site) createPod(t *testing.T, name string, template corev1.PodTemplateSpec) *corev1.Pod {
	t.Helper()
	pods := local.kube.CoreV1().Pods(local.env["MUSTER_NAMESPACE"])
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Name = name
	created, err := pods.Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pods.Delete(context.Background(), name, metav1.DeleteOptions{}) })
	return created
}

// startedAt is what the member printed: seconds since the machine's start.
func startedAt(t *testing.T, pod *corev1.Pod) float64 {
	t.Helper()
	log, err := local.kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var up, idle float64
	if _, err := fmt.Sscan(string(log), &up, &idle); err != nil {
		t.Fatalf("log of %s = %q: %v", pod.Name, log, err)
	}
	return up
}

func TestGangStartsTogether(t *testing.T) {
	s := newSite(t, "gang", siteConfig{maxNodes: 2})
	members := s.createGang(t, 2)
	var starts []float64
	nodes := map[string]bool{}
	for _, member := range members {
		await(t, long, "member "+member.Name+" ends", func(ctx context.Context) error {
			pod, err := local.kube.CoreV1().Pods(member.Namespace).Get(ctx, member.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			*member = *pod
			if pod.Status.Phase != corev1.PodSucceeded {
				return fmt.Errorf("it is\n%s", show(pod.Status))
			}
			return nil
		})
		starts = append(starts, startedAt(t, member))
		nodes[member.Spec.NodeName] = true
	}
	if len(nodes) != 2 {
		t.Errorf("the members ran on %d nodes, want 2", len(nodes))
	}
	apart := slices.Max(starts) - slices.Min(starts)
	t.Logf("the members started %.2f s apart", apart)
	if apart > together {
		t.Errorf("the members started %.2f s apart, more than %d s", apart, together)
	}
}

func TestGangThatCannotFitHoldsNothing(t *testing.T) {
	t.Parallel()
	// AWS Batch may exceed maxvCpus by one instance: three members need two more than there may be.
	s := newSite(t, "gang-too-large", siteConfig{maxNodes: 1})
	s.createGang(t, 3)
	await(t, soon, "every member is unschedulable", func(ctx context.Context) error {
		pods, err := local.pods(ctx, s.uuid)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			if err := unschedulable(&pod); err != nil {
				return err
			}
		}
		return nil
	})
	holds(t, 5*time.Second, "no member is bound and no node is bought", func(ctx context.Context) error {
		pods, err := local.pods(ctx, s.uuid)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			if err := unschedulable(&pod); err != nil {
				return err
			}
		}
		if n := local.launched(t, s.name); n > 0 {
			return fmt.Errorf("%d instances were launched", n)
		}
		return nil
	})
}

// unschedulable is nil for a pod that has no node and has been told why.
func unschedulable(pod *corev1.Pod) error {
	if pod.Spec.NodeName != "" {
		return hopelessError{fmt.Errorf("%s is bound to %s", pod.Name, pod.Spec.NodeName)}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Reason == corev1.PodReasonUnschedulable {
			return nil
		}
	}
	return fmt.Errorf("%s waits: %s", pod.Name, show(pod.Status.Conditions))
}
