// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// farm is a cluster on which pods come, run and end, with a clock of seconds. It places a pod on the first node that takes
// it and whose room is not kept from it, as the scheduler's Filter plugins do.
type farm struct {
	*stage
	keep bool // whether room is kept for gangs
	at   int
	runs []job
	made int
}

type job struct {
	pod  *corev1.Pod
	ends int // when it really ends; -1: never
}

func newFarm(tb testing.TB, keep bool, nodes ...*corev1.Node) *farm {
	tb.Helper()
	return &farm{stage: newStage(tb, nodes...), keep: keep}
}

// infos returns the snapshot that a cycle sees.
func (f *farm) infos() []*framework.NodeInfo {
	var infos []*framework.NodeInfo
	for _, obj := range f.nodes.List() {
		info := framework.NewNodeInfo()
		info.SetNode(obj.(*corev1.Node))
		for _, j := range f.runs {
			if j.pod.Spec.NodeName == info.Node().Name {
				info.AddPod(j.pod)
			}
		}
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b *framework.NodeInfo) int { return int(a.Node().Name[0]) - int(b.Node().Name[0]) })
	return infos
}

// place runs a pod where it may run; false when it has to wait.
func (f *farm) place(pod *corev1.Pod, infos []*framework.NodeInfo, seconds int) bool {
	k := &keeps{request: requestOf(pod), against: f.holds.against(pod, f.ledger.Order)}
	for _, info := range infos {
		kept, _ := keptOn(info, k.against)
		if kept == nil {
			kept = &framework.Resource{}
		}
		if !fitsBeside(k.request, info, kept) {
			continue
		}
		pod = pod.DeepCopy()
		pod.Spec.NodeName, pod.Spec.SchedulerName = info.Node().Name, batchmeta.SchedulerName
		pod.Status.StartTime = &metav1.Time{Time: f.clk.Now()}
		info.AddPod(pod)
		ends := -1
		if seconds >= 0 {
			ends = f.at + seconds
		}
		f.runs = append(f.runs, job{pod, ends})
		_ = f.pods.Add(pod)
		return true
	}
	return false
}

// arrive is a pod that comes after every gang. It takes seconds, never ends if that is below 0, and says that it takes
// limit at most, or nothing if that is 0.
func (f *farm) arrive(cpus, seconds, limit int) bool {
	f.made++
	return f.place(ranked("later-"+strconv.Itoa(f.made), 9, cpus, limit), f.infos(), seconds)
}

// start places a gang if all of it fits.
func (f *farm) start(members []*corev1.Pod) bool {
	infos := f.infos()
	before := len(f.runs)
	for _, pod := range members {
		if !f.place(pod, infos, -1) {
			for _, j := range f.runs[before:] {
				_ = f.pods.Delete(j.pod)
			}
			f.runs = f.runs[:before]
			return false
		}
	}
	return true
}

// tick lets a second pass, in which pods end.
func (f *farm) tick() {
	f.at++
	f.clk.Step(time.Second)
	f.runs = slices.DeleteFunc(f.runs, func(j job) bool {
		ended := j.ends >= 0 && j.ends <= f.at
		if ended {
			_ = f.pods.Delete(j.pod)
		}
		return ended
	})
}

// look is what the keeper does when the gang was refused.
func (f *farm) look(tb testing.TB) {
	tb.Helper()
	if f.keep {
		f.runOnce(tb.Context())
	}
}

// A stream of small pods fills every gap that opens; a gang needs half of the nodes at once.
func TestStreamOfSmallWorkDoesNotStarveAGang(t *testing.T) {
	t.Parallel()
	const limit = 60
	started := func(keep bool) (at int) {
		f := newFarm(t, keep, machine("a", 4, ""), machine("b", 4, ""), machine("c", 4, ""), machine("d", 4, ""))
		r := rand.New(rand.NewPCG(1, 1))
		stream := func() {
			for f.arrive(1, 20+r.IntN(limit-20), limit) { // there always is one more
			}
		}
		stream()
		for range limit {
			f.tick()
			stream()
		}
		f.at = 0
		for i := range f.runs {
			f.runs[i].ends -= limit
		}
		members := f.wait("g", 1, 2, 4, "")
		for f.at < 3600 {
			f.look(t)
			if f.start(members) {
				return f.at
			}
			stream()
			f.tick()
		}
		return f.at
	}
	if at := started(false); at < 3600 {
		t.Errorf("without room the gang starts after %d s: the test shows nothing", at)
	}
	at := started(true)
	if at > limit {
		t.Errorf("the gang starts after %d s; all that ran then is over within %d s", at, limit)
	}
	t.Logf("the gang starts after %d s", at)
}

