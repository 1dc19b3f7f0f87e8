// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const testTimeout = 10 * time.Minute

// stage is a keeper over a cluster that the test changes.
type stage struct {
	*keeper
	ledger *gang.Ledger
	clk    *testingclock.FakeClock
	nodes  cache.Indexer
	pods   cache.Indexer
	woken  []string
}

func newStage(tb testing.TB, nodes ...*corev1.Node) *stage {
	tb.Helper()
	s := &stage{
		ledger: gang.NewLedger(), clk: testingclock.NewFakeClock(start),
		nodes: cache.NewIndexer(cache.MetaNamespaceKeyFunc, nil), pods: cache.NewIndexer(cache.MetaNamespaceKeyFunc, nil),
	}
	for _, node := range nodes {
		_ = s.nodes.Add(node)
	}
	h := newHolds(s.clk, func(pods map[string]*corev1.Pod) { s.woken = slices.AppendSeq(s.woken, maps.Keys(pods)) })
	s.keeper = newKeeper(s.ledger, h, &forecaster{
		nodes: corelisters.NewNodeLister(s.nodes), pods: corelisters.NewPodLister(s.pods), profile: batchmeta.SchedulerName, holds: h,
	}, s.clk, testTimeout)
	return s
}

// machine returns a node with that many CPUs, of a compute environment if that is not empty.
func machine(name string, cpus int, environment string) *corev1.Node {
	n := st.MakeNode().Name(name).Capacity(map[corev1.ResourceName]string{
		corev1.ResourceCPU: strconv.Itoa(cpus), corev1.ResourcePods: "20",
	})
	if environment != "" {
		n.Label(batchmeta.ComputeEnvironmentUUID, environment)
	}
	return n.Obj()
}

// run puts a pod on a node, since the start of the test. It ends after so many seconds at most; nobody knows when, if that
// is 0.
func (s *stage) run(name, node string, cpus, seconds int) {
	pod := ranked(name, 0, cpus, seconds)
	pod.Spec.NodeName, pod.Spec.SchedulerName = node, batchmeta.SchedulerName
	pod.Status.StartTime = &metav1.Time{Time: start}
	_ = s.pods.Add(pod)
}

// end takes a pod away.
func (s *stage) end(name string) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_ = s.pods.Delete(pod)
}

// wait makes a gang of members of so many CPUs, which waits.
func (s *stage) wait(name string, rank, size, cpus int, environment string) []*corev1.Pod {
	members := make([]*corev1.Pod, size)
	for i := range members {
		pod := ranked(name+"-"+strconv.Itoa(i), rank, cpus, 0)
		pod.Labels = map[string]string{batchmeta.Gang: name}
		pod.Annotations[batchmeta.GangSize] = strconv.Itoa(size)
		if environment != "" {
			pod.Spec.NodeSelector = map[string]string{batchmeta.ComputeEnvironmentUUID: environment}
		}
		members[i] = pod
	}
	for _, pod := range members {
		s.ledger.Observe(pod)
	}
	return members
}

// leave takes a gang away.
func (s *stage) leave(members []*corev1.Pod) {
	for _, pod := range members {
		s.ledger.Forget(pod.UID)
	}
}

// kept describes the rooms: who gets how many CPUs where, and until when others may use them.
func (s *stage) kept() []string {
	var list []string
	for _, h := range s.holds.all() {
		until := "?"
		if !h.until.IsZero() {
			until = h.until.Sub(start).String()
		}
		for _, node := range slices.Sorted(maps.Keys(h.rooms)) {
			r := h.rooms[node]
			list = append(list, fmt.Sprintf("%s: %d on %s by %s", h.id.holder.gang.Name, r.kept.MilliCPU/1000, node, until))
		}
	}
	return list
}

func (s *stage) wantKept(t *testing.T, when string, want ...string) {
	t.Helper()
	s.runOnce(t.Context())
	if diff := cmp.Diff(want, s.kept()); diff != "" {
		t.Errorf("%s: rooms (-want +got):\n%s", when, diff)
	}
}

func TestRoomIsKeptForTheGangThatIsNext(t *testing.T) {
	t.Parallel()
	s := newStage(t, machine("a", 4, ""), machine("b", 4, ""))
	s.wantKept(t, "nobody waits")
	s.run("p", "a", 4, 100)
	big := s.wait("big", 5, 2, 4, "")
	s.wantKept(t, "a gang waits", "big: 4 on a by 1m40s", "big: 4 on b by 1m40s")
	better := s.wait("better", 3, 2, 3, "")
	s.wantKept(t, "a better one comes", "better: 3 on a by 1m40s", "better: 3 on b by 1m40s")
	s.leave(better)
	s.wantKept(t, "it goes", "big: 4 on a by 1m40s", "big: 4 on b by 1m40s")
	s.end("p")
	s.wantKept(t, "there is room")
	s.run("q", "a", 4, 0)
	s.wantKept(t, "it is taken", "big: 4 on a by ?", "big: 4 on b by ?")
	s.leave(big)
	s.wantKept(t, "the gang goes")
}

func TestEachPoolHasANextGang(t *testing.T) {
	t.Parallel()
	s := newStage(t, machine("a", 4, "x"), machine("b", 4, "y"))
	s.run("p", "a", 2, 100)
	s.run("q", "b", 3, 200)
	s.wait("on-x", 5, 1, 4, "x")
	s.wait("on-x-too", 6, 1, 3, "x")
	s.wait("on-y", 7, 2, 2, "y")
	s.wait("anywhere", 8, 2, 1, "")
	s.wantKept(t, "all wait", "on-x: 4 on a by 1m40s", "on-y: 4 on b by 3m20s")
}

