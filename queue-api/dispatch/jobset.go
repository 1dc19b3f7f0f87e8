// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"maps"
	"slices"
	"sync"
)

// jobSet is a set of job ids that many goroutines may use. The zero value is empty.
type jobSet struct {
	mu  sync.Mutex // guards ids
	ids map[string]bool
}

func (s *jobSet) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	s.ids[id] = true
}

func (s *jobSet) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, id)
}

// all are the ids in order.
func (s *jobSet) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.ids))
}
