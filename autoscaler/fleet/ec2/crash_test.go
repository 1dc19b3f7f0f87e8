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

// story is a launch, and the end of what it launched, by processes that die one after the other, and by one that lives.
type story struct {
	count     int
	whole     bool
	stock     int  // of all zones; negative for no limit
	hidden    int  // how many lists lack new instances
	throttled bool // each third call is refused at first, and lists come in short pages
	point     int  // the call that the first process dies of; each further one lives a call longer
	reply     bool
}

// lives is how many processes die.
const lives = 4

func (s *story) String() string { return fmt.Sprintf("%+v", *s) }

// stories are all that are told, to be told with a death at the first call, the second, and so on.
func stories() []story {
	var out []story
	for _, count := range []int{1, 5} {
		for _, stock := range []int{-1, 3} {
			for _, hidden := range []int{0, 2} {
				for _, whole := range []bool{false, true} {
					for _, reply := range []bool{false, true} {
						for _, throttled := range []bool{false, true} {
							out = append(out, story{count: count, whole: whole, stock: stock, hidden: hidden, reply: reply, throttled: throttled})
						}
					}
				}
			}
		}
	}
	return out
}

// reliability.md, Karpenter #1448 and #549: nothing is launched twice, and nothing is left, wherever a process dies in a
// launch or a termination.
func TestNothingLeaksWhereverAProcessDies(t *testing.T) {
	t.Parallel()
	crashes := 0
	for _, s := range stories() {
		crashes += s.tellAll(t)
	}
	t.Logf("%d crashes", crashes)
	if crashes < 2000 {
		t.Errorf("%d crashes, want 2,000", crashes)
	}
}

// tellAll tells the story with an earliest death at each call, until there is none left to die of.
func (s *story) tellAll(t *testing.T) (crashes int) {
	t.Helper()
	for s.point = 0; ; s.point++ {
		cfg := ec2fake.Config{Zones: []string{"z-a", "z-b"}, Types: twoTypes(t)}
		if s.throttled {
			cfg.PageSize = 1
		}
		w := newWorld(t, cfg)
		if s.throttled {
			w.cloud.Break(ec2fake.Fault{Every: 3, Code: "RequestLimitExceeded"})
		}
		died := s.launch(w) + s.end(w)
		w.close()
		if died == 0 {
			return crashes
		}
		if t.Failed() {
			t.Fatalf("in story %v", s)
		}
		crashes += died
	}
}

// die lets processes do something until one of them lives to its end.
func (s *story) die(w *world, do func()) (died int) {
	for life := range lives {
		m := &mortal{cloud: w.cloud, left: s.point + life, reply: s.reply}
		w.connect(m)
		do()
		if !m.died() {
			break
		}
		died++
	}
	w.restart()
	return died
}

// launch lets processes launch and die; each next one lists, as all do at their start, and repeats what the ledger says.
func (s *story) launch(w *world) (died int) {
	w.t.Helper()
	if s.stock >= 0 {
		w.cloud.SetStock(ec2fake.Pool{Type: "c5.large"}, s.stock)
	}
	w.cloud.HideNew(s.hidden)
	r := w.request("token", s.count)
	r.Whole = s.whole
	died = s.die(w, func() {
		_, _ = w.List(w.t.Context())
		_, _ = w.Launch(w.t.Context(), r)
	})
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
	return died
}

// end lets processes end all and die; the last one ends what is listed until nothing is, as scale-down does.
func (s *story) end(w *world) (died int) {
	w.t.Helper()
	ids := []string{"i-00000000000000000"}
	for _, i := range w.cloud.Instances() {
		ids = append(ids, i.ID)
	}
	died = s.die(w, func() { _ = w.Terminate(w.t.Context(), ids) })
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
	return died
}
