// SPDX-License-Identifier: Apache-2.0

package envhealth

import (
	"cmp"
	"reflect"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	// patience is how long launches of an environment that worked may be refused before it is INVALID.
	patience = time.Minute
	// deaths is how many instances in a row may end before they join.
	deaths = 3
)

// Config tunes a Tracker. Zero values mean the defaults.
type Config struct {
	// FirstRetry is how long an environment is INVALID before it is tried again; each time it fails the time doubles, up to
	// LastRetry. 5 minutes and 1 hour.
	FirstRetry, LastRetry time.Duration
	Clock                 clock.PassiveClock
}

// Tracker judges environments, by UUID. It is safe for concurrent use and never blocks.
type Tracker struct {
	cfg Config

	mu        sync.Mutex // guards standings
	standings map[string]*standing
}

// New makes a Tracker that knows nothing.
func New(cfg Config) *Tracker {
	cfg.FirstRetry = cmp.Or(cfg.FirstRetry, 5*time.Minute)
	cfg.LastRetry = cmp.Or(cfg.LastRetry, time.Hour)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Tracker{cfg: cfg, standings: map[string]*standing{}}
}

// of finds or makes a standing. It is called with mu held.
func (t *Tracker) of(uuid string) *standing {
	s := t.standings[uuid]
	if s == nil {
		s = &standing{verdict: Verdict{Status: batch.ResourceValid, Reason: ReasonHealthy, At: t.cfg.Clock.Now()}}
		t.standings[uuid] = s
	}
	return s
}

// Launched says that instances were launched.
func (t *Tracker) Launched(uuid string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, now := t.of(uuid), t.cfg.Clock.Now()
	s.good, s.bad = now, time.Time{}
	s.verdict.ShortAt, s.verdict.LastError = time.Time{}, ""
	switch {
	case s.fault == refusals:
		s.heal(now)
	case s.verdict.Status == batch.ResourceValid:
		s.verdict.Reason = ReasonHealthy
	}
}

// LaunchFailed says that instances of a type were not launched, and why.
func (t *Tracker) LaunchFailed(uuid, instanceType string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, now := t.of(uuid), t.cfg.Clock.Now()
	s.verdict.LastError = cut(err.Error())
	switch fleet.ClassOf(err) {
	case fleet.NoCapacity, fleet.Quota:
		s.verdict.ShortAt = now
		if s.verdict.Status == batch.ResourceValid {
			s.verdict.Reason = shortOf(instanceType, err)
		}
	case fleet.BadRequest, fleet.Denied:
		t.refuse(s, refused(err), now)
	case fleet.Throttled, fleet.Unknown: // may pass, and says nothing of the environment
	}
}

// refuse counts a refusal. One is enough if nothing went well before.
func (t *Tracker) refuse(s *standing, reason string, now time.Time) {
	if s.bad.IsZero() {
		s.bad = now
	}
	if s.trial || s.good.IsZero() || now.Sub(s.bad) >= patience {
		t.invalidate(s, refusals, reason, now)
	}
}

// Joined says that an instance has become a node. That says nothing of whether others can be launched.
func (t *Tracker) Joined(uuid string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, now := t.of(uuid), t.cfg.Clock.Now()
	s.joined, s.good, s.bad, s.died, s.tries = now, now, time.Time{}, 0, 0
	if s.fault == joins {
		s.heal(now)
	}
}

// NotJoined says that an instance was ended as it did not become a node in time. others tells whether the environment has
// nodes.
func (t *Tracker) NotJoined(uuid string, launchedAt time.Time, others bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.of(uuid); !others && s.joined.Before(launchedAt) {
		t.invalidate(s, joins, ReasonNoneJoined, t.cfg.Clock.Now())
	}
}

// Died says that an instance ended by itself before it became a node. One may be bad luck.
func (t *Tracker) Died(uuid string, launchedAt time.Time, others bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of(uuid)
	if s.died++; s.died >= deaths && !others && s.joined.Before(launchedAt) {
		t.invalidate(s, joins, ReasonNoneJoined, t.cfg.Clock.Now())
	}
}

// invalidate is called with mu held.
func (t *Tracker) invalidate(s *standing, f fault, reason string, now time.Time) {
	if s.verdict.Status == batch.ResourceInvalid && s.fault == f {
		s.verdict.Reason = reason
		return // what was under way when it was judged ends like the rest
	}
	s.fault, s.trial, s.good, s.died = f, false, time.Time{}, 0
	s.verdict.Status, s.verdict.Reason, s.verdict.At = batch.ResourceInvalid, reason, now
	s.retryAt = now.Add(min(t.cfg.FirstRetry<<min(s.tries, 16), t.cfg.LastRetry))
	s.tries++
}

// OnTrial reports whether the environment is to show with one instance at a time that it works.
func (t *Tracker) OnTrial(uuid string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.standings[uuid]
	return s != nil && s.trial
}

// IsInvalid reports whether the environment was INVALID when it was judged last.
func (t *Tracker) IsInvalid(uuid string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.standings[uuid]
	return s != nil && s.verdict.Status == batch.ResourceInvalid
}

// Judge is the environment's verdict now. A change of the environment, or the end of a time of back-off, makes it VALID.
func (t *Tracker) Judge(e *computeenv.Environment) Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, now := t.of(e.UUID), t.cfg.Clock.Now()
	if as := specOf(e); s.spec == nil {
		s.spec = as
	} else if !reflect.DeepEqual(s.spec, as) {
		s.spec, s.tries, s.good, s.died = as, 0, time.Time{}, 0
		s.heal(now)
	}
	if e.TypesUnknown {
		t.invalidate(s, names, cut(clientError+e.TypesError), now)
	} else if s.fault == names {
		s.heal(now)
	}
	if s.fault != none && s.fault != names && !s.trial && !now.Before(s.retryAt) {
		s.trial = true
		s.verdict.Status, s.verdict.Reason, s.verdict.At = batch.ResourceValid, ReasonHealthy, now
	}
	return s.verdict
}

// Restore takes over what a predecessor found of an environment.
func (t *Tracker) Restore(uuid string, v Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &standing{verdict: v}
	if v.Status == batch.ResourceInvalid {
		s.fault, s.retryAt = refusals, t.cfg.Clock.Now().Add(t.cfg.FirstRetry)
		if v.Reason == ReasonNoneJoined {
			s.fault = joins
		}
	}
	t.standings[uuid] = s
}

// Forget drops what is known of all environments but those kept.
func (t *Tracker) Forget(kept func(uuid string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for uuid := range t.standings {
		if !kept(uuid) {
			delete(t.standings, uuid)
		}
	}
}
