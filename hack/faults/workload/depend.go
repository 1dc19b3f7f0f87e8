// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"math/rand/v2"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// recent is how far back a job looks for others that it can depend on.
const recent = 40

// wait lets some jobs depend on others, or an array's children on each other.
func (p *plan) wait(r *rand.Rand, before []plan) {
	if len(before) == 0 || r.IntN(100) >= 25 {
		return
	}
	candidates := before[max(0, len(before)-recent):]
	if p.submit.Children > 0 {
		for i := range candidates {
			if q := &candidates[i]; q.submit.Children >= p.submit.Children && q.submit.Children < 1000 {
				p.array(q.submit.Children) // N_TO_N: of the same size
				p.nToN = q
				p.submit.Sequential = false
				return
			}
		}
	}
	for range 1 + r.IntN(3) {
		p.dependsOn = append(p.dependsOn, &candidates[r.IntN(len(candidates))])
	}
}

// resolve gives the request, with the ids of what the job depends on, as far as that is accepted yet.
func (u *Users) resolve(p *plan) *batch.SubmitJobInput {
	u.mu.Lock()
	defer u.mu.Unlock()
	in, s := p.in, &p.submit
	add := func(d types.JobDependency) { in.DependsOn = append(in.DependsOn, d) }
	for _, on := range p.dependsOn {
		if len(on.submit.JobIDs) > 0 {
			s.DependsOn = append(s.DependsOn, on.submit.ID())
			add(types.JobDependency{JobId: aws.String(on.submit.ID())})
		}
	}
	if p.nToN != nil && len(p.nToN.submit.JobIDs) > 0 {
		s.NToN = p.nToN.submit.ID()
		add(types.JobDependency{JobId: &s.NToN, Type: types.ArrayJobDependencyNToN})
	}
	if s.Sequential {
		add(types.JobDependency{Type: types.ArrayJobDependencySequential})
	}
	return &in
}
