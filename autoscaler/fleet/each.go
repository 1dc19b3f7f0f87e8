// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

const (
	launchesAtOnce  = 8
	rollbackTimeout = time.Minute
)

// Single launches and ends single instances: what a fleet has whose machines come one by one.
type Single interface {
	// LaunchOne starts the instance with the token, or finds it if it was started before. The request is for one type.
	LaunchOne(ctx context.Context, r LaunchRequest, token string) (Instance, error)
	Terminate(ctx context.Context, ids []string) error
}

// LaunchEach is Fleet.Launch for a Single. Of several types, an instance is of the first that there is. After the first failure
// no further instance is started; with r.Whole those that were are ended again.
func LaunchEach(ctx context.Context, s Single, r LaunchRequest) ([]Instance, error) {
	instances, err := launchEach(ctx, s, r)
	if err == nil || !r.Whole || len(instances) == 0 {
		return instances, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	ids := make([]string, len(instances))
	for i := range instances {
		ids[i] = instances[i].ID
	}
	if undo := s.Terminate(ctx, ids); undo != nil {
		return instances, errors.Join(err, fmt.Errorf("end the %d instances of an incomplete launch: %w", len(ids), undo))
	}
	return nil, err
}

func launchEach(ctx context.Context, s Single, r LaunchRequest) ([]Instance, error) {
	var (
		workers sync.WaitGroup
		mu      sync.Mutex // guards next, failed and got
		next    int
		failed  error
		got     []Instance
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= r.Count && failed == nil
	}
	for range min(r.Count, launchesAtOnce) {
		workers.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				instance, err := launchOne(ctx, s, &r, InstanceToken(r.Token, i))
				mu.Lock()
				if err != nil {
					failed = errors.Join(failed, err)
				} else {
					got = append(got, instance)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return got, failed
}

// launchOne tries the request's types in their order, until one is there or something else goes wrong.
func launchOne(ctx context.Context, s Single, r *LaunchRequest, token string) (Instance, error) {
	choices := r.Choices()
	var last *CapacityError
	for _, t := range choices {
		instance, err := s.LaunchOne(ctx, r.Of(t), token)
		if !errors.As(err, &last) {
			return instance, err
		}
	}
	return Instance{}, &CapacityError{InstanceType: instancetype.Names(choices), Err: last.Err}
}
