// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/testutil"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// spotEnv is an environment of Spot instances of c5.large, m5.large and c5.xlarge.
func spotEnv(strategy string) *computeenv.Environment {
	return env(func(e *computeenv.Environment) {
		types, err := instancetype.Builtin().Resolve([]string{"m5.large", "c5.large", "c5.xlarge"})
		if err != nil {
			panic(err)
		}
		e.InstanceTypes, e.Types = []string{"m5.large", "c5"}, types
		e.Strategy, e.CapacityType = strategy, batchmeta.CapacitySpot
	})
}

const class, narrow = "env.2vcpu-4gib.spot", "env.c5.large.spot"

func TestKindsFollowTheStrategy(t *testing.T) {
	t.Parallel()
	alone := []string{"env.m5.large.spot", "env.c5.large.spot", "env.c5.xlarge.spot"}
	classes := []string{"env.2vcpu-4gib.spot", "env.m5.large.spot", "env.c5.xlarge.spot", "env.c5.large.spot"}
	for strategy, want := range map[string][]string{
		computeenv.BestFit: alone, "BEST_FIT_PROGRESSIVE": alone,
		computeenv.SpotCapacityOptimized: classes, computeenv.SpotCapacityOptimizedPrioritized: classes, computeenv.SpotPriceCapacityOptimized: classes,
	} {
		w := newWorld(t, spotEnv(strategy))
		if diff := cmp.Diff(want, w.ids()); diff != "" {
			t.Errorf("%s: groups mismatch (-want +got):\n%s", strategy, diff)
		}
		var offered []string
		for _, o := range w.Markets()[0].Offers {
			if o.Narrow {
				offered = append(offered, o.Group.Id())
			}
		}
		if wantNarrow := want[len(alone):]; len(offered) != len(wantNarrow) || len(offered) > 0 && offered[0] != narrow {
			t.Errorf("%s: narrow offers %v, want %v", strategy, offered, wantNarrow)
		}
	}
	demand := spotEnv(computeenv.SpotCapacityOptimized)
	demand.CapacityType = batchmeta.CapacityOnDemand
	if demand.MixesTypes() {
		t.Error("types of On-Demand instances are mixed")
	}
}

func TestALaunchOfAClassNamesItsTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, spotEnv(computeenv.SpotPriceCapacityOptimized))
	w.fleet.SetStock("m5.large", 1)
	w.grow(class, 2)
	r := w.fleet.Launches()[0]
	if got := instancetype.Names(r.Types); got != "m5.large, c5.large" || r.Type.Name != "2vcpu-4gib" || r.Type.MemoryMiB != 4096 {
		t.Errorf("launched %s of %+v", got, r.Type)
	}
	if label, promised := r.Labels[corev1.LabelInstanceTypeStable]; promised {
		t.Errorf("the instance type %s is promised", label)
	}
	w.wantSizes(map[string]int{class: 2})
	w.fleet.SetStock("c5.large", 0)
	w.grow(class, 1)
	if len(w.failures) != 1 || w.failures[0].InstanceType != "m5.large, c5.large" {
		t.Errorf("told %+v", w.failures)
	}
}

func TestInstancesOfAClassAreFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, spotEnv(computeenv.SpotPriceCapacityOptimized))
	w.fleet.SetStock("m5.large", 1)
	w.grow(class, 2)
	w.restart(w.ledger)
	w.wantSizes(map[string]int{class: 2})
	w.environments = []*computeenv.Environment{env(func(e *computeenv.Environment) { e.Name, e.UUID = "other", "u-9" })}
	w.restart(w.ledger) // nobody knows the class any more
	w.wantSizes(map[string]int{"env.2vcpu-4gib.spot": 2})
	w.mu.Lock()
	used := w.usedVCPUs("u-1")
	w.mu.Unlock()
	if used != 4 {
		t.Errorf("%d vCPUs are in use, want 4", used)
	}
}

