// SPDX-License-Identifier: Apache-2.0

package interruption

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/hack/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// script is a queue that delivers again what was not deleted.
type script struct {
	messages []Message
	deleted  []string
	failures int // of Receive, before anything else
	calls    int
}

func (q *script) Receive(ctx context.Context) ([]Message, error) {
	if q.calls++; q.calls <= q.failures {
		return nil, errors.New("AccessDenied: no")
	}
	left := slices.DeleteFunc(slices.Clone(q.messages), func(m Message) bool { return slices.Contains(q.deleted, m.Receipt) })
	if len(left) == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return left, nil
}

func (q *script) Delete(_ context.Context, receipts []string) error {
	q.deleted = append(q.deleted, receipts...)
	return nil
}

// books are instances by id, with the names of their nodes, and what was said of them.
type books struct {
	mu    sync.Mutex // guards all below
	nodes map[string]string
	said  []string
}

func (b *books) say(what, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, what+" "+id)
}

func (b *books) NodeOf(id string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	node, known := b.nodes[id]
	return node, known
}
func (b *books) Abandon(id string) { b.say("abandon", id) }
func (b *books) Leave(id string)   { b.say("leave", id) }
func (b *books) Avoid(id string)   { b.say("avoid", id) }
func (b *books) Remove(_ context.Context, id string, stopped bool) error {
	if stopped {
		b.say("end and remove", id)
	} else {
		b.say("remove", id)
	}
	return nil
}

type scene struct {
	*Watcher
	queue    *script
	books    *books
	client   *fake.Clientset
	recorder *record.FakeRecorder
}

func newScene(c clock.WithTicker, messages ...Message) *scene {
	s := &scene{
		queue: &script{messages: messages}, books: &books{nodes: map[string]string{"i-1": "n1", "i-2": "n2", "i-new": ""}},
		client: fake.NewClientset(node("n1", "i-1"), node("n2", "i-2")), recorder: record.NewFakeRecorder(10),
	}
	s.Watcher = New(Config{
		Queue: s.queue, Instances: s.books, Marker: NewMarker(s.client.CoreV1().Nodes(), c), Recorder: s.recorder, Clock: c,
	})
	return s
}

// taints are those of node n1, as key=value:effect.
func (s *scene) taints(t *testing.T) (out []string) {
	t.Helper()
	node, err := s.client.CoreV1().Nodes().Get(t.Context(), "n1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, taint := range node.Spec.Taints {
		out = append(out, taint.ToString())
	}
	return out
}

func TestWhatFollowsFromANotice(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		notices    []Notice
		wantTaints []string // of n1
		wantSaid   []string
		wantEvent  string
		wantKept   bool // the message comes again
	}{
		"a Spot interruption": {
			notices: []Notice{{Kind: Spot, InstanceID: "i-1"}}, wantTaints: []string{"muster.sh/interruption=spot:NoExecute"},
			wantSaid: []string{"avoid i-1"}, wantEvent: "Warning SpotInterruption EC2 takes instance i-1 back; its pods are stopped",
		},
		"a rebalance recommendation": {
			notices: []Notice{{Kind: Rebalance, InstanceID: "i-1"}}, wantTaints: []string{"muster.sh/interruption=rebalance:NoSchedule"},
			wantEvent: "Normal RebalanceRecommendation Instance i-1 is likely to be taken back; no more pods come",
		},
		"a scheduled change": {
			notices: []Notice{{Kind: ScheduledChange, InstanceID: "i-1"}}, wantTaints: []string{"muster.sh/interruption=scheduled-change:NoSchedule"},
			wantEvent: "Warning ScheduledChange EC2 will stop, reboot or retire instance i-1; no more pods come",
		},
		"an instance that shuts down": {
			notices: []Notice{{Kind: StateChange, InstanceID: "i-1"}}, wantTaints: []string{"muster.sh/interruption=state-change:NoExecute"},
			wantSaid: []string{"leave i-1"}, wantEvent: "Warning InstanceStateChange Instance i-1 is being stopped or ended; its pods are stopped",
		},
		"an instance that is terminated": {
			notices:    []Notice{{Kind: StateChange, InstanceID: "i-1", Gone: true}},
			wantTaints: []string{"node.kubernetes.io/out-of-service=terminated:NoExecute"}, wantSaid: []string{"remove i-1"},
		},
		"an instance that is stopped": {
			notices:    []Notice{{Kind: StateChange, InstanceID: "i-1", Gone: true, Stopped: true}},
			wantTaints: []string{"node.kubernetes.io/out-of-service=terminated:NoExecute"}, wantSaid: []string{"end and remove i-1"},
		},
		"of an instance that is none of ours": {notices: []Notice{{Kind: Spot, InstanceID: "i-9"}, {Kind: StateChange, InstanceID: "i-9", Gone: true}}},
		"of nothing that is known":            {},
		"an interruption before there is a node": {
			notices: []Notice{{Kind: Spot, InstanceID: "i-new"}}, wantSaid: []string{"avoid i-new", "abandon i-new"}, wantKept: true,
		},
		"a recommendation before there is a node": {notices: []Notice{{Kind: Rebalance, InstanceID: "i-new"}}, wantKept: true},
		"an end before there is a node":           {notices: []Notice{{Kind: StateChange, InstanceID: "i-new"}}, wantSaid: []string{"leave i-new"}, wantKept: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(testingclock.NewFakeClock(now), Message{Receipt: "r", Kind: Spot, Notices: tc.notices})
			if err := s.runOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.wantTaints, s.taints(t)); diff != "" {
				t.Errorf("taints mismatch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantSaid, s.books.said); diff != "" {
				t.Errorf("said of instances mismatch (-want +got):\n%s", diff)
			}
			if kept := len(s.queue.deleted) == 0; kept != tc.wantKept {
				t.Errorf("the message is kept: %v, want %v", kept, tc.wantKept)
			}
			event := ""
			if len(s.recorder.Events) > 0 {
				event = <-s.recorder.Events
			}
			if event != tc.wantEvent {
				t.Errorf("event %q, want %q", event, tc.wantEvent)
			}
		})
	}
}

