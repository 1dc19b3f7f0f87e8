// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/plugins/config"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// memberLossTimeout is the scheduler's: how long a gang that replaces members may be short of them. It is longer than a new
// member takes to be made and to get a node, on a machine that has much to do.
const memberLossTimeout = 2 * time.Minute

// writeSchedulerConfig writes the built-in configuration with memberLossTimeout in it.
func (c *cluster) writeSchedulerConfig() (string, error) {
	before, after, found := bytes.Cut(config.Default(), []byte("memberLossTimeout: 5m"))
	if !found {
		return "", errors.New("the scheduler's configuration has no memberLossTimeout of 5m")
	}
	file := filepath.Join(c.dir, "scheduler.yaml")
	return file, os.WriteFile(file, fmt.Appendf(before, "memberLossTimeout: %v%s", memberLossTimeout, after), 0o644)
}

// createGangJob makes a gang as a Job of Kubernetes: members that note when they started and run until they are released.
// Whoever is lost is made again.
func (s *site) createGangJob(t *testing.T, size int32, onLoss string, w witness, change ...func(*batchv1.JobSpec)) {
	t.Helper()
	const script = `trap 'exit 143' TERM; cat /proc/uptime >>/host/start.$JOB_COMPLETION_INDEX
		until [ -e /host/go ]; do sleep 0.1; done`
	template := s.member(int(size), "sh", "-c", script)
	template.Annotations[batchmeta.GangOnMemberLoss] = onLoss
	template.Spec.Volumes = []corev1.Volume{{
		Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: w.folder}},
	}}
	template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "host", MountPath: "/host"}}
	jobs := local.kube.BatchV1().Jobs(local.env["MUSTER_NAMESPACE"])
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec: batchv1.JobSpec{
			CompletionMode: ptr.To(batchv1.IndexedCompletion), Completions: &size, Parallelism: &size, Template: template,
		},
	}
	for _, f := range change {
		f(&job.Spec)
	}
	_, err := jobs.Create(t.Context(), job, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = jobs.Delete(context.Background(), s.name, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)})
	})
}

// awaitStarts waits until a member has started so many times.
func (w witness) awaitStarts(t *testing.T, member, times int) {
	t.Helper()
	await(t, long+time.Minute, fmt.Sprintf("member %d starts %d times", member, times), func(context.Context) error {
		return atLeast(times, len(w.lines(t, "start."+strconv.Itoa(member))))
	})
}

// wantTogether checks that the last starts of members 0 and 1 were one start.
func (w witness) wantTogether(t *testing.T) {
	t.Helper()
	var starts []float64
	for member := range 2 {
		lines := w.lines(t, "start."+strconv.Itoa(member))
		up, _, _ := strings.Cut(lines[len(lines)-1], " ")
		at, err := strconv.ParseFloat(up, 64)
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, at)
	}
	apart := math.Abs(starts[0] - starts[1])
	t.Logf("the members started %.2f s apart", apart)
	if apart > together {
		t.Errorf("the members started %.2f s apart, more than %d s", apart, together)
	}
}

// memberOf is the running pod of a member of the gang's Job.
func (s *site) memberOf(t *testing.T, member int) (running *corev1.Pod) {
	t.Helper()
	await(t, soon, fmt.Sprintf("the pod of member %d runs", member), func(ctx context.Context) error {
		pods, err := local.kube.CoreV1().Pods(local.env["MUSTER_NAMESPACE"]).List(ctx, metav1.ListOptions{
			LabelSelector: batchv1.JobCompletionIndexAnnotation + "=" + strconv.Itoa(member) + "," + batchmeta.Gang + "=" + s.name,
		})
		if err != nil {
			return err
		}
		for i := range pods.Items {
			if p := &pods.Items[i]; p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning {
				running = p
				return nil
			}
		}
		return fmt.Errorf("none of %d does", len(pods.Items))
	})
	return running
}

