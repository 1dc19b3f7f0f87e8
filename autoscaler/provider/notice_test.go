// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"errors"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const small = "env.c5.large.on-demand"

// newWorldOf is a world with instances that have nodes, and their ids.
func newWorldOf(t *testing.T, n int) (*world, []string) {
	t.Helper()
	w := newWorld(t, env())
	w.refresh()
	w.grow(small, n)
	w.register()
	var ids []string
	for _, n := range w.nodes {
		ids = append(ids, n.Labels[batchmeta.InstanceID])
	}
	return w, ids
}

func TestNodeOf(t *testing.T) {
	t.Parallel()
	w, ids := newWorldOf(t, 1)
	if node, known := w.NodeOf(ids[0]); node != ids[0] || !known {
		t.Errorf("node %q, known %v", node, known)
	}
	if _, known := w.NodeOf("i-of-another-cluster"); known {
		t.Error("an instance that is none of ours is known")
	}
	if err := w.group(small).DeleteNodes(w.nodes); err != nil {
		t.Fatal(err)
	}
	if _, known := w.NodeOf(ids[0]); known {
		t.Error("an instance that we ended is known")
	}
}

func TestAnInstanceThatIsGoneIsDroppedWithItsNode(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		stopped   bool
		wantEnded bool // by us
	}{
		"it was terminated": {},
		"it was stopped":    {stopped: true, wantEnded: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, ids := newWorldOf(t, 2)
			if err := w.Remove(t.Context(), ids[0], tc.stopped); err != nil {
				t.Fatal(err)
			}
			if n, _ := w.group(small).TargetSize(); n != 1 || !slices.Equal(w.deleted, ids[:1]) {
				t.Errorf("target size %d, deleted nodes %v", n, w.deleted)
			}
			listed, err := w.fleet.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ended := !slices.ContainsFunc(listed, func(i fleet.Instance) bool { return i.ID == ids[0] })
			if ended != tc.wantEnded {
				t.Errorf("ended by us: %v", ended)
			}
			if err := w.Remove(t.Context(), ids[0], tc.stopped); err != nil { // the message comes again
				t.Error(err)
			}
		})
	}
}

func TestAnInstanceWithoutANodeIsAbandoned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.refresh()
	w.grow(small, 1)
	listed, err := w.fleet.List(t.Context())
	if err != nil || len(listed) != 1 {
		t.Fatalf("listed %v, %v", listed, err)
	}
	w.Abandon(listed[0].ID)
	w.Wait()
	if left, err := w.fleet.List(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	w.Abandon(listed[0].ID) // again
	w.Wait()
}

func TestAnInstanceIsNotAbandonedUnderAPod(t *testing.T) {
	t.Parallel()
	w, ids := newWorldOf(t, 1)
	w.occupant = "jobs/p"
	w.Abandon(ids[0])
	w.Wait()
	if left, err := w.fleet.List(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAnInstanceThatLeaves(t *testing.T) {
	t.Parallel()
	t.Run("keeps its node until it is known to be gone", func(t *testing.T) {
		t.Parallel()
		w, ids := newWorldOf(t, 1)
		w.Leave(ids[0])
		w.fleet.Lose(ids[0])
		w.reconcile(time.Minute)
		w.reconcile(30 * time.Second)
		if len(w.deleted) != 0 {
			t.Errorf("deleted %v", w.deleted)
		}
		if node, known := w.NodeOf(ids[0]); node != ids[0] || !known {
			t.Errorf("node %q, known %v", node, known)
		}
	})
	t.Run("goes when nobody says that it is gone", func(t *testing.T) {
		t.Parallel()
		w, ids := newWorldOf(t, 1)
		w.Leave(ids[0])
		w.fleet.Lose(ids[0])
		w.reconcile(leavesWithin)
		if !slices.Equal(w.deleted, ids) {
			t.Errorf("deleted %v", w.deleted)
		}
	})
	t.Run("counts again if it stays after all", func(t *testing.T) {
		t.Parallel()
		w, ids := newWorldOf(t, 1)
		w.Leave(ids[0])
		if _, _, staying := w.group(small).Kept(nil); staying != 0 {
			t.Errorf("%d vCPUs stay", staying)
		}
		w.reconcile(leavesWithin)
		if _, _, staying := w.group(small).Kept(nil); staying != 2 {
			t.Errorf("%d vCPUs stay, want 2", staying)
		}
	})
}

func TestAMarkedNodeIsNoneOfThoseThatStay(t *testing.T) {
	t.Parallel()
	w, _ := newWorldOf(t, 2)
	w.nodes[0].Spec.Taints = []corev1.Taint{{Key: batchmeta.Interruption, Effect: corev1.TaintEffectNoSchedule}}
	w.refresh()
	if _, _, staying := w.group(small).Kept(nil); staying != 2 {
		t.Errorf("%d vCPUs stay, want 2 of 4", staying)
	}
}

func TestANodeThatCannotBeDeletedKeepsItsInstance(t *testing.T) {
	t.Parallel()
	w, ids := newWorldOf(t, 1)
	w.broken = errors.New("the API server is down")
	if err := w.Remove(t.Context(), ids[0], false); err == nil {
		t.Error("no error")
	}
	if _, known := w.NodeOf(ids[0]); !known {
		t.Error("the message will find nobody when it comes again")
	}
}