// Work that may use the room, or runs beside it, never makes the gang wait for longer than was foretold at first, however
// early or late, within its limit, it ends.
func TestBackfillNeverDelaysTheGang(t *testing.T) {
	t.Parallel()
	var foretold, inRoom, beside, early int
	for seed := range uint64(10_000) {
		r := rand.New(rand.NewPCG(seed, 7))
		f := newFarm(t, true)
		for i := range 1 + r.IntN(4) {
			_ = f.nodes.Add(machine(string(rune('a'+i)), 2+r.IntN(7), ""))
		}
		for range r.IntN(12) { // what runs when the gang comes
			limit, seconds := 1+r.IntN(20), -1
			if r.IntN(4) > 0 {
				seconds = r.IntN(limit + 1)
			} else {
				limit = 0
			}
			f.arrive(1+r.IntN(3), max(seconds, -1), limit)
		}
		members := f.wait("g", 1, 1+r.IntN(4), 1+r.IntN(4), "")
		if f.start(members) {
			continue
		}
		f.look(t)
		bound := foretoldBy(f.stage)
		if bound < 0 {
			continue
		}
		foretold++
		for ; ; f.tick() {
			if f.start(members) {
				break
			}
			if f.at > bound {
				t.Fatalf("seed %d: the gang does not start at %d s, as foretold\n%v", seed, bound, f.kept())
			}
			if r.IntN(2) == 0 {
				f.look(t)
			}
			for range r.IntN(4) {
				f.swarm(r, &inRoom, &beside)
			}
		}
		if f.at < bound {
			early++
		}
	}
	t.Logf("%d gangs foretold, %d of them early; %d pods ran in their room and %d beside it", foretold, early, inRoom, beside)
	if foretold < 2000 || inRoom < 2000 || beside < 1000 {
		t.Error("too few for this to show anything")
	}
}

// swarm lets one random pod arrive.
func (f *farm) swarm(r *rand.Rand, inRoom, beside *int) {
	if limit := 1 + r.IntN(12); r.IntN(2) == 0 {
		if f.arrive(1+r.IntN(3), r.IntN(limit+1), limit) {
			*inRoom++
		}
	} else if f.arrive(1+r.IntN(3), -1, 0) {
		*beside++
	}
}

// foretoldBy returns when the gang is to start, in seconds; -1 when nobody knows.
func foretoldBy(s *stage) int {
	for _, h := range s.holds.all() {
		if !h.until.IsZero() {
			return int(h.until.Sub(start) / time.Second)
		}
	}
	return -1
}

// However the cluster changes, room is kept for one gang in a row no longer than its bound.
func TestRoomIsNeverKeptBeyondItsBound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		f := newFarm(t, true, machine("a", 4, ""), machine("b", 6, ""))
		gangs := map[string][]*corev1.Pod{}
		since := map[gang.Key]time.Time{}
		for range 200 {
			if name := "g" + strconv.Itoa(r.IntN(4)); gangs[name] == nil && r.IntN(3) == 0 {
				gangs[name] = f.wait(name, 1+r.IntN(4), 1+r.IntN(3), 1+r.IntN(5), "")
			} else if r.IntN(30) == 0 {
				f.leave(gangs[name])
				delete(gangs, name)
			}
			f.arrive(1+r.IntN(4), r.IntN(3)-1, 0)
			f.clk.Step(time.Duration(r.IntN(90)) * time.Second)
			f.tick()
			kept := map[gang.Key]bool{}
			for _, h := range f.holds.all() {
				kept[h.id.holder.gang] = true
			}
			for key, from := range since {
				if !kept[key] {
					delete(since, key)
				} else if f.clk.Since(from) > testTimeout {
					t.Fatalf("seed %d: room is kept for %s since %v", seed, key, f.clk.Since(from))
				}
			}
			f.look(t)
			for _, h := range f.holds.all() {
				if key := h.id.holder.gang; since[key].IsZero() {
					since[key] = f.clk.Now()
				}
				if gangs[h.id.holder.gang.Name] == nil {
					t.Fatalf("seed %d: room is kept for a gang that is gone", seed)
				}
			}
		}
	}
}