func TestReplayOfALaunchOfAClass(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string]int{"2vcpu-4gib": {class: 2}, "c5.large": {narrow: 2}, "8vcpu-4gib": {}} {
		w := newWorld(t, spotEnv(computeenv.SpotCapacityOptimized))
		e := Entry{Token: "muster-x", Count: 2, EnvironmentUUID: "u-1", InstanceType: name, CapacityType: "spot", At: w.clock.Now()}
		if err := w.ledger.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		w.restart(w.ledger)
		w.Wait()
		w.wantSizes(want)
	}
}

func TestANodeOfAClassIsDrawnAsTheLeastOfItsTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, spotEnv(computeenv.SpotPriceCapacityOptimized))
	drawn := func() corev1.ResourceList {
		info, err := w.group(class).TemplateNodeInfo()
		if err != nil {
			t.Fatal(err)
		}
		return info.Node().Status.Allocatable
	}
	before := drawn()
	w.grow(class, 2)
	w.register()
	observe := func(memory ...string) {
		for i, m := range memory {
			list := before.DeepCopy()
			list[corev1.ResourceMemory] = resource.MustParse(m)
			w.nodes[i].Status.Allocatable, w.nodes[i].Status.Capacity = list, list
		}
		w.clock.Step(time.Second)
		w.refresh()
	}
	observe("7Gi", "6Gi") // m5.large has more than c5.large
	if got := drawn()[corev1.ResourceMemory]; got.Cmp(before[corev1.ResourceMemory]) != 0 {
		t.Errorf("memory = %s, though c5.large has less", got.String())
	}
	for _, memory := range [][]string{{"7Gi", "2Gi"}, {"2Gi", "7Gi"}} {
		observe(memory...)
		if got := drawn()[corev1.ResourceMemory]; got.String() != "2Gi" {
			t.Errorf("memory = %s, want the 2Gi that a node was seen to have", got.String())
		}
	}
}

func TestWhatInstancesCost(t *testing.T) {
	t.Parallel()
	e := spotEnv(computeenv.SpotPriceCapacityOptimized)
	e.Types[0].SpotPricePerHour = 0.03
	w := newWorld(t, e)
	w.fleet.SetStock("m5.large", 1)
	w.grow(class, 2)
	cost := func(i *instance) float64 {
		w.mu.Lock()
		defer w.mu.Unlock()
		return i.cost()
	}
	got := map[string]float64{}
	for _, i := range w.instances {
		got[i.instanceType] = cost(i)
	}
	want := map[string]float64{"m5.large": 0.03, "c5.large": e.Types[1].PricePerHour} // the most that it may be
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("prices mismatch (-want +got):\n%s", diff)
	}
	for _, i := range w.instances {
		i.note(&fleet.Instance{PricePerHour: 0.01})
		if i.cost() != 0.01 || i.instanceType == "" {
			t.Errorf("instance of %s costs %v, want what the fleet says", i.instanceType, i.cost())
		}
	}
}

func TestMetricsOfMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, spotEnv(computeenv.SpotPriceCapacityOptimized))
	w.grow(class, 2)
	w.refresh()
	registry := metrics.NewKubeRegistry()
	w.cfg.Metrics.Register(registry.MustRegister)
	w.refresh()
	want := strings.NewReader(`
# HELP batch_autoscaler_instance_vcpus [ALPHA] vCPUs of the instances that there are.
# TYPE batch_autoscaler_instance_vcpus gauge
batch_autoscaler_instance_vcpus{capacity_type="spot",compute_environment="env"} 4
# HELP batch_autoscaler_price_per_hour [ALPHA] What the instances that there are cost an hour, in the currency of the fleet's prices: US dollars, in China yuan. Those of unknown price count as nothing.
# TYPE batch_autoscaler_price_per_hour gauge
batch_autoscaler_price_per_hour{capacity_type="spot",compute_environment="env"} 0.192
`)
	if err := testutil.GatherAndCompare(registry, want, "batch_autoscaler_instance_vcpus", "batch_autoscaler_price_per_hour"); err != nil {
		t.Error(err)
	}
}
