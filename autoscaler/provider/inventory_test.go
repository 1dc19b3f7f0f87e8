// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestReconcile(t *testing.T) {
	t.Parallel()
	t.Run("an instance that the fleet loses is gone after a while, with its node", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		w.grow(large, 2)
		w.register()
		w.fleet.Lose(w.nodes[0].Name)
		w.reconcile(time.Second)
		w.wantSizes(map[string]int{large: 2})
		w.reconcile(lostAfter)
		w.wantSizes(map[string]int{large: 1})
		if !cmp.Equal(w.deleted, []string{w.nodes[0].Name}) {
			t.Errorf("deleted nodes %v", w.deleted)
		}
	})
	t.Run("silence of the fleet changes nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		w.grow(large, 2)
		w.fleet.Fail(errors.New("no answer"))
		w.clock.Step(time.Hour)
		if err := w.Reconcile(t.Context()); err == nil {
			t.Error("Reconcile succeeded without a list")
		}
		w.wantSizes(map[string]int{large: 2})
	})
	t.Run("a dead node without an instance is deleted, a living one is not", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env())
		dead, living := nodeOf(fleet.Instance{ID: "dead", ProviderID: "x:///dead", NodeGroup: large}), nodeOf(fleet.Instance{ID: "living", ProviderID: "x:///living", NodeGroup: large})
		dead.Status.Conditions[0].Status = corev1.ConditionUnknown
		w.nodes = []*corev1.Node{dead, living}
		w.reconcile(time.Second)
		w.reconcile(strangerAfter)
		if !cmp.Equal(w.deleted, []string{"dead"}) {
			t.Errorf("deleted nodes %v", w.deleted)
		}
	})
	t.Run("after a restart instances are found, those of gone environments too", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, env(), env(func(e *computeenv.Environment) { e.Name, e.UUID, e.CapacityType = "old", "u-0", batchmeta.CapacitySpot }))
		w.grow(large, 1)
		w.grow("old.c5.xlarge.spot", 2)
		w.environments = w.environments[:1]
		w.restart(w.ledger)
		w.wantSizes(map[string]int{large: 1, "old.c5.xlarge.spot": 2})
		if got := w.usedVCPUs("u-0"); got != 8 {
			t.Errorf("%d vCPUs in use, want 8: the type is not listed any more, but its instances are there", got)
		}
		if _, err := w.group("old.c5.xlarge.spot").Grow(1, false, nil); err == nil {
			t.Error("grew a group of an environment that is gone")
		}
	})
}

func TestNodesAreToldWhichInstanceTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.grow(large, 1)
	w.register()
	id := w.nodes[0].Labels[batchmeta.InstanceID]
	delete(w.nodes[0].Labels, batchmeta.InstanceID)
	w.reconcile(time.Second)
	if got := w.nodes[0].Labels[batchmeta.InstanceID]; got != id || id == "" {
		t.Errorf("label = %q, want %q", got, id)
	}
}
