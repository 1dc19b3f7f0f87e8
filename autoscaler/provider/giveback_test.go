// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"errors"
	"testing"
	"time"

	"github.com/muster-batch/muster/autoscaler/computeenv"
)

func TestGiveBack(t *testing.T) {
	t.Parallel()
	floor := func(vcpus int) func(*computeenv.Environment) {
		return func(e *computeenv.Environment) { e.MinvCPUs = vcpus }
	}
	cases := map[string]struct {
		env    *computeenv.Environment
		before func(*world)
		ask    int
		want   int // instances that stay, of 3
	}{
		"instances on their way go":         {env: env(), ask: 2, want: 1},
		"no more go than there are":         {env: env(), ask: 9, want: 0},
		"those that minvCpus asks for stay": {env: env(floor(4)), ask: 9, want: 2},
		"those that have joined stay":       {env: env(), before: func(w *world) { w.register() }, ask: 9, want: 3},
		"those that cannot be ended stay":   {env: env(), before: func(w *world) { w.fleet.Fail(errors.New("no answer")) }, ask: 9, want: 3},
		"one of them may have a pod":        {env: env(), before: func(w *world) { w.homeless = "jobs/a" }, ask: 9, want: 3},
		"asked for none, none goes":         {env: env(), want: 3},
		"those that joined unnoticed stay": {env: env(), before: func(w *world) {
			listed, _ := w.fleet.List(w.t.Context())
			w.nodes = append(w.nodes, nodeOf(listed[0]))
		}, ask: 9, want: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.env)
			w.grow(large, 3)
			if tc.before != nil {
				tc.before(w)
			}
			w.group(large).GiveBack(tc.ask)
			w.Wait()
			w.fleet.Fail(nil)
			listed, err := w.fleet.List(t.Context())
			if size, _ := w.group(large).TargetSize(); err != nil || len(listed) != tc.want || size != tc.want {
				t.Errorf("%d instances, target size %d, want %d; %v", len(listed), size, tc.want, err)
			}
		})
	}
}

func TestTheYoungestAreGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	w.grow(large, 1)
	old, _ := w.fleet.List(t.Context())
	w.clock.Step(time.Second)
	w.grow(large, 1)
	w.group(large).GiveBack(1)
	w.Wait()
	if left, _ := w.fleet.List(t.Context()); len(left) != 1 || left[0].ID != old[0].ID {
		t.Errorf("left %+v, want %+v", left, old)
	}
}
