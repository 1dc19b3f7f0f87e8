// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// newChoiceRig is a rig over EC2 whose environment has several types to choose from.
func newChoiceRig(t *testing.T, kind types.CRType, strategy types.CRAllocationStrategy, names ...string) (*rig, *ec2fake.Cloud) {
	t.Helper()
	r, cloud := newEC2Rig(t, kind)
	r.api.environments[0].ComputeResources.AllocationStrategy = strategy
	r.api.environments[0].ComputeResources.InstanceTypes = names
	r.restart()
	return r, cloud
}

func bought(cloud *ec2fake.Cloud) map[string]int {
	out := map[string]int{}
	for _, i := range cloud.Instances() {
		out[i.Type]++
	}
	return out
}

func TestEC2ChoosesAmongTypesThatAreAlike(t *testing.T) {
	t.Parallel()
	r, cloud := newChoiceRig(t, types.CRTypeSpot, types.CRAllocationStrategySpotPriceCapacityOptimized, "c5.xlarge", "m5.xlarge", "r5.xlarge", "c5.4xlarge")
	cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 1)
	cloud.SetStock(ec2fake.Pool{Type: "m5.xlarge"}, 1)
	cloud.SetStock(ec2fake.Pool{Type: "r5.xlarge"}, 1)
	r.pods("a", "b", "c", "d", "e", "f", "g") // 3 fit on a node
	r.loops("three nodes", func() bool { return len(r.nodeNames()) == 3 })
	r.loop(5)
	if diff := cmp.Diff(map[string]int{"c5.xlarge": 1, "m5.xlarge": 1, "r5.xlarge": 1}, bought(cloud)); diff != "" {
		t.Errorf("instances mismatch (-want +got):\n%s", diff)
	}
	if got := cloud.Calls("CreateFleet"); got != 1 {
		t.Errorf("%d calls of CreateFleet, want 1", got)
	}
	for _, name := range r.nodeNames() {
		node, err := r.client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || bought(cloud)[node.Labels[corev1.LabelInstanceTypeStable]] != 1 {
			t.Errorf("labels of the node: %v, %v", node.Labels, err)
		}
	}
}

func TestAPodThatInsistsOnATypeGetsIt(t *testing.T) {
	t.Parallel()
	r, cloud := newChoiceRig(t, types.CRTypeSpot, types.CRAllocationStrategySpotCapacityOptimized, "c5.xlarge", "m5.xlarge")
	r.create(pod("a", func(p *corev1.Pod) {
		p.Labels[batchmeta.Shape], p.Spec.NodeSelector[corev1.LabelInstanceTypeStable] = "of c5.xlarge", "c5.xlarge"
	}))
	r.pods("b", "c", "d")
	r.loops("two nodes", func() bool { return len(r.nodeNames()) == 2 })
	r.loop(5)
	groups := map[string]int{}
	for _, name := range r.nodeNames() {
		node, err := r.client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		groups[node.Labels[batchmeta.NodeGroup]]++
	}
	if diff := cmp.Diff(map[string]int{"env.c5.xlarge.spot": 1, "env.4vcpu-8gib.spot": 1}, groups); diff != "" {
		t.Errorf("nodes by group mismatch (-want +got):\n%s", diff)
	}
	if got := cloud.Calls("CreateFleet"); got != 2 {
		t.Errorf("%d calls of CreateFleet, want 2", got)
	}
}

func TestMemoryThatFewTypesHaveIsAskedOfThose(t *testing.T) {
	t.Parallel()
	r, cloud := newChoiceRig(t, types.CRTypeSpot, types.CRAllocationStrategySpotCapacityOptimized, "c5.xlarge", "m5.xlarge", "r5.xlarge")
	r.create(pod("a", func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests[corev1.ResourceMemory] = resource.MustParse("20Gi")
	}))
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	if diff := cmp.Diff(map[string]int{"r5.xlarge": 1}, bought(cloud)); diff != "" {
		t.Errorf("instances mismatch (-want +got):\n%s", diff)
	}
}

