// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"cmp"
	"strings"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Level is how much a pod or a gang counts against others: its priority, then the class of its rank, which is the priority
// of its job queue. Unlike its order it is the same again when the work is made anew.
type Level struct {
	priority int32
	class    string // the rank's; smaller is better, empty without a rank
}

// Level returns the level of what has this order.
func (o Order) Level() Level {
	return Level{priority: o.priority, class: o.rank[:min(len(o.rank), batchmeta.RankClassDigits)]}
}

// Compare is negative when l counts less than m. Among equals in priority, what no queue ranked counts least.
func (l Level) Compare(m Level) int {
	if c := cmp.Compare(l.priority, m.priority); c != 0 || l.class == m.class {
		return c
	}
	switch {
	case l.class == "":
		return -1
	case m.class == "":
		return 1
	}
	return strings.Compare(m.class, l.class)
}

// MayPreempt reports whether work of order o may take the room of work of order v: it goes first, and counts more, by a
// higher priority or, both being jobs' of queues, by a queue of higher priority.
//
// No chain of preemptions comes back to where it began: each step lowers the priority, or else the class. A victim that is
// made again has its old level and goes after its preemptor, too: that one's class or priority is the better one, and the
// order looks at these first.
func (o Order) MayPreempt(v Order) bool {
	if o.compare(v) >= 0 {
		return false
	}
	l, m := o.Level(), v.Level()
	if l.priority != m.priority {
		return l.priority > m.priority
	}
	return l.class != "" && m.class != "" && l.class < m.class
}

// IsRanked reports whether a queue admitted what has this order.
func (o Order) IsRanked() bool { return o.rank != "" }
