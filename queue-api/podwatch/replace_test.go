// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// newLossScene has a job of three nodes that runs, its main node being the second.
func newLossScene(t *testing.T, onLoss string) *gangScene {
	t.Helper()
	job := gangOf(3, 2)
	job.Tags = map[string]string{batchmeta.GangOnMemberLoss: onLoss}
	s := newGangScene(t, job)
	s.be(up, "p0", "p1", "p2")
	s.settle(t)
	s.want(t, isRunning, "", isRunning, isRunning, isRunning)
	return s
}

// loseHost has a node's host gone.
func (s *gangScene) loseHost(t *testing.T, name string) {
	t.Helper()
	s.be(disrupted(podIn(corev1.PodFailed, "n"), "DeletionByPodGC"), name)
	s.cluster.pods[name].DeletionTimestamp = &metav1.Time{Time: s.clock.Now()}
	s.settle(t)
}

func (s *gangScene) wantAttempt(t *testing.T, reason string) {
	t.Helper()
	if a := s.job(t).Attempts; len(a) != 1 || a[0].StatusReason != reason {
		t.Errorf("attempts %+v, want one that says %q", a, reason)
	}
}

// Contract 7.4: the main node alone decides.
func TestLostHostOfAnotherNodeIsItsOwn(t *testing.T) {
	t.Parallel()
	s := newLossScene(t, "")
	s.loseHost(t, "p2")
	s.want(t, isRunning, "", isRunning, isRunning, isFailed)
	s.wantStopped(t)
}

func TestLostHostRestartsAllNodes(t *testing.T) {
	t.Parallel()
	s := newLossScene(t, batchmeta.MemberLossRestart)
	s.loseHost(t, "p2")
	s.wantStopped(t, "p0", "p1")
	s.be(killed, "p0", "p1")
	s.settle(t)
	s.want(t, isRunnable, "", isFailed, isFailed, isFailed)
	s.wantAttempt(t, "Host EC2 (instance i-np2) terminated.")
}

func TestFailureOfAnotherNodeRestartsNothing(t *testing.T) {
	t.Parallel()
	s := newLossScene(t, batchmeta.MemberLossRestart)
	s.be(broken, "p2")
	s.settle(t)
	s.want(t, isRunning, "", isRunning, isRunning, isFailed)
	s.wantStopped(t)
}

func TestLostNodeIsReplaced(t *testing.T) {
	t.Parallel()
	s := newLossScene(t, batchmeta.MemberLossReplace)
	s.loseHost(t, "p2")
	s.want(t, isRunning, "", isRunning, isRunning, isRunnable)
	s.wantEnsured(t, true)
	if _, ok := s.cluster.pods["p2"]; ok {
		t.Error("the lost pod is held")
	}
	s.make(1, 2, "p2-r1")
	if again := s.settle(t); again != 5*time.Minute {
		t.Errorf("looked at again after %v", again)
	}
	s.wantEnsured(t, false)
	s.be(up, "p2-r1")
	s.settle(t)
	s.want(t, isRunning, "", isRunning, isRunning, isRunning)
	if n := s.job(t).Current.Nodes[2]; n.NodeName != "np2-r1" || n.InstanceID != "i-np2-r1" {
		t.Errorf("node %+v", n)
	}
	s.wantStopped(t)
	s.be(done, "p1")
	s.settle(t)
	s.want(t, isSucceeded, "Essential container in task exited", isSucceeded, isSucceeded, isSucceeded)
	s.wantStopped(t, "p0", "p2-r1")
}

// A pod that somebody deletes is as lost as one whose host is gone.
func TestDeletedNodeIsReplaced(t *testing.T) {
	t.Parallel()
	s := newLossScene(t, batchmeta.MemberLossReplace)
	s.cluster.pods["p0"].DeletionTimestamp = &metav1.Time{Time: s.clock.Now()}
	s.settle(t)
	s.want(t, isRunning, "", isRunning, isRunning, isRunning) // it still runs: no node may run twice at once
	s.be(killed, "p0")
	s.settle(t)
	s.want(t, isRunning, "", isRunnable, isRunning, isRunning)
	s.wantEnsured(t, true)
}

func TestReplacementThatIsDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newLossScene(t, batchmeta.MemberLossReplace)
	s.loseHost(t, "p2")
	s.wantEnsured(t, true)
	s.make(1, 2, "p2-r1")
	s.cluster.pods["p2-r1"].DeletionTimestamp = &metav1.Time{Time: s.clock.Now()}
	s.settle(t)
	if _, ok := s.cluster.pods["p2-r1"]; ok {
		t.Error("a deleted pod without a host is held")
	}
	s.settle(t)
	s.wantEnsured(t, true)
}

func TestNodeThatIsNotReplacedInTimeRestartsAllNodes(t *testing.T) {
	t.Parallel()
	s := newLossScene(t, batchmeta.MemberLossReplace)
	s.loseHost(t, "p0")
	s.make(1, 0, "p0-r1")
	s.clock.Step(5 * time.Minute)
	s.settle(t)
	s.wantStopped(t, "p0-r1", "p1", "p2")
	s.be(killed, "p1", "p2")
	s.settle(t)
	s.want(t, isRunnable, "", isFailed, isFailed, isFailed)
	s.wantAttempt(t, "Host EC2 (instance i-np0) terminated.")
}

// wantEnsured tells whether the dispatcher was to make pods since it was last asked.
func (s *gangScene) wantEnsured(t *testing.T, want bool) {
	t.Helper()
	if got := len(s.dispatcher.ensured) > 0; got != want {
		t.Errorf("pods are to be made: %v, want %v", got, want)
	}
	s.dispatcher.ensured = nil
}

// A job that is preempted is preempted whole, whatever it wants for the loss of a node, and does not use an attempt up.
func TestPreemptedNodesAreMadeAgain(t *testing.T) {
	t.Parallel()
	for _, onLoss := range []string{"", batchmeta.MemberLossRestart, batchmeta.MemberLossReplace} {
		s := newLossScene(t, onLoss)
		for _, name := range []string{"p2", "p0", "p1"} {
			s.be(disrupted(podIn(corev1.PodFailed, "n", terminated(143, "Error")), "PreemptionByScheduler"), name)
			s.cluster.pods[name].DeletionTimestamp = &metav1.Time{Time: s.clock.Now()}
			s.settle(t)
		}
		s.wantAttempt(t, "Job attempt preempted by work of higher priority")
		if job := s.job(t); !job.IsWaiting() || job.CountedAttempts() != 0 {
			t.Errorf("on loss %q: waiting %v after %d counted attempts", onLoss, job.IsWaiting(), job.CountedAttempts())
		}
	}
}
