// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/console/chart"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// spentPage is what attempts cost that ended in the last 24 hours.
type spentPage struct {
	Cost     viewapi.Cost
	Day      template.HTML // by the hour
	Chart    template.HTML // by queue, share or tag
	Jobs     []spentJob    // those that cost most
	MoreTags bool
}

// spentJob is what a job cost in all.
type spentJob struct {
	viewapi.JobSpending

	Queue string
}

// spentRow is what one queue, share or tag cost.
type spentRow struct {
	name string
	cost viewapi.Cost
}

// loadSpending gives nil where nothing ended.
func (r *Request) loadSpending(p *costPage) (*spentPage, error) {
	var s viewapi.Spending
	if err := r.API.Get(r.Context(), viewapi.PathSpending, &s); err != nil {
		return nil, err
	}
	out := &spentPage{}
	var hours []float64
	for i := range s.Queues {
		q := &s.Queues[i]
		out.Cost = plusCost(out.Cost, q.Cost)
		hours = plusFloats(hours, q.Hours)
		out.MoreTags = out.MoreTags || q.MoreTags
		for _, t := range q.Tags {
			p.Tags = append(p.Tags, t.Key)
		}
		for _, job := range q.Jobs {
			out.Jobs = append(out.Jobs, spentJob{job, q.JobQueue})
		}
	}
	if out.Cost.Attempts == 0 {
		return nil, nil
	}
	p.Tags = distinct(p.Tags)
	p.Tags = p.Tags[:min(len(p.Tags), costRows)]
	slices.SortFunc(out.Jobs, func(a, b spentJob) int {
		return cmp.Or(cmp.Compare(b.Dollars, a.Dollars), cmp.Compare(a.JobID, b.JobID))
	})
	out.Jobs = out.Jobs[:min(len(out.Jobs), costRows)]
	out.Day = chart.Sparkline("Dollars by the hour, of the last 24", hours)
	out.Chart = drawSpent(spentRows(&s, p.By), p.By)
	return out, nil
}

func plusFloats(a, b []float64) []float64 {
	out := make([]float64, max(len(a), len(b)))
	for i := range out {
		if i < len(a) {
			out[i] += a[i]
		}
		if i < len(b) {
			out[i] += b[i]
		}
	}
	return out
}

// plusCost is a sum, of which nothing is known only if nothing is of either.
func plusCost(a, b viewapi.Cost) viewapi.Cost {
	out := viewapi.Cost{Attempts: a.Attempts + b.Attempts, UnknownAttempts: a.UnknownAttempts + b.UnknownAttempts}
	known := deref(a.Dollars) + deref(b.Dollars)
	if known > 0 || out.UnknownAttempts == 0 {
		out.Dollars = &known
	}
	return out
}

// spentRows are the rows by queue, share or tag, the dearest first. What has no such tag is a row of its own.
func spentRows(s *viewapi.Spending, by string) []spentRow {
	sums := map[string]viewapi.Cost{}
	add := func(name string, c viewapi.Cost) { sums[name] = plusCost(sums[name], c) }
	key, isTag := strings.CutPrefix(by, tagPrefix)
	for i := range s.Queues {
		q := &s.Queues[i]
		switch {
		case q.Cost.Attempts == 0:
		case isTag:
			left := q.Cost
			for _, t := range q.Tags {
				if t.Key == key {
					add(t.Value, t.Cost)
					left = lessCost(left, t.Cost)
				}
			}
			if left.Attempts > 0 {
				add("(no tag)", left)
			}
		case by == "share":
			for _, share := range q.Shares {
				name := cmp.Or(share.Share, "(none)")
				if share.Share == viewapi.OtherShares {
					name = "(others)"
				}
				add(q.JobQueue+" / "+name, share.Cost)
			}
		default:
			add(q.JobQueue, q.Cost)
		}
	}
	rows := make([]spentRow, 0, len(sums))
	for name, c := range sums {
		rows = append(rows, spentRow{name, c})
	}
	slices.SortFunc(rows, func(a, b spentRow) int {
		return cmp.Or(cmp.Compare(deref(b.cost.Dollars), deref(a.cost.Dollars)), cmp.Compare(a.name, b.name))
	})
	if len(rows) > costRows {
		others := spentRow{name: "(others)"}
		for _, row := range rows[costRows:] {
			others.cost = plusCost(others.cost, row.cost)
		}
		rows = append(rows[:costRows], others)
	}
	return rows
}

func lessCost(a, b viewapi.Cost) viewapi.Cost {
	left := viewapi.Cost{Attempts: a.Attempts - b.Attempts, UnknownAttempts: a.UnknownAttempts - b.UnknownAttempts}
	if known := max(deref(a.Dollars)-deref(b.Dollars), 0); known > 0 || left.UnknownAttempts <= 0 {
		left.Dollars = &known
	}
	return left
}

func drawSpent(rows []spentRow, by string) template.HTML {
	bars := make([]chart.Bar, len(rows))
	for i, row := range rows {
		bars[i] = chart.Bar{
			Label: cmp.Or(row.name, "(empty)"), Value: costText(row.cost) + " · " + plural(int(row.cost.Attempts), "attempt"),
			Parts: []chart.Part{{Label: "dollars", Class: "used", Value: deref(row.cost.Dollars)}},
		}
	}
	return chart.Bars("Dollars of the last 24 hours by "+by, bars)
}

// costText is a cost for readers. What is not known is not 0.
func costText(c viewapi.Cost) string {
	switch {
	case c.Dollars == nil:
		return "unknown"
	case c.UnknownAttempts > 0:
		return fmt.Sprintf("at least %s, unknown of %d", dollars(*c.Dollars), c.UnknownAttempts)
	}
	return dollars(*c.Dollars)
}
