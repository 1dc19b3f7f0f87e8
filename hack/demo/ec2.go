// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/hack/localcluster/progress"
)

// cloud is the fake of EC2, where nodes come from it.
type cloud struct {
	endpoint string // empty where they do not
}

// zeroTimeout bounds how long the instances may take to go.
const zeroTimeout = 5 * time.Minute

// state is what EC2 has done so far.
func (c cloud) state(ctx context.Context) (ec2fake.State, error) {
	var state ec2fake.State
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint+"/fake/state", http.NoBody)
	if err != nil {
		return state, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return state, fmt.Errorf("ask EC2 for its state: %w", err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&state); err != nil {
		return state, fmt.Errorf("read EC2's state: %w", err)
	}
	return state, nil
}

// awaitZero waits until every instance and every node is gone, and tells what there was.
func (c cloud) awaitZero(ctx context.Context, line *progress.Step, w *watcher) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, zeroTimeout, fmt.Errorf("there still are instances or nodes after %v", zeroTimeout))
	defer cancel()
	var state ec2fake.State
	err := poll(ctx, func() (bool, error) {
		var err error
		if state, err = c.state(ctx); err != nil {
			return false, err
		}
		nodes, err := w.batchNodes(ctx)
		left := slices.DeleteFunc(slices.Clone(state.Instances), func(i ec2fake.Instance) bool { return i.IsGone() })
		line.Note("%d of %d instances, %d nodes", len(left), len(state.Instances), nodes)
		return len(left)+nodes == 0, err
	})
	if err != nil {
		return nil, err
	}
	return bill(state), nil
}

// bill is a line per instance, and one of EC2's actions.
func bill(state ec2fake.State) []string {
	var lines, calls []string
	for i := range state.Instances {
		instance := &state.Instances[i]
		lines = append(lines, fmt.Sprintf("%s  %-10s %s  %s, %s", instance.ID, instance.Type, instance.Zone, instance.Capacity, instance.State))
	}
	for _, action := range slices.Sorted(maps.Keys(state.Calls)) {
		calls = append(calls, fmt.Sprintf("%s %d", action, state.Calls[action]))
	}
	return append(lines, "calls: "+strings.Join(calls, ", "))
}
