// SPDX-License-Identifier: Apache-2.0

package fresh

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	testingclock "k8s.io/utils/clock/testing"
)

const keepFor = time.Second

// source counts how often it is asked. What it answers is how often.
type source struct {
	asked int
	err   error
	gate  chan struct{} // if there is one, an answer comes only through it
	ctx   context.Context
}

func (s *source) ask(ctx context.Context) (int, error) {
	s.asked++
	s.ctx = ctx
	if s.gate != nil {
		<-s.gate
	}
	return s.asked, s.err
}

func TestAnAnswerIsKeptForAMoment(t *testing.T) {
	t.Parallel()
	s := &source{}
	clk := testingclock.NewFakeClock(time.Time{})
	a := New(clk, keepFor, s.ask)
	down := errors.New("down")
	for _, step := range []struct {
		rule    string
		after   time.Duration
		err     error
		want    int
		wantErr error
	}{
		{"the first is made", 0, nil, 1, nil},
		{"it is kept", keepFor - 1, down, 1, nil},
		{"an old one is not told for a new one", 1, down, 2, down},
		{"an error is not kept", 0, nil, 3, nil},
		{"the next one is kept too", keepFor - 1, nil, 3, nil},
		{"and made again", 1, nil, 4, nil},
	} {
		clk.Step(step.after)
		s.err = step.err
		got, err := a.Get(t.Context())
		if got != step.want || !errors.Is(err, step.wantErr) {
			t.Errorf("%s: got %d, %v; want %d, %v", step.rule, got, err, step.want, step.wantErr)
		}
	}
}

// got is what a caller was told.
type got struct {
	answer int
	err    error
}

// askers are n callers who ask while the answer is being made.
func askers(ctx context.Context, a *Answer[int], n int) <-chan got {
	told := make(chan got, n)
	for range n {
		go func() {
			answer, err := a.Get(ctx)
			told <- got{answer, err}
		}()
	}
	synctest.Wait()
	return told
}

func TestThoseWhoAskAtOnceShareAnAnswer(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"that was made": nil, "that is an error": errors.New("down")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &source{gate: make(chan struct{}), err: err}
				told := askers(t.Context(), New(testingclock.NewFakeClock(time.Time{}), keepFor, s.ask), 10)
				close(s.gate)
				for range 10 {
					if one := <-told; one.answer != 1 || !errors.Is(one.err, err) {
						t.Errorf("told %d, %v", one.answer, one.err)
					}
				}
				if s.asked != 1 {
					t.Errorf("asked %d times", s.asked)
				}
			})
		})
	}
}

func TestWhoGoesAwayEndsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{})}
		a := New(testingclock.NewFakeClock(time.Time{}), keepFor, s.ask)
		ctx, leave := context.WithCancel(t.Context())
		first := askers(ctx, a, 1) // who has it made
		others := askers(t.Context(), a, 2)
		leave()
		if one := <-first; !errors.Is(one.err, context.Canceled) {
			t.Errorf("who went away is told %d, %v", one.answer, one.err)
		}
		if s.ctx.Err() != nil {
			t.Error("the making ended with who asked first")
		}
		close(s.gate)
		for range 2 {
			if one := <-others; one != (got{answer: 1}) {
				t.Errorf("told %d, %v", one.answer, one.err)
			}
		}
	})
}

func TestTheMakingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := New(testingclock.NewFakeClock(time.Time{}), keepFor, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if _, err := a.Get(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("told %v", err)
		}
	})
}