func TestBestFitWaitsForItsType(t *testing.T) {
	t.Parallel()
	r, cloud := newChoiceRig(t, types.CRTypeEc2, types.CRAllocationStrategyBestFit, "m5.xlarge", "c5.xlarge")
	cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 0)
	r.pods("a")
	r.loops("a launch", func() bool { return cloud.Calls("CreateFleet") > 0 })
	r.elapse(r.options.InitialBackoff)
	r.loops("another launch", func() bool { return cloud.Calls("CreateFleet") > 1 })
	if got := bought(cloud); len(got) > 0 {
		t.Errorf("bought %v", got)
	}
	cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 1)
	r.elapse(4 * r.options.InitialBackoff)
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
}

// asking is what EC2 was asked, and when.
type asking struct {
	mu    sync.Mutex
	calls []call
}

type call struct {
	at          time.Time
	asked, lack []ec2fake.Pool
}

// TestTheNextChoiceIsTriedAtOnce runs stock-outs in random pools. Whatever the strategy but BEST_FIT, each launch that falls
// short is followed by the next choice within a second, no pool is asked within 5 seconds of its last shortage, and a pod
// gets a node if any pool of any type has one.
func TestTheNextChoiceIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	names := []string{"c5.xlarge", "m5.xlarge", "r5.xlarge", "c6i.xlarge", "c5.2xlarge", "m5.2xlarge", "c6i.4xlarge"}
	for seed := range uint64(24) {
		strategies := []types.CRAllocationStrategy{
			types.CRAllocationStrategyBestFitProgressive, types.CRAllocationStrategySpotCapacityOptimized,
			types.CRAllocationStrategySpotPriceCapacityOptimized, "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
		}
		strategy := strategies[seed%4]
		t.Run(fmt.Sprintf("%s %d", strategy, seed), func(t *testing.T) {
			t.Parallel()
			kind := types.CRTypeSpot
			if strategy == types.CRAllocationStrategyBestFitProgressive && seed%8 == 0 {
				kind = types.CRTypeEc2
			}
			r, cloud := newChoiceRig(t, kind, strategy, names...)
			checkChoices(t, r, cloud, names, rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

func checkChoices(t *testing.T, r *rig, cloud *ec2fake.Cloud, names []string, random *rand.Rand) {
	t.Helper()
	left := 0
	for _, name := range names {
		for _, zone := range []string{"us-east-1a", "us-east-1b", "us-east-1c"} {
			n := 0
			if random.IntN(25) == 0 {
				n = 1
			}
			left += n
			cloud.SetStock(ec2fake.Pool{Type: name, Zone: zone}, n)
		}
	}
	log := &asking{}
	cloud.OnAsked(func(asked, short []ec2fake.Pool) {
		log.mu.Lock()
		defer log.mu.Unlock()
		log.calls = append(log.calls, call{r.clock.Now(), asked, short})
	})
	r.pods("a")
	began := r.clock.Now()
	for range 100 { // two seconds, at the pace of the loop
		r.beat(debounce)
		if len(r.nodeNames()) > 0 {
			break
		}
	}
	if took := r.clock.Since(began); len(r.nodeNames()) != min(left, 1) || left > 0 && took > time.Second {
		t.Errorf("%d nodes after %v, with %d machines left", len(r.nodeNames()), took, left)
	}
	for range 60 {
		r.beat(500 * time.Millisecond)
	}
	log.check(t)
}

// beat is a loop after d, as soon as what was launched has been answered.
func (r *rig) beat(d time.Duration) {
	r.Helper()
	r.clock.Step(d)
	_ = r.reader.Read(r.Context())
	if err := r.runOnce(r.clock.Now()); err != nil {
		r.Logf("loop: %v", err)
	}
	r.provider.Wait()
}

// check makes sure that no pool was asked before its time.
func (a *asking) check(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	short := map[ec2fake.Pool]time.Time{}
	for _, c := range a.calls {
		for _, p := range c.asked {
			if at, known := short[p]; known && c.at.Sub(at) < 5*time.Second {
				t.Errorf("%v was asked %v after it was short", p, c.at.Sub(at))
			}
		}
		for _, p := range c.lack {
			short[p] = c.at
		}
	}
	t.Logf("%d calls, %d pools short", len(a.calls), len(short))
}
