// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// spentHour is what ended in an hour.
type spentHour struct {
	hour int64
	batch.Spending
}

// spend counts what ended with a transition. The caller holds mu.
func (m *Memory) spend(old, next batch.Job) {
	c := batch.EndedCost(&old, &next)
	if c.Attempts == 0 {
		return
	}
	spent := batch.SpentJob{JobID: next.ID, Nano: next.Cost(m.Now()).Nano}
	tags := next.Tags
	if next.IsChild() {
		parent := m.parentOf(next)
		parent.Spent = parent.Spent.Plus(c)
		m.jobs[parent.ID] = parent
		spent, tags = batch.SpentJob{JobID: parent.ID, Nano: parent.Spent.Nano}, parent.Tags
	}
	h := m.hourOf(queueOf(next.ID))
	share := next.ShareIdentifier
	if _, ok := h.Shares[share]; !ok && len(h.Shares) >= batch.MaxSpendingShares {
		share = batch.OtherShares
	}
	h.Shares[share] = h.Shares[share].Plus(c)
	h.Hours[h.hour] = h.Hours[h.hour].Plus(c)
	for _, tag := range batch.SpendingTags(tags) {
		if _, ok := h.Tags[tag]; !ok && len(h.Tags) >= batch.MaxSpendingTags {
			h.MoreTags = true
			continue
		}
		h.Tags[tag] = h.Tags[tag].Plus(c)
	}
	if spent.Nano > 0 {
		h.Remember(spent)
	}
}

// hourOf is the current hour of a queue.
func (m *Memory) hourOf(queueNumber int) *spentHour {
	now, all := batch.HourOf(m.Now()), m.spent[queueNumber]
	if n := len(all); n == 0 || all[n-1].hour != now {
		all = append(all, spentHour{now, newSpending()})
		m.spent[queueNumber] = all
	}
	return &all[len(all)-1]
}

func newSpending() batch.Spending {
	return batch.Spending{Shares: map[string]batch.Cost{}, Tags: map[batch.Tag]batch.Cost{}, Hours: map[int64]batch.Cost{}}
}

// Spending implements Store.
func (m *Memory) Spending(_ context.Context, queueNumbers []int) ([]batch.Spending, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]batch.Spending, len(queueNumbers))
	for i, number := range queueNumbers {
		out[i] = newSpending()
		for _, h := range m.spent[number] {
			if h.hour > batch.HourOf(m.Now())-batch.SpendingHours {
				addHour(&out[i], &h.Spending)
			}
		}
	}
	return out, nil
}

func addHour(s, h *batch.Spending) {
	for share, c := range h.Shares {
		s.Shares[share] = s.Shares[share].Plus(c)
	}
	for tag, c := range h.Tags {
		s.Tags[tag] = s.Tags[tag].Plus(c)
	}
	for hour, c := range h.Hours {
		s.Hours[hour] = s.Hours[hour].Plus(c)
	}
	for _, job := range h.Jobs {
		s.Remember(job)
	}
	s.MoreTags = s.MoreTags || h.MoreTags
}
