// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// newReporter makes a reporter on n pending pods of one shape, and their key.
func newReporter(t *testing.T, n int) (*Reporter, *record.FakeRecorder, *testingclock.FakePassiveClock, string) {
	t.Helper()
	index := demand.NewIndex(func() {})
	for i := range n {
		index.OnAdd(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "jobs", Name: fmt.Sprint("p", i), UID: types.UID(fmt.Sprint("p", i))},
			Spec: corev1.PodSpec{
				SchedulerName: batchmeta.SchedulerName,
				NodeSelector:  map[string]string{batchmeta.ComputeEnvironmentUUID: "u"},
			},
		}, false)
	}
	clock := testingclock.NewFakePassiveClock(time.Unix(1000, 0))
	recorder := record.NewFakeRecorder(10_000)
	return NewReporter(recorder, index, clock), recorder, clock, index.Demands()[0].Parts[0].Key
}

func TestReportIsBounded(t *testing.T) {
	t.Parallel()
	r, recorder, clock, key := newReporter(t, 40)
	r.Report([]string{key, key}, "message")
	if got := len(recorder.Events); got != 40 {
		t.Errorf("%d events for 40 pods", got)
	}
	r.Report([]string{key}, "message")
	if got := len(recorder.Events); got != 40 {
		t.Errorf("%d events: pods were told twice within %v", got, reportEvery)
	}
	r.Report([]string{key}, "another")
	if got := len(recorder.Events); got != 80 {
		t.Errorf("%d events: another reason is news", got)
	}
	clock.SetTime(clock.Now().Add(reportEvery))
	r.Report([]string{key}, "message")
	if got := len(recorder.Events); got != 120 {
		t.Errorf("%d events after %v, want 120", got, reportEvery)
	}
	many, recorder, _, key := newReporter(t, 500)
	many.Report([]string{key}, "message")
	if got := len(recorder.Events); got != podsPerReport {
		t.Errorf("%d events for 500 pods, want %d", got, podsPerReport)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		give error
		want string
	}{
		"out of capacity": {
			give: &fleet.CapacityError{InstanceType: "c5.large", Err: errors.New("the rack is full")},
			want: "Warning BatchScaleUpFailed CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [c5.large]: the rack is full",
		},
		"any other failure": {
			give: errors.New("exit status 3: boom"),
			want: "Warning BatchScaleUpFailed MISCONFIGURATION:FLEET_LAUNCH_FAILED - instance type [c5.large]: exit status 3: boom",
		},
		"a long one is cut": {
			give: errors.New(strings.Repeat("x", 5000)),
			want: "Warning BatchScaleUpFailed " + ("MISCONFIGURATION:FLEET_LAUNCH_FAILED - instance type [c5.large]: " + strings.Repeat("x", 5000))[:messageLimit],
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, recorder, _, key := newReporter(t, 1)
			r.LaunchFailed(provider.FailedLaunch{InstanceType: "c5.large", Demands: []string{key}, Err: tc.give})
			if got := <-recorder.Events; got != tc.want {
				t.Errorf("event = %q, want %q", got, tc.want)
			}
		})
	}
}

// What a fleet says is cut where a letter ends: an Event's message is text.
func TestMessagesAreText(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"", "x"} { // the letters after it have two bytes each
		r, recorder, _, key := newReporter(t, 1)
		r.LaunchFailed(provider.FailedLaunch{InstanceType: "c5.large", Demands: []string{key}, Err: errors.New(first + strings.Repeat("é", messageLimit))})
		got := strings.TrimPrefix(<-recorder.Events, "Warning BatchScaleUpFailed ")
		if !utf8.ValidString(got) || len(got) > messageLimit || len(got) < messageLimit-1 {
			t.Errorf("message of %d bytes, valid: %v", len(got), utf8.ValidString(got))
		}
	}
}

// boardOf has the types on offer in one environment with the strategy.
func boardOf(t *testing.T, strategy string, names ...string) *board {
	t.Helper()
	types, err := instancetype.Builtin().Resolve(names)
	if err != nil {
		t.Fatal(err)
	}
	b := &board{
		markets: []provider.Market{{Environment: &computeenv.Environment{Strategy: strategy}}},
		fits:    newFitCache(testingclock.NewFakePassiveClock(time.Unix(1000, 0))),
		parts:   map[string]*demand.Part{"p": {Shape: "s"}}, admitted: map[admission]bool{},
	}
	for i, ty := range types {
		b.offers = append(b.offers, provider.Offer{Type: ty, Types: []instancetype.Type{ty}, Rank: i, Cost: ty.Cost()})
		b.classes = append(b.classes, class{signature: uint64(i), offer: i + 1})
		b.problem.Offers = append(b.problem.Offers, pack.Offer{
			Class: i, Fresh: pack.Vector{CPUMillis: int64(ty.VCPUs) * 1000, Memory: ty.MemoryMiB << 20, Pods: 100},
		})
		b.fits.known[fitKey{"s", uint64(i)}] = true
	}
	return b
}

