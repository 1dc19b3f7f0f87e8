// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/autoscaler/cluster-autoscaler/config"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batch"
)

func TestGroupsFollowEnvironments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	if diff := cmp.Diff([]string{large, xlarge}, w.ids()); diff != "" {
		t.Errorf("groups mismatch (-want +got):\n%s", diff)
	}
	w.grow(large, 1)
	w.environments = []*computeenv.Environment{env(func(e *computeenv.Environment) { e.Types = e.Types[1:] })}
	w.refresh()
	if _, err := w.group(large).Grow(1, false, nil); err == nil {
		t.Error("a type that the environment dropped can still be bought")
	}
	if diff := cmp.Diff(map[string]int{large: 1}, w.sizes()); diff != "" {
		t.Errorf("a group with instances went (-want +got):\n%s", diff)
	}
	w.environments = []*computeenv.Environment{env(func(e *computeenv.Environment) { e.UUID = "u-2" })}
	w.refresh()
	want := []string{large, xlarge, large + "~u-1"}
	if diff := cmp.Diff(want, w.ids()); diff != "" {
		t.Errorf("groups after the environment was made anew (-want +got):\n%s", diff)
	}
}

func TestGroupIDIsALabelValue(t *testing.T) {
	t.Parallel()
	if got := GroupID("env", "c5.large", "spot"); got != "env.c5.large.spot" {
		t.Errorf("GroupID = %s", got)
	}
	long := strings.Repeat("a-", 60)
	one, other := GroupID(long+"1", "u-12tb1.112xlarge", "on-demand"), GroupID(long+"2", "u-12tb1.112xlarge", "on-demand")
	if errs := validation.IsValidLabelValue(one); len(errs) > 0 || one == other {
		t.Errorf("GroupID of long names = %s, %s: %v", one, other, errs)
	}
}

func TestSizesAreBoundByMaxvCpus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.grow(large, 3)  // 6 vCPUs
	w.grow(xlarge, 1) // 10 vCPUs
	if got := []int{w.group(large).MaxSize(), w.group(xlarge).MaxSize()}; !cmp.Equal(got, []int{6, 2}) {
		t.Errorf("MaxSize = %v, want [6 2]", got)
	}
	if _, err := w.group(large).Grow(4, false, nil); err == nil {
		t.Error("grew beyond maxvCpus")
	}
	w.environments[0].MaxvCPUs = 4
	if got := w.group(large).MaxSize(); got != 3 {
		t.Errorf("MaxSize = %d with more than maxvCpus in use, want the 3 that exist", got)
	}
}

func TestOneInstanceBeyondMaxvCpusIfNoneFitsWithin(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		strategy string
		want     bool
	}{
		"progressive": {strategy: "BEST_FIT_PROGRESSIVE", want: true},
		"best fit":    {strategy: computeenv.BestFit},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env(func(e *computeenv.Environment) { e.MaxvCPUs, e.Strategy = 3, tc.strategy }))
			if _, err := w.group(xlarge).Grow(2, false, nil); err == nil {
				t.Error("two instances beyond maxvCpus")
			}
			_, err := w.group(xlarge).Grow(1, false, nil)
			if (err == nil) != tc.want {
				t.Errorf("one instance beyond maxvCpus: %v", err)
			}
			w.Wait()
			if _, err := w.group(xlarge).Grow(1, false, nil); err == nil {
				t.Error("another one beyond maxvCpus")
			}
		})
	}
}

func TestForeignNodesHaveNoGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	for _, id := range []string{"", "aws:///us-east-1a/i-1"} {
		if ng, err := w.NodeGroupForNode(&corev1.Node{Spec: corev1.NodeSpec{ProviderID: id}}); ng != nil || err != nil {
			t.Errorf("NodeGroupForNode(%q) = %v, %v", id, ng, err)
		}
	}
}

func TestTemplateIsWhatNodesReallyLookLike(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	cpu := func() int64 {
		info, err := w.group(large).TemplateNodeInfo()
		if err != nil {
			t.Fatal(err)
		}
		return info.Node().Status.Allocatable.Cpu().MilliValue()
	}
	if got := cpu(); got != 1930 {
		t.Errorf("allocatable CPU = %d by the type, want 1930", got)
	}
	w.grow(large, 1)
	w.register()
	list := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1500m"), corev1.ResourceMemory: resource.MustParse("1Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Gi"), corev1.ResourcePods: resource.MustParse("10"),
	}
	w.nodes[0].Status.Allocatable, w.nodes[0].Status.Capacity = list, list
	w.refresh()
	if got := cpu(); got != 1500 {
		t.Errorf("allocatable CPU = %d as observed, want 1500", got)
	}
	w.clock.Step(observedFor + time.Second)
	if got := cpu(); got != 1930 {
		t.Errorf("allocatable CPU = %d after a while without nodes, want 1930", got)
	}
}

func TestScaleDownDelayOfAGroup(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*computeenv.Environment)
		want   time.Duration
	}{
		"the default":                {change: func(*computeenv.Environment) {}, want: time.Minute},
		"the environment's own":      {change: func(e *computeenv.Environment) { e.ScaleDownDelay = 20 * time.Minute }, want: 20 * time.Minute},
		"none when it is being left": {change: func(e *computeenv.Environment) { e.Status = batch.ResourceDeleting }, want: 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env(tc.change))
			got, err := w.group(large).GetOptions(config.NodeGroupAutoscalingOptions{ScaleDownUnneededTime: time.Minute})
			if err != nil || got.ScaleDownUnneededTime != tc.want {
				t.Errorf("GetOptions = %+v, %v", got, err)
			}
		})
	}
}

func TestNodeOfAGPUTypeWaitsForItsGPUs(t *testing.T) {
	t.Parallel()
	types, err := instancetype.Builtin().Resolve([]string{"g4dn.xlarge"})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, env(func(e *computeenv.Environment) { e.Types = types }))
	w.grow("env.g4dn.xlarge.on-demand", 1)
	w.register()
	r := GPUReadiness{Provider: w.Provider}
	all, ready := r.FilterOutNodesWithUnreadyResources(nil, w.nodes, w.nodes, nil)
	if len(ready) != 0 || all[0].Status.Conditions[0].Status != corev1.ConditionFalse {
		t.Errorf("without GPUs: ready %v, all %+v", ready, all[0].Status.Conditions)
	}
	w.nodes[0].Status.Allocatable = corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")}
	if _, ready = r.FilterOutNodesWithUnreadyResources(nil, w.nodes, w.nodes, nil); len(ready) != 1 {
		t.Error("with GPUs: not ready")
	}
}
