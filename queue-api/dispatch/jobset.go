// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"maps"
	"slices"
	"sync"
)

// jobSet is a set of job ids, with the cluster that each job's pods are in, that many goroutines may use. The zero value is
// empty.
type jobSet struct {
	mu  sync.Mutex // guards ids
	ids map[string]string
}

func (s *jobSet) add(id, cluster string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]string{}
	}
	s.ids[id] = cluster
}

func (s *jobSet) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, id)
}

// byCluster are the ids in order.
func (s *jobSet) byCluster() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(s.ids)) {
		out[s.ids[id]] = append(out[s.ids[id]], id)
	}
	return out
}