func TestBestFitBuysOnlyTheCheapestTypeThatHoldsThePod(t *testing.T) {
	t.Parallel()
	part := &pack.Part{Key: "p", Request: pack.Vector{CPUMillis: 3000, Pods: 1}}
	for strategy, want := range map[string][]bool{
		computeenv.BestFit:     {false, false, true, false}, // c5.large is too small, m5.xlarge dearer than c5.xlarge
		"BEST_FIT_PROGRESSIVE": {true, true, true, true},    // packing, not eligibility, tells the rest
	} {
		b := boardOf(t, strategy, "c5.large", "m5.xlarge", "c5.xlarge", "c5.4xlarge")
		for i := range want {
			if b.problem.Offers[i].Fresh.Fits(part.Request) == 0 {
				continue
			}
			if got := b.mayRun(part, i); got != want[i] {
				t.Errorf("%s: may buy %s = %v, want %v", strategy, b.offers[i].Type.Name, got, want[i])
			}
		}
	}
}

func TestBestFitOfEqualPricesIsTheFirstOfTheList(t *testing.T) {
	t.Parallel()
	b := boardOf(t, computeenv.BestFit, "c6i.large", "c5.large")
	part := &pack.Part{Key: "p", Request: pack.Vector{CPUMillis: 1000, Pods: 1}}
	if !b.mayRun(part, 0) || b.mayRun(part, 1) {
		t.Error("two types are the best fit")
	}
}

func TestANarrowOfferIsForPodsThatNoOtherAdmits(t *testing.T) {
	t.Parallel()
	for admitted, want := range map[bool]bool{true: false, false: true} {
		b := boardOf(t, computeenv.SpotCapacityOptimized, "m5.large", "c5.large")
		b.offers[1].Narrow = true
		b.fits.known[fitKey{"s", 0}] = admitted
		if got := b.mayRun(&pack.Part{Key: "p", Request: pack.Vector{CPUMillis: 1000, Pods: 1}}, 1); got != want {
			t.Errorf("a pod that another offer admits (%v) may have a narrow one: %v", admitted, got)
		}
	}
}

func TestScore(t *testing.T) {
	t.Parallel()
	helped := pack.Vector{CPUMillis: 4000, Pods: 4}
	progressive := boardOf(t, "BEST_FIT_PROGRESSIVE", "m5.xlarge", "c5.xlarge")
	if progressive.score(0, 1, helped) <= progressive.score(1, 1, helped) {
		t.Error("the dearer type has the better score")
	}
	if progressive.score(1, 2, helped) <= progressive.score(1, 1, helped) {
		t.Error("two nodes have a better score than one")
	}
	ordered := boardOf(t, computeenv.ProgressiveOrdered, "m5.xlarge", "c5.xlarge")
	if ordered.score(0, 1, helped) >= ordered.score(1, 1, helped) {
		t.Error("the order of the list does not decide")
	}
}

func TestSignatureIgnoresWhatTellsNodesApart(t *testing.T) {
	t.Parallel()
	node := func(name string, change func(*corev1.Node)) uint64 {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, batchmeta.InstanceID: name, "zone": "a", "arch": "b",
		}}}
		change(n)
		return signatureOf(n)
	}
	plain := node("a", func(*corev1.Node) {})
	if other := node("b", func(*corev1.Node) {}); other != plain {
		t.Error("names tell nodes apart")
	}
	for what, change := range map[string]func(*corev1.Node){
		"a label":        func(n *corev1.Node) { n.Labels["zone"] = "b" },
		"swapped values": func(n *corev1.Node) { n.Labels["zone"], n.Labels["arch"] = "b", "a" },
		"a taint":        func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "k", Effect: "NoSchedule"}} },
	} {
		if node("a", change) == plain {
			t.Errorf("%s does not tell nodes apart", what)
		}
	}
}
