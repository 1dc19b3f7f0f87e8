// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// oneJob is a JobStore of a job.
type oneJob batch.Job

// Job implements JobStore.
func (j *oneJob) Job(_ context.Context, id string) (batch.Job, error) {
	if id != j.ID {
		return batch.Job{}, batch.ErrNotFound
	}
	return batch.Job(*j), nil
}

const podName = "aws-batch.01234567-89ab-cdef-0123-456789abcdef"

// jobPod is the pod of the job's attempt.
func jobPod(change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: podName, Namespace: "n", Labels: map[string]string{batchmeta.JobID: "j"}, Finalizers: []string{batchmeta.Tracking},
		},
		Spec:   corev1.PodSpec{Containers: []corev1.Container{{Name: "default"}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "default", ContainerID: "c"}}},
	}
	if change != nil {
		change(pod)
	}
	return pod
}

func letGo(pod *corev1.Pod) { pod.Finalizers = nil }

func TestFate(t *testing.T) {
	t.Parallel()
	attempt := batch.Attempt{PodName: podName, PodNamespace: "n"}
	gang := batch.Attempt{PodName: "main", PodNamespace: "n", Nodes: []batch.NodeAttempt{{PodName: "main"}, {PodName: podName}}}
	ended := oneJob{ID: "j", Definition: batch.DefinitionRef{Name: "d"}, Attempts: []batch.Attempt{attempt}}
	cases := map[string]struct {
		job  oneJob
		pod  *corev1.Pod
		want Fate
	}{
		"a pod that its job waits for":              {oneJob{ID: "j", Current: &attempt}, jobPod(letGo), FateOpen},
		"a node of a job that goes on":              {oneJob{ID: "j", Current: &gang}, nil, FateOpen},
		"a pod that is held until its log is kept":  {ended, jobPod(nil), FateOpen},
		"a pod that was let go":                     {ended, jobPod(letGo), FateGone},
		"a pod that is gone":                        {ended, nil, FateGone},
		"a pod of a job that is forgotten, let go":  {oneJob{ID: "other"}, jobPod(letGo), FateGone},
		"a pod of a job that is forgotten, is held": {oneJob{ID: "other"}, jobPod(nil), FateOpen},
		"a container that never ran": {ended, jobPod(func(pod *corev1.Pod) {
			letGo(pod)
			pod.Status.ContainerStatuses[0].ContainerID = ""
		}), FateUnstarted},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset()
			if tc.pod != nil {
				client = fake.NewClientset(tc.pod)
			}
			pods := NewPods(&tc.job, func() map[string]Kubelets { return map[string]Kubelets{"": {Client: client.CoreV1()}} })
			origin := &Origin{Namespace: "n", Pod: podName, Container: "default"}
			if got, err := pods.Fate(t.Context(), testStream, origin, "j"); err != nil || got != tc.want {
				t.Errorf("got %v, %v, want %v", got, err, tc.want)
			}
		})
	}
}

// TestWhatCannotBeFoundOut is no answer: a log whose cluster does not answer is not one that there is not.
func TestWhatCannotBeFoundOut(t *testing.T) {
	t.Parallel()
	there, away := fake.NewClientset(jobPod(letGo)), fake.NewClientset()
	deaf := errors.New("no route to host")
	away.PrependReactor("*", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, deaf })
	job := &oneJob{ID: "j", Definition: batch.DefinitionRef{Name: "d"}, Attempts: []batch.Attempt{{PodName: podName, PodNamespace: "n"}}}
	all := map[string]Kubelets{"": {Client: there.CoreV1()}, "away": {Client: away.CoreV1()}}
	pods := NewPods(job, func() map[string]Kubelets { return all })
	view := NewView(newArchive(t, newMemory(), 100), pods)

	if origin, id, err := pods.Find(t.Context(), testStream); err != nil || id != "j" || origin.Cluster != "" || origin.Pod != podName {
		t.Errorf("a pod of a cluster that answers: %+v, %s, %v", origin, id, err)
	}
	const other = "d/default/fedcba98765432100123456789abcdef"
	there.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, &corev1.PodList{}, nil }) // it selects none by name
	if _, err := view.Open(t.Context(), other); !errors.Is(err, deaf) || errors.Is(err, ErrNotFound) {
		t.Errorf("a pod that may be where nobody answers: %v", err)
	}
	if _, err := pods.Fate(t.Context(), other, nil, "j"); !errors.Is(err, deaf) {
		t.Errorf("its fate: %v", err)
	}
	if _, err := pods.Fate(t.Context(), other, &Origin{Cluster: "unknown", Pod: "p"}, "j"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("the fate of a pod in a cluster that is not known: %v", err)
	}
	delete(all, "away")
	if _, err := view.Open(t.Context(), other); !errors.Is(err, ErrNotFound) {
		t.Errorf("a pod that is nowhere: %v", err)
	}
	if fate, err := pods.Fate(t.Context(), other, nil, "j"); err != nil || fate != FateGone {
		t.Errorf("its fate: %v, %v", fate, err)
	}
}
