// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/localcluster/progress"
)

// record is a list of names that steps add theirs to.
type record struct {
	mu    sync.Mutex
	names []string
}

func (r *record) step(name string, err error, after ...string) step {
	return step{name: name, after: after, run: func(context.Context, *progress.Step) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.names = append(r.names, name)
		return err
	}}
}

func quietBoard(t *testing.T) *progress.Board {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = null.Close() })
	return progress.New(null)
}

func TestRunSteps(t *testing.T) {
	t.Parallel()
	errBroken := errors.New("broken")
	cases := map[string]struct {
		steps   func(*record) []step
		want    []string
		wantErr error
	}{
		"a step runs after those it comes after, however they are listed": {
			steps: func(r *record) []step {
				return []step{r.step("programs", nil, "api"), r.step("api", nil, "etcd"), r.step("etcd", nil)}
			},
			want: []string{"etcd", "api", "programs"},
		},
		"a step does not wait for one that is not being done": {
			steps: func(r *record) []step { return []step{r.step("programs", nil, "api")} },
			want:  []string{"programs"},
		},
		"what comes after a failed step does not run": {
			steps: func(r *record) []step {
				return []step{r.step("api", nil, "etcd"), r.step("etcd", errBroken)}
			},
			want:    []string{"etcd"},
			wantErr: errBroken,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var done record
			err := runSteps(t.Context(), quietBoard(t), tc.steps(&done))
			if !errors.Is(err, tc.wantErr) {
				t.Errorf("runSteps() error = %v, want %v", err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, done.names); diff != "" {
				t.Errorf("steps mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryStepIsReachable holds the names in after to those of steps: a misspelt one would not be waited for.
func TestEveryStepIsReachable(t *testing.T) {
	t.Parallel()
	for _, cfg := range []config{
		{Nodes: nodesReal, Fleet: fleetLocal},
		{Nodes: nodesKwok, Fleet: fleetLocal},
		{Nodes: nodesReal, Fleet: fleetEC2},
		{Nodes: nodesKwok, Fleet: fleetEC2},
	} {
		c := newCluster(paths{dir: t.TempDir()}, cfg)
		var names []string
		for _, s := range c.steps() {
			names = append(names, s.name)
		}
		for _, s := range c.steps() {
			for _, before := range s.after {
				if !slices.Contains(names, before) {
					t.Errorf("step %s comes after %q, which is none of %s", s.name, before, strings.Join(names, ", "))
				}
			}
		}
	}
}
