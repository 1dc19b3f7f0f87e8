// SPDX-License-Identifier: Apache-2.0

package console

import (
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/viewapi"
)

// decisionsShown is how many a page has at most.
const decisionsShown = 100

// decisionsPage is what the autoscaler did and said lately.
type decisionsPage struct {
	Decisions           []viewapi.Decision
	Of                  int
	Clusters            []viewapi.ClusterState // that do not answer
	Names, Reasons      []string               // to choose from
	Environment, Reason string
	Truncated           bool
}

func loadDecisions(r *Request) (*View, error) {
	var all viewapi.Decisions
	if err := r.API.Get(r.Context(), viewapi.PathDecisions, &all); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	p := decisionsPage{Clusters: unseen(all.Clusters), Environment: q.Get("environment"), Reason: q.Get("reason"), Truncated: all.Truncated}
	for _, d := range all.Decisions {
		p.Names, p.Reasons = append(p.Names, d.ComputeEnvironment), append(p.Reasons, d.Reason)
	}
	p.Names, p.Reasons = distinct(p.Names), distinct(p.Reasons)
	p.Decisions = slices.DeleteFunc(all.Decisions, func(d viewapi.Decision) bool {
		return p.Environment != "" && d.ComputeEnvironment != p.Environment || p.Reason != "" && d.Reason != p.Reason
	})
	p.Of = len(p.Decisions)
	p.Decisions = p.Decisions[:min(len(p.Decisions), decisionsShown)]
	return &View{Title: "Decisions", Data: p, Live: &Live{Silent: true, Every: 2 * time.Second}}, nil
}
