// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"fmt"
	"time"
)

// pollEvery lies between two looks at a thing that is waited for.
const pollEvery = 500 * time.Millisecond

// Await waits until a thing that is made little by little is VALID. It fails if that is INVALID, and says why; with ctx it says how far
// things are.
func (k *Kind) Await(ctx context.Context, api API, name string) error {
	if !k.hasStatus {
		return nil
	}
	return k.poll(ctx, api, name, func(thing map[string]any) (bool, error) {
		if thing == nil {
			return false, fmt.Errorf("%s/%s: is gone", k.Short, name)
		}
		status, reason := statusOf(thing)
		if status == "INVALID" {
			return false, fmt.Errorf("%s/%s is INVALID: %s", k.Short, name, reason)
		}
		return status == "VALID", nil
	})
}

// awaitGone waits until a thing is not there any more.
func (k *Kind) awaitGone(ctx context.Context, api API, name string) error {
	return k.poll(ctx, api, name, func(thing map[string]any) (bool, error) { return thing == nil, nil })
}

func (k *Kind) poll(ctx context.Context, api API, name string, isDone func(map[string]any) (bool, error)) error {
	var last string
	for {
		thing, err := k.Find(ctx, api, name)
		if err == nil {
			status, reason := statusOf(thing)
			last = status + " " + reason
			var done bool
			if done, err = isDone(thing); done {
				return nil
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s/%s is still %s: %w", k.Short, name, last, context.Cause(ctx))
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}
