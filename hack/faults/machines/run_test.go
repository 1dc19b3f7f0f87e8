// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"context"
	"maps"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/hack/faults/check"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// rig is a machine without a cloud, in a cluster in memory.
type rig struct {
	t      *testing.T
	fleet  *Fleet
	box    *machine
	ledger string
	end    context.CancelFunc
}

func newRig(t *testing.T, pods ...*corev1.Pod) *rig {
	t.Helper()
	r := &rig{t: t, ledger: filepath.Join(t.TempDir(), "ledger")}
	ledger, err := check.OpenLedger(r.ledger)
	if err != nil {
		t.Fatal(err)
	}
	kube := fake.NewClientset()
	for _, pod := range pods {
		if err := kube.Tracker().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	ctx, end := context.WithCancel(t.Context())
	r.end = end
	r.fleet = &Fleet{cfg: Config{Ledger: ledger, Plan: Plan{Longest: time.Minute}}, kube: kube, ctx: ctx, gangs: gangs{known: map[string]*gang{}}}
	r.box = &machine{Fleet: r.fleet, instance: ec2fake.Instance{ID: "i-1"}, end: func() {}, runs: map[string]*run{}}
	return r
}

// runs are those in the ledger once nothing lives any more.
func (r *rig) runs() []check.Run {
	r.t.Helper()
	r.fleet.living.Wait()
	r.end()
	runs, err := check.ReadLedger(r.ledger)
	if err != nil {
		r.t.Fatal(err)
	}
	return runs
}

// newPod is a pod of a job that says itself how long it runs.
func newPod(uid, duration string, labels map[string]string) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name, pod.UID = "jobs", "pod-"+uid, apitypes.UID(uid)
	pod.Labels = map[string]string{batchmeta.JobID: "j", batchmeta.Attempt: "1"}
	maps.Copy(pod.Labels, labels)
	pod.Spec.Containers = []corev1.Container{{Name: "c", Env: []corev1.EnvVar{{Name: DurationVariable, Value: duration}}}}
	pod.Status.Phase = corev1.PodPending
	return pod
}

// deleted is the pod as it is when its end was asked for.
func deleted(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.DeletionTimestamp = new(metav1.NewTime(time.Now()))
	pod.Finalizers = []string{batchmeta.Tracking}
	return pod
}

func (r *rig) phase(pod *corev1.Pod) corev1.PodPhase {
	r.t.Helper()
	now, err := r.fleet.kube.CoreV1().Pods(pod.Namespace).Get(r.t.Context(), pod.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "gone"
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return now.Status.Phase
}

func wantRuns(t *testing.T, got []check.Run, want ...check.Run) {
	t.Helper()
	ignored := cmpopts.IgnoreFields(check.Run{}, "Start", "End", "Attempt", "Instance")
	if diff := cmp.Diff(want, got, ignored, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

func TestPodRunsAndItsEndIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pod := newPod("a", "3s", map[string]string{batchmeta.ArrayIndex: "4"})
		r := newRig(t, pod)
		r.box.changed(pod)
		time.Sleep(time.Second)
		if got := r.phase(pod); got != corev1.PodRunning {
			t.Errorf("after a second the pod is %s", got)
		}
		got := r.runs()
		_, exitCode := r.fleet.cfg.Plan.run(pod, attemptOf(pod))
		wantRuns(t, got, check.Run{UID: "a", How: check.Exited, ExitCode: exitCode, Reported: true})
		if d := got[0].End.Sub(got[0].Start); d != 3*time.Second || got[0].Part != (check.Part{Job: "j", Index: 4, Node: -1}) {
			t.Errorf("%v ran for %v", got[0].Part, d)
		}
	})
}

func TestPodThatIsDeletedIsKilledAndToldOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pod := newPod("a", "1h", nil)
		r := newRig(t, pod)
		r.box.changed(pod)
		time.Sleep(time.Second)
		r.box.changed(deleted(pod))
		wantRuns(t, r.runs(), check.Run{UID: "a", How: check.Killed, ExitCode: 137, Reported: true})
		if got := r.phase(pod); got != corev1.PodFailed {
			t.Errorf("the pod is %s", got)
		}
	})
}

