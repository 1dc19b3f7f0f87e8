// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// FuzzPod lets a pod of a job say anything of itself, labels, annotations and status: nothing panics, the job stays one that
// can be, and when the job is over, so is it for good.
func FuzzPod(f *testing.F) {
	add := func(pod *corev1.Pod, number, index, node, nonEssential string) {
		status, err := json.Marshal(pod.Status)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(status, number, index, node, nonEssential, pod.Spec.NodeName)
	}
	add(podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")), "1", "", "", "")
	add(podIn(corev1.PodRunning, "n", running()), "1", "0", "", "a,b")
	add(podIn(corev1.PodFailed, "", terminated(137, "OOMKilled")), "-1", "x", "99999999999999999999", "")
	f.Fuzz(func(t *testing.T, status []byte, number, index, node, nonEssential, nodeName string) {
		s := newScene(t, 2, 0)
		pod := podIn(corev1.PodPending, nodeName)
		if json.Unmarshal(status, &pod.Status) != nil {
			return
		}
		pod.Labels = map[string]string{batchmeta.JobID: s.id, batchmeta.Attempt: number}
		for key, value := range map[string]string{batchmeta.ArrayIndex: index, batchmeta.NodeIndex: node} {
			if value != "" {
				pod.Labels[key] = value
			}
		}
		if nonEssential != "" {
			pod.Annotations = map[string]string{batchmeta.NonEssential: nonEssential}
		}
		pod.Name, pod.Namespace, pod.Finalizers = "p", "jobs", []string{batchmeta.Tracking}
		s.cluster.pod = pod
		_ = ownerOf(pod)
		for range 3 {
			if _, err := s.watcher.settle(t.Context(), s.id); err != nil {
				t.Fatalf("settle: %v", err)
			}
		}
		before := s.job(t)
		if before.Status.IsTerminal() {
			s.step(t, lifecycle.Ended{Attempt: 1, Succeeded: true})
			s.step(t, lifecycle.Terminated{Reason: "late"})
			if after := s.job(t); after.Status != before.Status || after.StatusReason != before.StatusReason {
				t.Errorf("%s became %s", before.Status, after.Status)
			}
		}
	})
}
