// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// mortal lets a process reach the cloud until it dies: before one of its calls is made, or after that and before its reply.
type mortal struct {
	cloud http.Handler
	reply bool // it dies after the call

	mu   sync.Mutex // guards left
	left int        // calls until it dies
}

func (m *mortal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	left := m.left
	m.left--
	m.mu.Unlock()
	switch {
	case left > 0:
		m.cloud.ServeHTTP(w, r)
		return
	case left == 0 && m.reply:
		m.cloud.ServeHTTP(discard{}, r)
	}
	panic(http.ErrAbortHandler)
}

// died reports whether the process died of its last call.
func (m *mortal) died() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left < 0
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// story is a launch, and the end of what it launched, by processes that die.
type story struct {
	count  int
	whole  bool
	stock  int // of all zones; negative for no limit
	hidden int // how many lists lack new instances
	point  int // the call that each process dies of
	reply  bool
}

func (s *story) String() string { return fmt.Sprintf("%+v", *s) }

func TestNothingLeaksWhereverAProcessDies(t *testing.T) {
	t.Parallel()
	crashes := 0
	for _, count := range []int{1, 2, 5} {
		for _, stock := range []int{-1, 3} {
			for _, hidden := range []int{0, 2} {
				for _, whole := range []bool{false, true} {
					for _, reply := range []bool{false, true} {
						base := story{count: count, whole: whole, stock: stock, hidden: hidden, reply: reply}
						crashes += crashEverywhere(t, base)
					}
				}
			}
		}
	}
	t.Logf("%d crashes", crashes)
}

// crashEverywhere tells the story with a death at the first call, the second, and so on, until there is none left to die of.
func crashEverywhere(t *testing.T, s story) (crashes int) {
	t.Helper()
	for ; ; s.point++ {
		w := newWorld(t, ec2fake.Config{Zones: []string{"z-a", "z-b"}, Types: twoTypes(t)})
		launching, ending := s.launch(w), s.end(w)
		if !launching && !ending {
			return crashes
		}
		if t.Failed() {
			t.Fatalf("in story %v", &s)
		}
		crashes++
	}
}

// launch lets a process launch and die; the next one repeats what the ledger says, and lists.
func (s *story) launch(w *world) (died bool) {
	w.t.Helper()
	if s.stock >= 0 {
		w.cloud.SetStock(ec2fake.Pool{Type: "c5.large"}, s.stock)
	}
	w.cloud.HideNew(s.hidden)
	r := w.request("token", s.count)
	r.Whole = s.whole
	m := &mortal{cloud: w.cloud, left: s.point, reply: s.reply}
	w.connect(m)
	_, _ = w.Launch(w.t.Context(), r)
	w.restart()
	got, err := w.Launch(w.t.Context(), r)
	want := s.count
	if s.stock >= 0 && s.stock < s.count {
		want = s.stock
		if s.whole {
			want = 0
		}
		if !fleet.IsOutOfCapacity(err) {
			w.t.Errorf("repeated launch: %v, want a capacity error", err)
		}
	} else if err != nil {
		w.t.Errorf("repeated launch: %v", err)
	}
	if len(got) != want {
		w.t.Errorf("the repeated launch gave %d instances, want %d", len(got), want)
	}
	w.wantInstances(want)
	if listed := w.listed(); len(listed) != want {
		w.t.Errorf("listed %v, want %d", listed, want)
	}
	return m.died()
}

// end lets a process end all and die; the next one ends what is listed until nothing is, as scale-down does.
func (s *story) end(w *world) (died bool) {
	w.t.Helper()
	m := &mortal{cloud: w.cloud, left: s.point, reply: s.reply}
	w.connect(m)
	ids := []string{"i-00000000000000000"}
	for _, i := range w.cloud.Instances() {
		ids = append(ids, i.ID)
	}
	_ = w.Terminate(w.t.Context(), ids)
	w.restart()
	for range s.hidden + 2 {
		if listed := w.listed(); len(listed) > 0 {
			if err := w.Terminate(w.t.Context(), listed); err != nil {
				w.t.Errorf("Terminate: %v", err)
			}
		}
	}
	for _, i := range w.cloud.Instances() {
		w.t.Errorf("instance %s of launch %s is left", i.ID, i.Tags[batchmeta.LaunchToken])
	}
	return m.died()
}