// A status that was written again by a request that came late is put right, as a kubelet does.
func TestEndIsToldAgainToWhoForgotIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pod := newPod("a", "1s", nil)
		r := newRig(t, pod)
		r.box.changed(pod)
		time.Sleep(3 * time.Second)
		ended := r.phase(pod)
		running := pod.DeepCopy()
		running.Status.Phase = corev1.PodRunning
		if _, err := r.fleet.kube.CoreV1().Pods(pod.Namespace).UpdateStatus(t.Context(), running, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		r.box.changed(running)
		r.runs()
		if got := r.phase(pod); got != ended {
			t.Errorf("the pod is %s, want %s", got, ended)
		}
	})
}

func TestPodThatIsDeletedBeforeItBeganNeverRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pod := newPod("a", "1h", nil)
		r := newRig(t, pod)
		r.box.changed(deleted(pod))
		wantRuns(t, r.runs())
		if got := r.phase(pod); got != corev1.PodFailed {
			t.Errorf("the pod is %s", got)
		}
	})
}

func TestMachineThatEndsTellsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		running, ended := newPod("a", "1h", nil), newPod("b", "0s", map[string]string{batchmeta.Attempt: "2"})
		r := newRig(t, running, ended)
		r.box.changed(running)
		r.box.changed(ended)
		time.Sleep(time.Second)
		if got := r.box.pull(); !cmp.Equal(got, []string{"pod-a"}) {
			t.Errorf("%v ran", got)
		}
		r.box.changed(newPod("c", "1s", nil))
		got := r.runs()
		if len(got) != 2 {
			t.Fatalf("%d runs, want 2", len(got))
		}
		for _, e := range got {
			if want := map[string]string{"a": check.Lost, "b": check.Exited}[e.UID]; e.How != want || e.Reported != (want == check.Exited) {
				t.Errorf("%s %s, reported: %v", e.UID, e.How, e.Reported)
			}
		}
		if got := r.phase(running); got != corev1.PodRunning {
			t.Errorf("the pod of a machine that is gone is said to be %s", got)
		}
	})
}

func TestGangWorksOnceAllHaveStarted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		members int
		want    time.Duration // from the first start to the last end
		code    int
	}{
		"all come":     {members: 2, want: 11 * time.Second},
		"one does not": {members: 1, want: rendezvous, code: 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var pods []*corev1.Pod
				for i := range 2 {
					pod := newPod(string(rune('a'+i)), "1s", map[string]string{batchmeta.NodeIndex: string(rune('0' + i)), batchmeta.Gang: "g"})
					pod.Annotations = map[string]string{batchmeta.GangSize: "2"}
					pods = append(pods, pod)
				}
				r := newRig(t, pods...)
				for _, pod := range pods[:tc.members] {
					r.box.changed(pod)
					time.Sleep(10 * time.Second)
				}
				got := r.runs()
				last := got[len(got)-1]
				if d := last.End.Sub(got[0].Start).Truncate(time.Second); d != tc.want && d != tc.want-time.Second {
					t.Errorf("the gang ran for %v, want %v", d, tc.want)
				}
				if tc.code != 0 && last.ExitCode != tc.code {
					t.Errorf("exit code %d, want %d", last.ExitCode, tc.code)
				}
			})
		})
	}
}

func TestNodeIsReadyAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: r.box.instance.NodeName()}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
	if err := r.box.ready(t.Context()); err != nil {
		t.Fatal("a node that was deleted:", err)
	}
	if _, err := r.fleet.kube.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.box.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	node, err := r.fleet.kube.CoreV1().Nodes().Get(t.Context(), node.Name, metav1.GetOptions{})
	if err != nil || node.Status.Conditions[0].Status != corev1.ConditionTrue {
		t.Errorf("%+v, %v", node, err)
	}
}
