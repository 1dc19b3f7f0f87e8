// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// FuzzAnnotations lets a pod claim anything of its gang, beside one that is well: nothing panics, what is read makes sense,
// and no order has two pods before each other.
func FuzzAnnotations(f *testing.F) {
	f.Add("g", "2", "1", "restart", "zone", "", "007", "", uint8(3))
	f.Add("", "-1", "99999999999", "replace", "", "a/b/c", "x", "pg", uint8(0))
	f.Fuzz(func(t *testing.T, name, size, least, onLoss, required, preferred, rank, podGroup string, what uint8) {
		pod := member("odd", size, least)
		pod.Labels[batchmeta.Gang], pod.Labels[batchmeta.PodGroup] = name, podGroup
		if what&1 != 0 {
			delete(pod.Labels, batchmeta.Gang)
		}
		maps.Copy(pod.Annotations, map[string]string{
			batchmeta.GangOnMemberLoss: onLoss, batchmeta.GangTopologyRequired: required, batchmeta.GangTopologyPreferred: preferred,
			batchmeta.Rank: rank,
		})
		if spec, err := gang.SpecOf(pod); err == nil && (spec.Min < 1 || spec.Min > spec.Size) {
			t.Errorf("read %+v", spec)
		}
		well := member("well", "2", "")
		comeAndGo(t, pod, well, what)
	})
}

// comeAndGo lets both pods come and go.
func comeAndGo(t *testing.T, pod, well *corev1.Pod, what uint8) {
	t.Helper()
	ledger := gang.NewLedger()
	for _, p := range []*corev1.Pod{pod, well} {
		p.UID = types.UID(p.Name)
		ledger.Observe(p)
		_ = ledger.Obstacle(p)
	}
	if a, b := ledger.Order(pod), ledger.Order(well); a.Before(b) && b.Before(a) {
		t.Errorf("%+v and %+v are before each other", a, b)
	}
	if what&2 != 0 {
		bound := pod.DeepCopy()
		bound.Spec.NodeName = "n"
		ledger.Observe(bound)
	}
	if key, ok := gang.KeyOf(pod); ok {
		if members := ledger.Members(key); len(members) == 0 {
			t.Errorf("%v has no members", key)
		}
	}
	ledger.Forget(pod.UID)
	ledger.Forget(well.UID)
	if key, ok := gang.KeyOf(pod); ok && ledger.Exists(key) {
		t.Errorf("%v exists without members", key)
	}
}
