// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// settled is how long EC2's lists may lag behind its own answers. EC2: eventual consistency, usually seconds.
const settled = 2 * time.Minute

// recent remembers what EC2 answered and may not show yet: instances that it launched, and such that it ended.
type recent struct {
	clock clock.PassiveClock

	mu       sync.Mutex // guards all below
	launched map[string]recentLaunch
	ended    map[string]time.Time
}

type recentLaunch struct {
	instance fleet.Instance
	launch   string
	at       time.Time
}

func newRecent(c clock.PassiveClock) *recent {
	return &recent{clock: c, launched: map[string]recentLaunch{}, ended: map[string]time.Time{}}
}

func (r *recent) launch(launch string, i fleet.Instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, gone := r.ended[i.ID]; !gone {
		r.launched[i.ID] = recentLaunch{i, launch, r.clock.Now()}
	}
}

func (r *recent) end(ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.launched, id)
		r.ended[id] = r.clock.Now()
	}
}

// seen says that EC2 shows an instance by now. It reports whether the instance still is there: EC2 may show for a while what
// it ended.
func (r *recent) seen(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.launched, id)
	_, gone := r.ended[id]
	return !gone
}

// unseen are the instances that were launched and not shown since.
func (r *recent) unseen() []recentLaunch {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	for id, at := range r.ended {
		if now.Sub(at) > settled {
			delete(r.ended, id)
		}
	}
	var out []recentLaunch
	for id, l := range r.launched {
		if now.Sub(l.at) > settled {
			delete(r.launched, id)
			continue
		}
		out = append(out, l)
	}
	return out
}

// isUnseen reports whether an instance was launched a moment ago and not shown since.
func (r *recent) isUnseen(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.launched[id]
	return ok && r.clock.Since(l.at) <= settled
}