func TestAMessageIsDeletedOnlyAfterTheNodeIsMarked(t *testing.T) {
	t.Parallel()
	s := newScene(testingclock.NewFakeClock(now), Message{Receipt: "r1", Kind: Spot, Notices: []Notice{{Kind: Spot, InstanceID: "i-1"}}},
		Message{Receipt: "r2", Kind: Spot, Notices: []Notice{{Kind: Spot, InstanceID: "i-2"}}})
	broken := true
	s.client.PrependReactor("patch", "nodes", func(a clienttesting.Action) (bool, runtime.Object, error) {
		patch, ok := a.(clienttesting.PatchAction)
		return broken && ok && patch.GetName() == "n1", nil, errors.New("etcd is slow")
	})
	if err := s.runOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.queue.deleted, []string{"r2"}) {
		t.Errorf("deleted %v, want only that of the node that was marked", s.queue.deleted)
	}
	broken = false
	if err := s.runOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.queue.deleted, []string{"r2", "r1"}) || len(s.taints(t)) != 1 {
		t.Errorf("deleted %v, taints %v", s.queue.deleted, s.taints(t))
	}
}

// A process that ends between the mark and the deletion leaves the message; its successor sees it again.
func TestARepeatedMessageHasItsEffectOnce(t *testing.T) {
	t.Parallel()
	message := Message{Receipt: "r", Kind: Spot, Notices: []Notice{{Kind: Spot, InstanceID: "i-1", Deadline: now.Add(time.Minute)}}}
	s := newScene(testingclock.NewFakeClock(now), message)
	if !s.handle(t.Context(), &message) { // and then it crashed
		t.Fatal("not done")
	}
	writes := func() (n int) {
		for _, a := range s.client.Actions() {
			if a.GetVerb() == "patch" {
				n++
			}
		}
		return n
	}
	if err := s.runOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := writes(); got != 1 || len(s.taints(t)) != 1 || len(s.recorder.Events) != 1 {
		t.Errorf("%d writes, taints %v, %d Events; want one of each", got, s.taints(t), len(s.recorder.Events))
	}
	if !slices.Equal(s.queue.deleted, []string{"r"}) {
		t.Errorf("deleted %v", s.queue.deleted)
	}
}

func TestRunOutlivesAFailingQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(clock.RealClock{}, Message{Receipt: "r", Kind: Rebalance, Notices: []Notice{{Kind: Rebalance, InstanceID: "i-1"}}})
		s.queue.failures = 3
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		began := time.Now()
		go func() { done <- s.Run(ctx) }()
		time.Sleep(3*retryAfter + time.Millisecond)
		synctest.Wait()
		if s.queue.calls != 5 || len(s.queue.deleted) != 1 {
			t.Errorf("%d calls in %v, deleted %v", s.queue.calls, time.Since(began), s.queue.deleted)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
