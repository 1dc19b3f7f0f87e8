// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// newQueue makes the record of a request that passed its checks; the store gives the number.
func newQueue(in *awsapi.CreateJobQueueRequest) (batch.JobQueue, error) {
	order, err := environmentOrder(in.ComputeEnvironmentOrder)
	if err != nil {
		return batch.JobQueue{}, err
	}
	actions, err := rawActions(in.JobStateTimeLimitActions)
	if err != nil {
		return batch.JobQueue{}, err
	}
	return batch.JobQueue{
		Name:                     value(in.JobQueueName),
		State:                    state(in.State, batch.Enabled),
		Status:                   batch.ResourceValid,
		StatusReason:             ReasonQueueHealthy,
		Priority:                 value(in.Priority),
		Environments:             order,
		Tags:                     in.Tags,
		JobStateTimeLimitActions: actions,
	}, nil
}

var errEnvironmentOrder = batch.Invalidf("computeEnvironmentOrder must have 1 to %d compute environments", maxEnvironments)

// environmentOrder reads a queue's environments, first choice first; nil stays nil.
func environmentOrder(in []awsapi.ComputeEnvironmentOrder) ([]batch.EnvironmentOrder, error) {
	if in == nil {
		return nil, nil
	}
	if len(in) < 1 || len(in) > maxEnvironments {
		return nil, errEnvironmentOrder
	}
	order := make([]batch.EnvironmentOrder, 0, len(in))
	for i, e := range in {
		path, id := fmt.Sprintf("computeEnvironmentOrder[%d]", i), value(e.ComputeEnvironment)
		if err := checkRange(path+".order", e.Order, math.MinInt32, math.MaxInt32); err != nil {
			return nil, err
		}
		name, ok := batch.NameFromARN(batch.ARNComputeEnvironment, id)
		if !ok {
			return nil, noEnvironment(id)
		}
		if slices.ContainsFunc(order, func(o batch.EnvironmentOrder) bool { return o.Name == name }) {
			return nil, batch.Invalidf("%s.computeEnvironment: %s is there twice", path, name)
		}
		order = append(order, batch.EnvironmentOrder{Order: value(e.Order), Name: name})
	}
	slices.SortStableFunc(order, func(a, b batch.EnvironmentOrder) int { return cmp.Compare(a.Order, b.Order) })
	return order, nil
}

// rawActions keeps time limits as JSON; none is nil.
func rawActions(actions []awsapi.JobStateTimeLimitAction) (json.RawMessage, error) {
	if len(actions) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(actions)
	if err != nil {
		return nil, fmt.Errorf("encode jobStateTimeLimitActions: %w", err)
	}
	return raw, nil
}

// queueDetail is the record as DescribeJobQueues shows it.
func queueDetail(scope batch.Scope, q *batch.JobQueue, envs map[string]batch.ComputeEnvironment) (awsapi.JobQueueDetail, error) {
	d := awsapi.JobQueueDetail{
		JobQueueName:             &q.Name,
		JobQueueArn:              new(scope.ARN(batch.ARNJobQueue, q.Name)),
		State:                    new(string(q.State)),
		Status:                   new(string(q.Status)),
		StatusReason:             given(q.StatusReason),
		Priority:                 &q.Priority,
		ComputeEnvironmentOrder:  make([]awsapi.ComputeEnvironmentOrder, len(q.Environments)),
		JobQueueType:             given(queueType(q, envs)),
		Tags:                     orEmptyMap(q.Tags),
		JobStateTimeLimitActions: []awsapi.JobStateTimeLimitAction{},
	}
	if q.SchedulingPolicy != "" {
		d.SchedulingPolicyArn = new(scope.ARN(batch.ARNSchedulingPolicy, q.SchedulingPolicy))
	}
	for i, e := range q.Environments {
		d.ComputeEnvironmentOrder[i] = awsapi.ComputeEnvironmentOrder{
			Order:              new(e.Order),
			ComputeEnvironment: new(scope.ARN(batch.ARNComputeEnvironment, e.Name)),
		}
	}
	if isKept(q.JobStateTimeLimitActions) {
		if err := json.Unmarshal(q.JobStateTimeLimitActions, &d.JobStateTimeLimitActions); err != nil {
			return d, fmt.Errorf("decode jobStateTimeLimitActions of %s: %w", q.Name, err)
		}
	}
	return d, nil
}

// queueType is that of the queue's first environment; empty when none is left.
func queueType(q *batch.JobQueue, envs map[string]batch.ComputeEnvironment) string {
	for _, o := range q.Environments {
		if e, ok := envs[o.Name]; ok {
			return environmentType(&e)
		}
	}
	return ""
}
