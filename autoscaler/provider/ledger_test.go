// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestConfigMapLedger(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset().CoreV1().ConfigMaps("muster-system")
	l := NewConfigMapLedger(client, "launches")
	ctx := t.Context()
	load := func(want ...string) {
		t.Helper()
		entries, err := l.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Token)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ledger mismatch (-want +got):\n%s", diff)
		}
	}
	record := func(token string) {
		t.Helper()
		if err := l.Record(ctx, Entry{Token: token, Count: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Forget(ctx, "nosuch"); err != nil {
		t.Errorf("Forget without a ledger: %v", err)
	}
	load()
	record("a")
	record("b")
	if err := l.Forget(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	load("b")
	cm, err := client.Get(ctx, "launches", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := NewConfigMapLedger(client, "launches").Record(ctx, Entry{Token: "c", Count: 1}); !errors.Is(err, ErrDeposed) {
		t.Errorf("somebody else's Record: %v", err)
	}
	cm.Data["c"], cm.Data["d"] = "not JSON", `{"token":"other","count":1}`
	if _, err := client.Update(ctx, cm, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	load("b")
}

// brokenLedger cannot be written.
type brokenLedger struct{ Ledger }

func (brokenLedger) Record(context.Context, Entry) error { return errors.New("the API server is down") }

func TestNothingIsLaunchedThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.restart(brokenLedger{w.ledger})
	w.grow(large, 1)
	if n := len(w.fleet.Launches()); n != 0 || len(w.failures) != 1 {
		t.Errorf("%d launches, told %+v", n, w.failures)
	}
}

// begun makes the ledger say that launch "muster-x" of 2 c5.large was begun at a time.
func begun(t *testing.T, w *world, at time.Time, uuid string) {
	t.Helper()
	e := Entry{Token: "muster-x", Count: 2, EnvironmentUUID: uuid, InstanceType: "c5.large", CapacityType: "on-demand", At: at}
	if err := w.ledger.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		age      time.Duration
		uuid     string
		want     map[string]int
		launches int
	}{
		"a launch under way is repeated with its token": {age: time.Second, uuid: "u-1", want: map[string]int{large: 2}, launches: 1},
		"one of long ago is forgotten":                  {age: time.Hour, uuid: "u-1", want: map[string]int{}},
		"so is one of an environment that is gone":      {age: time.Second, uuid: "u-9", want: map[string]int{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env())
			begun(t, w, w.clock.Now().Add(-tc.age), tc.uuid)
			w.restart(w.ledger)
			w.Wait()
			w.wantSizes(tc.want)
			w.reconcile(time.Second)
			if got := w.fleet.Launches(); len(got) != tc.launches || tc.launches > 0 && got[0].Token != "muster-x" {
				t.Errorf("launches = %+v", got)
			}
			if entries, err := w.ledger.Open(t.Context()); len(entries) != 0 || err != nil {
				t.Errorf("ledger = %v, %v", entries, err)
			}
		})
	}
}

func TestReplayDoesNotBuyWhatIsListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	begun(t, w, w.clock.Now(), "u-1")
	w.restart(w.ledger)
	w.Wait()
	begun(t, w, w.clock.Now(), "u-1") // as if the process had died before it could strike it out
	w.restart(w.ledger)
	w.Wait()
	w.wantSizes(map[string]int{large: 2})
	if got := len(w.fleet.Launches()); got != 1 {
		t.Errorf("launched %d times", got)
	}
}
