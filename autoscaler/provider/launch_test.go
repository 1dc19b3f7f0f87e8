// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

func TestLaunchGoesThroughPlaceholders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	release := w.fleet.Hold()
	if _, err := w.group(large).Grow(2, false, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := w.group(large).Nodes()
	for _, i := range before {
		ng, err := w.NodeGroupForNode(&corev1.Node{Spec: corev1.NodeSpec{ProviderID: i.Id}})
		if i.Status.State != cloudprovider.InstanceCreating || err != nil || ng == nil || ng.Id() != large {
			t.Errorf("placeholder %+v of group %v, %v", i, ng, err)
		}
	}
	w.wantSizes(map[string]int{large: 2})
	release()
	w.Wait()
	after, _ := w.group(large).Nodes()
	if len(after) != 2 || after[0].Status.State != cloudprovider.InstanceRunning || after[0].Id == before[0].Id {
		t.Errorf("instances after the launch: %+v", after)
	}
	w.wantSizes(map[string]int{large: 2})
}

func TestFailedLaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.fleet.SetStock("c5.large", 1)
	w.grow(large, 3)
	var failures int
	nodes, _ := w.group(large).Nodes()
	for _, i := range nodes {
		info := i.Status.ErrorInfo
		if info == nil {
			continue
		}
		failures++
		if info.ErrorClass != cloudprovider.OutOfResourcesErrorClass || info.ErrorCode != string(fleet.NoCapacity) || i.Status.State != cloudprovider.InstanceCreating {
			t.Errorf("failed instance %+v", i)
		}
		if err := w.group(large).DeleteNodes([]*corev1.Node{{Spec: corev1.NodeSpec{ProviderID: i.Id}}}); err != nil {
			t.Errorf("drop a failed instance: %v", err)
		}
	}
	w.wantSizes(map[string]int{large: 1})
	if failures != 2 || len(w.failures) != 1 || w.failures[0].Missing != 2 || !cmp.Equal(w.failures[0].Demands, []string{"demand"}) {
		t.Errorf("%d failed instances, told %+v", failures, w.failures)
	}
}

// Who wants to know is told of launches and of nodes, and what they are for, once.
func TestLaunchesAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	var launched, joined []Launched
	w.cfg.Launched = func(l Launched) { launched = append(launched, l) }
	w.cfg.Joined = func(l Launched) { joined = append(joined, l) }
	w.fleet.SetStock("c5.large", 1)
	w.grow(large, 2)
	if len(launched) != 1 || launched[0].Err == nil || !cmp.Equal(launched[0].Demands, []string{"demand"}) || launched[0].NodeGroup != large {
		t.Errorf("told of launches: %+v", launched)
	}
	w.register()
	w.refresh()
	if len(joined) != 1 || !cmp.Equal(joined[0].Demands, []string{"demand"}) || joined[0].Until.Before(joined[0].Since) {
		t.Errorf("told of nodes: %+v", joined)
	}
}
