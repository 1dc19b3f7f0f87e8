// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
)

// looks runs a loop in a bubble of fake time and records when it looks. script wakes it; each look takes as long as took says.
func looks(t *testing.T, took time.Duration, err error, script func(l *loop)) (at []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		started := time.Now()
		l := newLoop(clock.RealClock{}, func(time.Duration, error) {})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = l.Run(ctx, func(time.Time) error {
				at = append(at, time.Since(started))
				time.Sleep(took)
				return err
			})
		}()
		script(l)
		cancel()
		<-done
	})
	return at
}

func TestLoop(t *testing.T) {
	t.Parallel()
	ms := func(n ...int) (out []time.Duration) {
		for _, i := range n {
			out = append(out, time.Duration(i)*time.Millisecond)
		}
		return out
	}
	burst := func(l *loop) {
		time.Sleep(100 * time.Millisecond)
		for range 15 {
			l.Wake()
			time.Sleep(time.Millisecond)
		}
		time.Sleep(400 * time.Millisecond)
	}
	cases := map[string]struct {
		took   time.Duration
		err    error
		script func(*loop)
		want   []time.Duration
	}{
		"looks at once and at each tick": {
			script: func(*loop) { time.Sleep(2500 * time.Millisecond) }, want: ms(0, 1000, 2000),
		},
		"looks once after a burst of changes": {script: burst, want: ms(0, 120)},
		"pauses as long as a look takes": {
			took: 50 * time.Millisecond,
			script: func(l *loop) {
				for range 30 {
					l.Wake()
					time.Sleep(10 * time.Millisecond)
				}
			},
			want: ms(0, 100, 200, 300),
		},
		"waits for the tick after a failure": {err: errors.New("boom"), script: burst, want: ms(0)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := looks(t, tc.took, tc.err, tc.script)
			if len(got) < len(tc.want) {
				t.Fatalf("looks at %v, want %v", got, tc.want)
			}
			for i := range tc.want {
				if got[i] != tc.want[i] {
					t.Errorf("looks at %v, want %v", got, tc.want)
					break
				}
			}
			if len(got) > len(tc.want)+1 {
				t.Errorf("looks at %v, want %v", got, tc.want)
			}
		})
	}
}
