// SPDX-License-Identifier: Apache-2.0

package fairshare

import (
	"cmp"
	"container/heap"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Fetch gives a share's waiting jobs, in their order, after a cursor that is empty or what the previous page gave as next,
// which is empty at the end.
type Fetch func(share, after string, limit int) (jobs []batch.Job, next string, err error)

// Order gives a queue's waiting jobs one by one in the order in which they are to be admitted. Jobs are fetched as they are
// needed: a queue of a million costs what the few cost that are looked at. It is good for one round.
type Order struct {
	fetch  Fetch
	shares shareHeap
	last   *share // whose job Next gave last
}

// NewFIFO is the order of a queue without a scheduling policy: its one share has no name.
func NewFIFO(fetch Fetch) *Order { return &Order{fetch: fetch, shares: shareHeap{{weight: 1}}} }

// NewFairShare is the order of a fair-share queue. shares are those with a waiting job; running is what each holds now, in
// thousandths of a vCPU. The ledger must have been advanced to now with the same running.
//
// AWS Batch: the share with the lowest use goes next, use being what it runs and ran, times its weight factor. Every job
// that is admitted counts at once. Of equal shares the one whose first job is the oldest goes first.
func NewFairShare(shares []string, ledger *Ledger, running map[string]int64, policy Policy, fetch Fetch) *Order {
	o := &Order{fetch: fetch, shares: make(shareHeap, 0, len(shares))}
	for i, id := range shares {
		o.shares = append(o.shares, &share{
			id: id, index: i, used: ledger.average(id, policy.Tau()), running: running[id], weight: policy.Weight(id),
		})
	}
	heap.Init(&o.shares)
	return o
}

// Next gives the next job, and false when there is none.
func (o *Order) Next() (batch.Job, bool, error) {
	for len(o.shares) > 0 {
		s := o.shares[0]
		if !s.isKnown() {
			if err := s.load(o.fetch); err != nil {
				return batch.Job{}, false, err
			}
			if len(s.page) == 0 {
				heap.Pop(&o.shares)
			} else {
				heap.Fix(&o.shares, 0)
			}
			continue
		}
		job := s.page[0]
		s.page = s.page[1:]
		o.last = s
		heap.Fix(&o.shares, 0)
		return job, true, nil
	}
	return batch.Job{}, false, nil
}

// admitted charges the job that Next gave last to its share.
func (o *Order) admitted(job batch.Job) {
	o.last.running += max(1, job.Requests.MilliVCPU)
	if o.last.index >= 0 {
		heap.Fix(&o.shares, o.last.index)
	}
}

// skipped says that the job that Next gave last was passed over. A share is set aside after limit of them: what is behind
// must not cost a round more than that, nor keep the other shares waiting.
func (o *Order) skipped(limit int) {
	o.last.skipped++
	if o.last.skipped >= limit && o.last.index >= 0 {
		heap.Remove(&o.shares, o.last.index)
	}
}

// share is one share of an Order.
type share struct {
	id      string
	used    float64 // decayed average use, in thousandths of a vCPU
	running int64   // thousandths of a vCPU, what this round admitted included
	weight  float64
	page    []batch.Job // fetched, not given yet
	next    string      // cursor of the next page
	pages   int         // fetched so far
	skipped int
	index   int // in the heap; -1 once out of it
}

// A first page is small, because most shares give few jobs a round; each further one is four times as long.
const (
	firstPage = 4
	maxPage   = 256
)

// isKnown reports whether the share's first job is known, or that it has none.
func (s *share) isKnown() bool { return len(s.page) > 0 }

// load fetches the next page that is not empty. A page stays empty if there is none.
func (s *share) load(fetch Fetch) error {
	for len(s.page) == 0 && (s.pages == 0 || s.next != "") {
		limit := min(maxPage, firstPage<<(2*min(s.pages, 8)))
		page, next, err := fetch(s.id, s.next, limit)
		if err != nil {
			return err
		}
		s.page, s.next = page, next
		s.pages++
	}
	return nil
}

func (s *share) score() float64 { return (s.used + float64(s.running)) * s.weight }

// shareHeap has the share that goes next at its top. One whose first job is not known goes before its equals: it is looked
// at then, and finds its place.
type shareHeap []*share

func (h shareHeap) Len() int { return len(h) }

func (h shareHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(a.score(), b.score()), a.since().Compare(b.since()), cmp.Compare(a.id, b.id)) < 0
}

// since is how old the share's first job is; zero if it is not known.
func (s *share) since() time.Time {
	if !s.isKnown() {
		return time.Time{}
	}
	return s.page[0].CreatedAt
}

func (h shareHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *shareHeap) Push(x any) {
	s := x.(*share)
	s.index = len(*h)
	*h = append(*h, s)
}

// Pop implements heap.Interface.
func (h *shareHeap) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	s.index = -1
	*h = (*h)[:last]
	return s
}
