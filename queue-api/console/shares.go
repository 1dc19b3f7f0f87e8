// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/console/chart"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// queuesOfShares is how many fair-share queues a page shows at once; one can be chosen.
const queuesOfShares = 10

// sharesPage is the shares of fair-share queues.
type sharesPage struct {
	Queue  string   // the one that was chosen; empty for all
	Names  []string // of fair-share queues
	Queues []shareQueue
	More   int // queues that are not shown
}

// shareQueue is the shares of one queue.
type shareQueue struct {
	Name        string
	Policy      string // its name; empty if it is not the user's to see
	Decay       time.Duration
	Reservation int // of a hundred
	Used        float64
	Chart       template.HTML
	Shares      []share
	Active      int64
}

// share is what a share has, and what it would have if all had their parts.
type share struct {
	Name                 string
	Used, Target, Weight float64
	Waiting              int // jobs among the first of the queue
}

func loadShares(r *Request) (*View, error) {
	queues, err := r.jobQueues()
	if err != nil {
		return nil, err
	}
	p := sharesPage{Queue: r.URL.Query().Get("queue")}
	for _, q := range queues {
		if deref(q.SchedulingPolicyArn) == "" {
			continue
		}
		name := deref(q.JobQueueName)
		p.Names = append(p.Names, name)
		switch {
		case p.Queue != "" && p.Queue != name:
		case len(p.Queues) == queuesOfShares:
			p.More++
		default:
			one, err := r.sharesOf(name, deref(q.SchedulingPolicyArn))
			if err != nil {
				return nil, err
			}
			p.Queues = append(p.Queues, one)
		}
	}
	live := &Live{Every: 10 * time.Second}
	if p.Queue != "" {
		live.Queues = []string{p.Queue}
	}
	return &View{Title: "Shares", Data: p, Live: live}, nil
}

// jobQueues are all that the user may see, by name.
func (r *Request) jobQueues() ([]awsapi.JobQueueDetail, error) {
	var all []awsapi.JobQueueDetail
	in := awsapi.DescribeJobQueuesRequest{}
	for range 100 {
		var out awsapi.DescribeJobQueuesResponse
		if err := r.API.Post(r.Context(), "/v1/describejobqueues", &in, &out); err != nil {
			return nil, err
		}
		all = append(all, out.JobQueues...)
		if in.NextToken = out.NextToken; deref(in.NextToken) == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b awsapi.JobQueueDetail) int { return cmp.Compare(deref(a.JobQueueName), deref(b.JobQueueName)) })
	return all, nil
}

func (r *Request) sharesOf(queue, policyARN string) (shareQueue, error) {
	out := shareQueue{Name: queue}
	var snapshot awsapi.GetJobQueueSnapshotResponse
	if err := r.API.Post(r.Context(), "/v1/getjobqueuesnapshot", &awsapi.GetJobQueueSnapshotRequest{JobQueue: &queue}, &snapshot); err != nil {
		return out, err
	}
	policy := r.policy(policyARN, &out)
	shares := map[string]*share{}
	of := func(name string) *share {
		if shares[name] == nil {
			shares[name] = &share{Name: name, Weight: policy.Weight(name)}
		}
		return shares[name]
	}
	if use := snapshot.QueueUtilization; use != nil && use.FairshareUtilization != nil {
		out.Active = deref(use.FairshareUtilization.ActiveShareCount)
		for _, s := range use.FairshareUtilization.TopCapacityUtilization {
			for _, c := range s.CapacityUsage {
				of(deref(s.ShareIdentifier)).Used += deref(c.Quantity)
			}
		}
	}
	if snapshot.FrontOfQueue != nil {
		jobs, err := r.describe(arnsOf(snapshot.FrontOfQueue.Jobs))
		if err != nil {
			return out, err
		}
		for i := range jobs {
			of(deref(jobs[i].ShareIdentifier)).Waiting++
		}
	}
	out.divide(slices.Collect(maps.Values(shares)))
	return out, nil
}

func arnsOf(front []awsapi.FrontOfQueueJobSummary) (ids []string) {
	for _, j := range front {
		ids = append(ids, deref(j.JobArn))
	}
	return ids
}

// policy reads a scheduling policy. One that is not the user's to see has the defaults here.
func (r *Request) policy(arn string, out *shareQueue) fairshare.Policy {
	var found awsapi.DescribeSchedulingPoliciesResponse
	err := r.API.Post(r.Context(), "/v1/describeschedulingpolicies", &awsapi.DescribeSchedulingPoliciesRequest{Arns: []string{arn}}, &found)
	if err != nil || len(found.SchedulingPolicies) == 0 {
		return fairshare.NewPolicy(nil)
	}
	out.Policy = deref(found.SchedulingPolicies[0].Name)
	var fair batch.FairSharePolicy
	if p := found.SchedulingPolicies[0].FairsharePolicy; p != nil {
		fair.ShareDecaySeconds, fair.ComputeReservation = p.ShareDecaySeconds, p.ComputeReservation
		for _, w := range p.ShareDistribution {
			fair.ShareDistribution = append(fair.ShareDistribution, batch.ShareWeight{ShareIdentifier: deref(w.ShareIdentifier), WeightFactor: w.WeightFactor})
		}
	}
	out.Decay, out.Reservation = time.Duration(deref(fair.ShareDecaySeconds))*time.Second, deref(fair.ComputeReservation)
	return fairshare.NewPolicy(&fair)
}

// divide gives each share its part, by weight, of what all of them use, and draws it.
func (q *shareQueue) divide(shares []*share) {
	slices.SortFunc(shares, func(a, b *share) int { return cmp.Or(cmp.Compare(b.Used, a.Used), cmp.Compare(a.Name, b.Name)) })
	parts := 0.0
	for _, s := range shares {
		q.Used += s.Used
		parts += 1 / s.Weight
	}
	bars := make([]chart.Bar, len(shares))
	for i, s := range shares {
		s.Target = q.Used / s.Weight / parts
		q.Shares = append(q.Shares, *s)
		class := "used"
		if s.Used > s.Target {
			class = "over"
		}
		bars[i] = chart.Bar{
			Label: cmp.Or(s.Name, "(none)"), Value: fmt.Sprintf("%s vCPUs, target %s", vcpus(s.Used), vcpus(s.Target)),
			Parts: []chart.Part{{Label: "used", Class: class, Value: s.Used}}, Mark: s.Target,
		}
	}
	if len(bars) > 0 {
		q.Chart = chart.Bars("vCPUs used by the shares of "+q.Name+", and their targets", bars)
	}
}

// describedAtOnce is how many jobs AWS Batch describes in one call.
const describedAtOnce = 100

// describe describes jobs, those that the user may see.
func (r *Request) describe(ids []string) ([]awsapi.JobDetail, error) {
	var all []awsapi.JobDetail
	for chunk := range slices.Chunk(ids, describedAtOnce) {
		var out awsapi.DescribeJobsResponse
		if err := r.API.Post(r.Context(), "/v1/describejobs", &awsapi.DescribeJobsRequest{Jobs: chunk}, &out); err != nil {
			return nil, err
		}
		all = append(all, out.Jobs...)
	}
	return all, nil
}

// deref is what a pointer points to; zero if it is nil.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
