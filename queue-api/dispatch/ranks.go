// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"fmt"
	"sync"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// ranks gives pods their place in the scheduler's queue: by queue priority, then by admission.
type ranks struct {
	clock clock.PassiveClock
	mu    sync.Mutex // guards last
	last  int64
}

// maxPriority is the highest queue priority that ranks tell apart.
const maxPriority = 9999

// next gives a decimal number of fixed width that sorts after every earlier one of the same or a higher priority.
func (r *ranks) next(priority int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = max(r.last+1, r.clock.Now().UnixNano())
	return fmt.Sprintf("%0*d%019d", batchmeta.RankClassDigits, maxPriority-min(max(priority, 0), maxPriority), r.last)
}
