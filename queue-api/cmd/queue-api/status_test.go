// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func lease(name, holder string, renewed time.Time) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "muster-system", Name: name},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: new(metav1.NewMicroTime(renewed)), LeaseDurationSeconds: new(int32(15))},
	}
}

func TestStatusTellsWhatIsThere(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const ok, warn, fail, unknown = viewapi.ResultOK, viewapi.ResultWarn, viewapi.ResultFail, viewapi.ResultUnknown
	cases := map[string]struct {
		leases []runtime.Object
		denied bool
		redis  error
		keeps  bool
		want   []string // of redis, queue-api, batch-scheduler, batch-autoscaler, logs
	}{
		"all is well": {
			leases: []runtime.Object{lease("queue-api", "a", now), lease("batch-scheduler", "b", now.Add(-20*time.Second)), lease("batch-autoscaler", "c", now.Add(5*time.Second))},
			keeps:  true, want: []string{ok, ok, ok, ok, ok},
		},
		"one is dead, one ended, one never ran": {
			leases: []runtime.Object{lease("queue-api", "a", now.Add(-time.Minute)), lease("batch-scheduler", "", now)},
			keeps:  true, want: []string{ok, fail, fail, warn, ok},
		},
		"Redis is down and no logs are kept": {
			leases: []runtime.Object{lease("queue-api", "a", now), lease("batch-scheduler", "b", now), lease("batch-autoscaler", "c", now)},
			redis:  errors.New("dial tcp 10.0.0.1:6379: refused"), want: []string{fail, ok, ok, ok, warn},
		},
		"Leases cannot be read": {denied: true, keeps: true, want: []string{ok, unknown, unknown, unknown, ok}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset(tc.leases...)
			if tc.denied {
				client.PrependReactor("get", "leases", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("down") })
			}
			clk := testingclock.NewFakePassiveClock(now)
			s := &statusView{
				leases: client.CoordinationV1().Leases("muster-system"), keeps: tc.keeps, clock: clk,
				redis: httpapi.Check{Name: "redis", Ready: func(context.Context) error { return tc.redis }},
			}
			told := s.tell(t.Context())
			var got []string
			for _, c := range told.Checks {
				got = append(got, c.Result)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			looks := len(client.Actions())
			clk.SetTime(now.Add(lookedFor))
			if again := s.tell(t.Context()); !cmp.Equal(told, again, cmpopts.IgnoreFields(viewapi.Status{}, "At")) || len(client.Actions()) != looks {
				t.Error("it looked again at once")
			}
			clk.SetTime(now.Add(lookedFor + 1))
			if s.tell(t.Context()); len(client.Actions()) == looks {
				t.Error("it did not look again")
			}
		})
	}
}