func TestGangLargerThanItsPoolGetsNoRoom(t *testing.T) {
	t.Parallel()
	s := newStage(t, machine("a", 4, ""), machine("b", 4, ""))
	s.run("p", "a", 1, 100)
	s.run("q", "b", 1, 50)
	service := ranked("r", 0, 1, 0)
	service.Spec.NodeName, service.Spec.SchedulerName = "b", "default-scheduler"
	_ = s.pods.Add(service)
	s.wait("larger", 1, 3, 3, "")
	s.wait("beside-a-service", 2, 2, 4, "")
	s.wait("next", 3, 1, 4, "")
	s.wantKept(t, "all wait", "next: 4 on a by 1m40s")
}

func TestTurnIsBoundedAndTheNextGetsItsChance(t *testing.T) {
	t.Parallel()
	s := newStage(t, machine("a", 4, ""), machine("b", 4, ""))
	s.run("p", "a", 1, 0)
	s.wait("first", 1, 2, 4, "")
	s.wait("second", 2, 2, 4, "")
	first := []string{"first: 4 on a by ?", "first: 4 on b by ?"}
	second := []string{"second: 4 on a by ?", "second: 4 on b by ?"}
	s.wantKept(t, "at first", first...)
	s.clk.Step(testTimeout - time.Second)
	s.wantKept(t, "just before its time is over", first...)
	s.clk.Step(time.Second)
	if got := s.kept(); got != nil {
		t.Errorf("when it is over, before anybody looked: %v", got)
	}
	s.wantKept(t, "when it is over", second...)
	s.clk.Step(testTimeout)
	s.wantKept(t, "after the second's", first...)
	s.clk.Step(testTimeout)
	s.wantKept(t, "after the first's second", second...)
	s.clk.Step(testTimeout)
	s.wantKept(t, "while both have had it twice")
}

func TestReplacedGangIsANewOne(t *testing.T) {
	t.Parallel()
	s := newStage(t, machine("a", 4, ""))
	s.run("p", "a", 1, 0)
	members := s.wait("g", 1, 1, 4, "")
	s.wantKept(t, "at first", "g: 4 on a by ?")
	s.clk.Step(testTimeout)
	s.wantKept(t, "after its turn")
	s.leave(members)
	s.wantKept(t, "without it")
	s.wait("g", 1, 1, 4, "")
	s.wantKept(t, "when it was made anew", "g: 4 on a by ?")
}

func TestRoomCountsWhatOthersKeep(t *testing.T) {
	t.Parallel()
	s := newStage(t, machine("a", 4, ""), machine("b", 4, ""))
	victim := ranked("victim", 9, 4, 0)
	victim.Spec.NodeName, victim.Spec.SchedulerName = "a", batchmeta.SchedulerName
	victim.DeletionTimestamp = &metav1.Time{Time: start.Add(30 * time.Second)}
	_ = s.pods.Add(victim)
	preemptor := keeping(4)
	preemptor.id.purpose = vacatedFor
	preemptor.rooms = map[string]*keptRoom{"a": {kept: cpus(4), used: map[types.UID]*framework.Resource{victim.UID: requestOf(victim)}}}
	s.holds.Set(preemptor)
	s.run("p", "b", 4, 60)
	s.wait("g", 6, 1, 4, "")
	s.runOnce(t.Context())
	if got := s.kept(); !slices.Contains(got, "g: 4 on b by 1m0s") {
		t.Errorf("rooms: %v", got)
	}
	own := s.wait("holder-gang", 1, 1, 4, "")
	s.holds.Set(&hold{id: holdID{holderOf(own[0]), vacatedFor}, rooms: map[string]*keptRoom{}})
	s.wantKept(t, "who has room already", ": 4 on a by ?", "g: 4 on b by 1m0s")
}

func TestRequiredTopologyIsKeptTo(t *testing.T) {
	t.Parallel()
	nodes := []*corev1.Node{machine("a", 4, ""), machine("b", 4, ""), machine("c", 4, ""), machine("d", 4, ""), machine("e", 4, "")}
	for i, zone := range []string{"x", "y", "x", "y"} {
		nodes[i].Labels = map[string]string{"zone": zone}
	}
	s := newStage(t, nodes...)
	s.run("p", "a", 1, 10)
	s.run("q", "c", 1, 90)
	s.run("r", "b", 1, 60)
	members := s.wait("g", 1, 2, 4, "")
	s.leave(members)
	for _, pod := range members {
		pod.Annotations[batchmeta.GangTopologyRequired] = "zone"
		s.ledger.Observe(pod)
	}
	s.wantKept(t, "two zones", "g: 4 on b by 1m0s", "g: 4 on d by 1m0s")
}

// BenchmarkKeeper is one look at 5,000 nodes with 30 pods each, for a gang that needs a tenth of the nodes.
func BenchmarkKeeper(b *testing.B) {
	s := newStage(b)
	for i := range 5000 {
		name := "n" + strconv.Itoa(i)
		_ = s.nodes.Add(machine(name, 32, ""))
		for j := range 15 {
			s.run(name+"-"+strconv.Itoa(j), name, 2, 1+(i*37+j*11)%3600*(1+(i+j)%3)%2)
		}
	}
	s.wait("g", 1, 500, 16, "")
	for b.Loop() {
		s.runOnce(b.Context())
	}
	if len(s.kept()) == 0 {
		b.Fatal("no room is kept")
	}
}
