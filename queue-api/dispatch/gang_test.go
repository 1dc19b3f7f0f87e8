// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// gang submits a job of three nodes of half a vCPU, whose main node is the second.
func (b *bench) gang(t *testing.T, q batch.JobQueue, change ...func(*batch.Job)) batch.Job {
	t.Helper()
	node := `{"targetNodes":"0:2","container":{"image":"busybox","resourceRequirements":[{"type":"VCPU","value":"0.5"},{"type":"MEMORY","value":"64"}]}}`
	d, err := b.store.RegisterDefinition(t.Context(), batch.JobDefinition{
		Name: "g", Type: "multinode", NodeProperties: []byte(`{"numNodes":3,"mainNode":1,"nodeRangeProperties":[` + node + `]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.submit(t, q, 1500, append(change, func(j *batch.Job) { j.Definition, j.NumNodes, j.MainNode = d.Ref(), 3, 1 })...)
}

// Contract 5.5: a multi-node job is one entry of its queue, admitted with all its nodes or not at all.
func TestGangIsAdmittedWhole(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a")
	first, second := b.gang(t, q), b.gang(t, q)
	b.round(t)
	if diff := cmp.Diff([]string{"ce-a", ""}, b.admittedTo(t, first, second)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
	current := b.job(t, first.ID).Current
	var names, ranks []string
	for i := range 3 {
		name := podspec.PodName(batch.NodeID(first.ID, i), 1)
		if current.Nodes[i].PodName != name {
			t.Errorf("node %d is pod %s, want %s", i, current.Nodes[i].PodName, name)
		}
		names = append(names, name)
	}
	if current.PodName != names[1] || current.PodNamespace != "jobs" {
		t.Errorf("the attempt's pod is %s/%s, want the main node's", current.PodNamespace, current.PodName)
	}
	for _, pod := range b.pods.made {
		ranks = append(ranks, pod.Annotations[batchmeta.Rank])
		if pod.Labels[batchmeta.Gang] != podspec.GangName(first.ID, 1) || pod.Annotations[batchmeta.GangSize] != "3" {
			t.Errorf("pod %s is not of the gang: %v %v", pod.Name, pod.Labels, pod.Annotations)
		}
	}
	if len(ranks) != 3 || ranks[0] != ranks[1] || ranks[0] != ranks[2] {
		t.Errorf("ranks %v, want three of one", ranks)
	}
}

// Contract 7.4: not in UNMANAGED and not in Spot environments.
func TestGangAvoidsUnmanagedAndSpotEnvironments(t *testing.T) {
	t.Parallel()
	unmanaged := func(e *batch.ComputeEnvironment) { e.Type = batch.Unmanaged }
	resources := func(kind string) func(*batch.ComputeEnvironment) {
		return func(e *batch.ComputeEnvironment) { e.ComputeResources = fmt.Appendf(nil, `{"type":%q}`, kind) }
	}
	cases := map[string]struct {
		a, b       func(*batch.ComputeEnvironment)
		want       string
		wantReason string
	}{
		"the first that takes gangs is used": {unmanaged, resources("EC2"), "ce-b", ""},
		"Spot takes none":                    {resources("SPOT"), resources("EC2"), "ce-b", ""},
		"with nowhere to go it says so":      {unmanaged, resources("SPOT"), "", explain.ReasonNoGangs},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.environment(t, "ce-a", tc.a)
			b.environment(t, "ce-b", tc.b)
			q := b.queue(t, "q", 1, "ce-a", "ce-b")
			job, next := b.gang(t, q), b.submit(t, q, 500)
			b.round(t)
			if got := b.job(t, job.ID); b.admittedTo(t, job)[0] != tc.want || got.StatusReason != tc.wantReason {
				t.Errorf("admitted to %q, says %q", b.admittedTo(t, job)[0], got.StatusReason)
			}
			if got := b.admittedTo(t, next)[0]; got != "ce-a" {
				t.Errorf("the job behind is in %q", got)
			}
		})
	}
}

func TestPodsOfAGangThatCouldNotBeMadeAreMadeLater(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.gang(t, b.queue(t, "q", 1, "ce-a"))
	missing := podspec.PodName(batch.NodeID(job.ID, 2), 1)
	b.pods.refuse = func(pod *corev1.Pod) error {
		if pod.Name == missing {
			return errors.New("connection refused")
		}
		return nil
	}
	if err := b.dispatcher.runOnce(t.Context()); err == nil {
		t.Error("a failed round was not reported")
	}
	if len(b.pods.made) != 2 {
		t.Fatalf("%d pods made, want 2", len(b.pods.made))
	}
	b.pods.refuse = nil
	b.round(t)
	if len(b.pods.made) != 3 {
		t.Errorf("%d pods made, want 3", len(b.pods.made))
	}
}

func TestRejectedPodFailsItsGangAndTakesTheOthersBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.gang(t, b.queue(t, "q", 1, "ce-a"))
	bad := podspec.PodName(batch.NodeID(job.ID, 0), 1)
	b.pods.refuse = func(pod *corev1.Pod) error {
		if pod.Name == bad {
			return fmt.Errorf("%w: spec.x: Invalid value", ErrRejected)
		}
		return nil
	}
	b.round(t)
	got := b.job(t, job.ID)
	if got.Status != batch.StatusFailed || got.StatusReason != "pod is invalid: spec.x: Invalid value" || len(b.pods.made) != 0 {
		t.Errorf("%s %q, %d pods left", got.Status, got.StatusReason, len(b.pods.made))
	}
}

func TestEnsureLeavesNodesThatHaveRunAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.gang(t, b.queue(t, "q", 1, "ce-a"))
	b.round(t)
	b.step(t, job.ID, lifecycle.Bound{Attempt: 1, Node: 0, NodeName: "n"})
	b.pods.made = nil
	if err := b.dispatcher.Ensure(t.Context(), b.job(t, job.ID)); err != nil {
		t.Fatal(err)
	}
	if len(b.pods.made) != 2 {
		t.Errorf("%d pods made again, want those of the two nodes that were never seen", len(b.pods.made))
	}
}

func TestEnsureMakesALostNodeUnderAnotherName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.gang(t, b.queue(t, "q", 1, "ce-a"), func(j *batch.Job) {
		j.Tags = map[string]string{batchmeta.GangOnMemberLoss: batchmeta.MemberLossReplace}
	})
	b.round(t)
	b.step(t, job.ID, lifecycle.Bound{Attempt: 1, Node: 1, NodeName: "n"})
	b.step(t, job.ID, lifecycle.Started{Attempt: 1, Node: 1, At: b.clock.Now()})
	b.step(t, job.ID, lifecycle.Bound{Attempt: 1, Node: 0, NodeName: "n"})
	b.step(t, job.ID, lifecycle.Bound{Attempt: 1, Node: 2, NodeName: "n"})
	b.step(t, job.ID, lifecycle.Ended{Attempt: 1, Node: 2, Lost: true, StatusReason: lifecycle.HostTerminated("i")})
	b.pods.made = nil
	for range 2 {
		if err := b.dispatcher.Ensure(t.Context(), b.job(t, job.ID)); err != nil {
			t.Fatal(err)
		}
	}
	want := podspec.PodName(batch.NodeID(job.ID, 2), 1) + "-r1"
	for _, pod := range b.pods.made {
		if pod.Name != want || pod.Labels[batchmeta.NodeIndex] != "2" || pod.Labels[batchmeta.Gang] != podspec.GangName(job.ID, 1) {
			t.Errorf("made pod %s, node %s of %s", pod.Name, pod.Labels[batchmeta.NodeIndex], pod.Labels[batchmeta.Gang])
		}
	}
	if len(b.pods.made) == 0 {
		t.Error("no pod was made")
	}
}
