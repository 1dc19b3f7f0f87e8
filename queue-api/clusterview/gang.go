// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"context"
	"errors"
	"fmt"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Statuses of a gang's members.
const (
	MemberMissing   = "Missing" // has no pod
	MemberWaiting   = "Waiting" // its pod has no node
	MemberBound     = "Bound"
	MemberRunning   = "Running"
	MemberSucceeded = "Succeeded"
	MemberFailed    = "Failed"
)

// Gang shows the nodes of a multi-node job, of the attempt under way, else of the last one. What the store knows is shown even if
// the cluster does not answer.
func (v *View) Gang(ctx context.Context, id string) (*viewapi.Gang, error) {
	name, ok := batch.NameFromARN(batch.ARNJob, id)
	if !ok {
		name = id
	}
	ref, err := batch.ParseJobID(name)
	if err != nil || ref.Child >= 0 {
		return nil, batch.Invalidf("Job %.256s does not exist", id)
	}
	job, err := v.store.Job(ctx, ref.Job)
	if errors.Is(err, batch.ErrNotFound) {
		return nil, batch.Invalidf("Job %.256s does not exist", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read job %s: %w", ref.Job, err)
	}
	if !job.IsMultiNode() {
		return nil, batch.Invalidf("Job %s is no multi-node parallel job", job.ID)
	}
	attempt := job.Current
	if attempt == nil && len(job.Attempts) > 0 && job.Status.IsTerminal() {
		attempt = &job.Attempts[len(job.Attempts)-1]
	}
	g := &viewapi.Gang{
		JobID: job.ID, JobName: job.Name, JobQueue: job.Queue, Status: string(job.Status), Size: job.NumNodes, Reason: job.StatusReason,
		Members: make([]viewapi.GangMember, job.NumNodes),
	}
	s := v.stateOf(ctx, attempt)
	for i := range g.Members {
		g.Members[i] = s.member(&job, attempt, i)
		switch g.Members[i].Status {
		case MemberMissing:
			g.Missing++
		case MemberWaiting:
			g.Waiting++
		case MemberBound, MemberRunning:
			g.Bound++
		}
	}
	return g, nil
}

// stateOf is that of the attempt's cluster; nil if there is no attempt, or the cluster does not answer.
func (v *View) stateOf(ctx context.Context, attempt *batch.Attempt) *state {
	if attempt == nil {
		return nil
	}
	clusters, members := v.members()
	for i, c := range clusters {
		if c.IsHome && attempt.Cluster == "" || !c.IsHome && batch.IsCluster(c.Name, attempt.Cluster) {
			s, err := v.state(ctx, members[i])
			if err != nil {
				return nil
			}
			return s
		}
	}
	return nil
}

// member shows one node of a job; s may be nil.
func (s *state) member(job *batch.Job, attempt *batch.Attempt, index int) viewapi.GangMember {
	m := viewapi.GangMember{Index: index, Main: index == job.MainNode, JobID: batch.NodeID(job.ID, index), Status: MemberMissing}
	if attempt == nil || index >= len(attempt.Nodes) {
		if job.Status.IsTerminal() {
			m.Status = MemberFailed // with its job, before it began
		}
		return m
	}
	n := &attempt.Nodes[index]
	m.Pod, m.Node, m.Reason = n.PodName, n.NodeName, n.StatusReason
	for _, c := range n.Containers {
		if c.ExitCode != nil && (m.ExitCode == nil || *c.ExitCode != 0) {
			m.ExitCode = c.ExitCode
		}
	}
	switch n.Status {
	case batch.StatusSucceeded:
		m.Status = MemberSucceeded
	case batch.StatusFailed:
		m.Status = MemberFailed
	case batch.StatusRunning:
		m.Status = MemberRunning
	case batch.StatusStarting:
		m.Status = MemberBound
	case batch.StatusRunnable, batch.StatusPending, batch.StatusSubmitted:
		m.Status = MemberWaiting
	}
	if s != nil {
		s.complete(&m, attempt)
	}
	return m
}

// complete adds what the cluster knows.
func (s *state) complete(m *viewapi.GangMember, attempt *batch.Attempt) {
	if n := s.names[m.Node]; n != nil {
		m.Zone = n.zone
	}
	if m.Status != MemberWaiting {
		return
	}
	p := s.pods[podName{attempt.PodNamespace, m.Pod}]
	if p == nil {
		m.Status = MemberMissing
		return
	}
	if m.Reason == "" {
		m.Reason = clip(p.unscheduled, maxMessage)
	}
}