// deleteMember does what no controller would: it deletes a member's pod.
func (s *site) deleteMember(t *testing.T, member int) {
	t.Helper()
	pod := s.memberOf(t, member)
	if err := local.kube.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// awaitJob waits until the gang's Job is complete.
func (s *site) awaitJob(t *testing.T) {
	t.Helper()
	await(t, long, "the gang's Job is complete", func(ctx context.Context) error {
		job, err := local.kube.BatchV1().Jobs(local.env["MUSTER_NAMESPACE"]).Get(ctx, s.name, metav1.GetOptions{})
		if err == nil && job.Status.Succeeded < *job.Spec.Completions {
			err = fmt.Errorf("it is\n%s", show(job.Status))
		}
		return err
	})
}

func TestGangIsRestartedWhenAMemberIsLost(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "gang-restart", siteConfig{maxNodes: 2}), newWitness(t)
	s.createGangJob(t, 2, batchmeta.MemberLossRestart, w)
	w.awaitStarts(t, 0, 1)
	w.awaitStarts(t, 1, 1)
	s.deleteMember(t, 1)
	w.awaitStarts(t, 0, 2)
	w.awaitStarts(t, 1, 2)
	w.wantTogether(t)
	w.release(t)
	s.awaitJob(t)
}

// The member's node is lost, and its replacement runs on a new one, beside the other member, which goes on.
func TestGangReplacesALostMember(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "gang-replace", siteConfig{maxNodes: 2}), newWitness(t)
	s.createGangJob(t, 2, batchmeta.MemberLossReplace, w)
	w.awaitStarts(t, 0, 1)
	w.awaitStarts(t, 1, 1)
	lost := time.Now()
	local.terminate(t, s.memberOf(t, 1).Spec.NodeName)
	w.awaitStarts(t, 1, 2)
	t.Logf("the end of the instance to the start of the new member: %v", time.Since(lost).Round(time.Second))
	w.release(t)
	s.awaitJob(t)
	if diff := cmp.Diff(1, len(w.lines(t, "start.0"))); diff != "" {
		t.Errorf("starts of the member that was not lost (-want +got):\n%s", diff)
	}
}

// Somebody else takes the room that the lost member leaves: the gang does not stay short for ever.
func TestGangThatCannotReplaceAMemberIsEndedWhole(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "gang-stuck", siteConfig{maxNodes: 2}), newWitness(t)
	s.createGangJob(t, 2, batchmeta.MemberLossReplace, w, func(spec *batchv1.JobSpec) {
		// Some seconds after the lost one has ended, and not beside it: by then its room is taken.
		spec.PodReplacementPolicy = ptr.To(batchv1.Failed)
	})
	w.awaitStarts(t, 0, 1)
	w.awaitStarts(t, 1, 1)
	other := s.member(1, "sleep", "600")
	delete(other.Labels, batchmeta.Gang)
	delete(other.Annotations, batchmeta.GangSize)
	other.Spec.TerminationGracePeriodSeconds = new(int64(1))
	hog := s.createPod(t, s.name+"-other", other)
	await(t, soon, "there is no room for another", func(ctx context.Context) error {
		pod, err := local.kube.CoreV1().Pods(hog.Namespace).Get(ctx, hog.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return unschedulable(pod)
	})
	left := s.memberOf(t, 0)
	events, err := local.kube.CoreV1().Pods(left.Namespace).Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + left.Name})
	if err != nil {
		t.Fatal(err)
	}
	ended := first(events, func(object any) bool {
		pod, ok := object.(*corev1.Pod)
		return ok && isLost(pod)
	})
	lost := time.Now()
	s.deleteMember(t, 1)
	select {
	case at := <-ended:
		t.Logf("the loss of a member to the end of the other: %v", at.Sub(lost).Round(time.Second))
	case <-time.After(memberLossTimeout + long):
		t.Errorf("the other member has not been ended %v after the loss", memberLossTimeout+long)
	}
}

// isLost reports whether a pod was ended because its gang lost members.
func isLost(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.DisruptionTarget && condition.Reason == batchmeta.ReasonMemberLost {
			return true
		}
	}
	return false
}
