// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// flaky is a cluster whose requests may not arrive, or whose replies may not. A pod that was taken back is there until its
// watcher has settled that: it has a finalizer.
type flaky struct {
	podList
	unsent, lost bool
	gone         []string
}

func (c *flaky) Create(ctx context.Context, pod *corev1.Pod) error {
	if c.unsent {
		return batch.ErrNotSent
	}
	if err := c.podList.Create(ctx, pod); err != nil || !c.lost {
		return err
	}
	return errors.New("the reply was lost")
}

func (c *flaky) Withdraw(_ context.Context, namespace, name string) error {
	if c.unsent {
		return batch.ErrNotSent
	}
	if slices.ContainsFunc(c.made, func(p *corev1.Pod) bool { return p.Name == name && p.Namespace == namespace }) {
		c.gone = append(c.gone, name)
	}
	return nil
}

// storm is a bench with a cluster at home, one that comes and goes, and jobs for both.
type storm struct {
	*bench
	t    *testing.T
	home flaky
	west flaky
	away bool
	jobs []string
	seen []batch.Job // as watchers saw them some time
}

func (s *storm) Of(e batch.ComputeEnvironment) string {
	if e.Name == "ce-a" {
		return west
	}
	return ""
}

func (s *storm) Pods(cluster string) (Pods, bool) {
	if cluster == west {
		return &s.west, !s.away
	}
	return &s.home, true
}

// settle is what a cluster's watcher does about pods that were taken back.
func (s *storm) settle(cluster string, c *flaky) {
	for _, name := range c.gone {
		c.made = slices.DeleteFunc(c.made, func(p *corev1.Pod) bool { return p.Name == name })
		for _, id := range s.jobs {
			if at := s.job(s.t, id).Current; at != nil && at.Cluster == cluster && at.PodName == name {
				s.step(s.t, id, lifecycle.Withdrawn{Attempt: at.Number})
			}
		}
	}
	c.gone = nil
}

func (s *storm) settleAll() {
	s.settle("", &s.home)
	if !s.away {
		s.settle(west, &s.west)
	}
}

// podsOf counts a job's pods in a cluster.
func podsOf(made []*corev1.Pod, id string) (n int) {
	for _, p := range made {
		if p.Labels[batchmeta.JobID] == id {
			n++
		}
	}
	return n
}

// check holds that no job has a pod anywhere but where it is admitted.
func (s *storm) check(rt *rapid.T) {
	for _, id := range s.jobs {
		at := s.job(s.t, id).Current
		inWest, atHome := podsOf(s.west.made, id), podsOf(s.home.made, id)
		switch {
		case inWest+atHome > 1:
			rt.Fatalf("job %s has %d pods in west and %d at home", id, inWest, atHome)
		case inWest > 0 && (at == nil || at.Cluster != west), atHome > 0 && (at == nil || at.Cluster != ""):
			rt.Fatalf("job %s has a pod in another cluster than its admission %+v", id, at)
		}
	}
}

func TestNoJobIsInTwoClusters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := &storm{bench: newBench(t), t: t}
		s.dispatcher = New(s.store, s, s.dispatcher.cfg)
		q := s.queue(t, "q", 1, "ce-a", "ce-b")
		for range 4 { // as many as fit, two into each
			s.jobs = append(s.jobs, s.submit(t, q, 1000).ID)
		}
		anyJob := rapid.SampledFrom(s.jobs)
		rt.Repeat(map[string]func(*rapid.T){
			"round":    func(*rapid.T) { s.try(t) },
			"away":     func(rt *rapid.T) { s.away = rapid.Bool().Draw(rt, "away") },
			"requests": func(rt *rapid.T) { s.west.unsent = rapid.Bool().Draw(rt, "unsent") },
			"replies":  func(rt *rapid.T) { s.west.lost = rapid.Bool().Draw(rt, "lost") },
			"look":     func(rt *rapid.T) { s.seen = append(s.seen, s.job(t, anyJob.Draw(rt, "job"))) },
			"ensure": func(rt *rapid.T) {
				if len(s.seen) > 0 {
					_ = s.dispatcher.Ensure(t.Context(), rapid.SampledFrom(s.seen).Draw(rt, "seen"))
				}
			},
			"starve": func(rt *rapid.T) {
				if id := anyJob.Draw(rt, "job"); s.job(t, id).Current != nil {
					s.starve(t, id)
				}
			},
			"settle": func(*rapid.T) { s.settleAll() },
			"":       s.check,
		})
		s.away, s.west.unsent, s.west.lost = false, false, false
		for range 10 {
			s.try(t)
			s.settleAll()
			s.check(rt)
			s.clock.Step(s.dispatcher.cfg.CapacityBackoff)
		}
		for _, id := range s.jobs {
			if podsOf(s.west.made, id)+podsOf(s.home.made, id) != 1 {
				rt.Fatalf("job %s has no pod in the end: %+v", id, s.job(t, id).Current)
			}
		}
	})
}
