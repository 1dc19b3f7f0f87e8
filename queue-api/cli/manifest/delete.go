// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"errors"
	"fmt"
)

// Deleter deletes things as AWS Batch wants it: what takes work is disabled first, and what others need goes after them.
type Deleter struct {
	API API
	// TerminatesJobs says that a queue may be deleted whose jobs have not ended, which ends them.
	TerminatesJobs bool
	// IsHasty says that nobody waits until things are gone.
	IsHasty bool
}

// ErrLiveJobs means that a queue has jobs that have not ended.
var ErrLiveJobs = errors.New("has jobs that have not ended, which would be terminated")

// live are the statuses of jobs that have not ended.
var live = [...]string{"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"}

// Delete deletes a thing. One that is not there is Absent.
func (d *Deleter) Delete(ctx context.Context, k *Kind, name string) (Action, error) {
	have, err := k.Find(ctx, d.API, name)
	if err != nil || have == nil {
		return Absent, err
	}
	if err := d.delete(ctx, k, name, have); err != nil {
		return "", fmt.Errorf("%s/%s: %w", k.Short, name, err)
	}
	return Deleted, nil
}

func (d *Deleter) delete(ctx context.Context, k *Kind, name string, have map[string]any) error {
	switch {
	case k == JobDefinition:
		return d.deregister(ctx, k, name)
	case k.hasStatus:
		return d.disableAndDelete(ctx, k, name, have)
	case k.named == k.arnMember:
		_, err := ask(ctx, d.API, k.remove, map[string]any{k.named: have[k.arnMember]})
		return err
	}
	_, err := ask(ctx, d.API, k.remove, map[string]any{k.named: name})
	return err
}

// deregister makes all revisions INACTIVE.
func (d *Deleter) deregister(ctx context.Context, k *Kind, name string) error {
	for {
		newest, err := k.Find(ctx, d.API, name)
		if err != nil || newest == nil {
			return err
		}
		if _, err := ask(ctx, d.API, k.remove, map[string]any{k.named: newest[k.arnMember]}); err != nil {
			return err
		}
	}
}

func (d *Deleter) disableAndDelete(ctx context.Context, k *Kind, name string, have map[string]any) error {
	if status, _ := statusOf(have); status != "DELETING" {
		if err := d.checkJobs(ctx, k, name); err != nil {
			return err
		}
		if have["state"] != "DISABLED" {
			if _, err := ask(ctx, d.API, k.update, map[string]any{k.named: name, "state": "DISABLED"}); err != nil {
				return err
			}
			if err := d.checkJobs(ctx, k, name); err != nil { // now none can come
				return fmt.Errorf("is DISABLED now, and %w", err)
			}
		}
		if _, err := ask(ctx, d.API, k.remove, map[string]any{k.named: name}); err != nil {
			return err
		}
	}
	if d.IsHasty {
		return nil
	}
	return k.awaitGone(ctx, d.API, name)
}

// checkJobs refuses to end jobs unless that was asked for.
func (d *Deleter) checkJobs(ctx context.Context, k *Kind, name string) error {
	if k != JobQueue || d.TerminatesJobs {
		return nil
	}
	for _, status := range live {
		page, err := ask(ctx, d.API, "ListJobs", map[string]any{"jobQueue": name, "jobStatus": status, "maxResults": 1})
		if err != nil {
			return err
		}
		if list, _ := page["jobSummaryList"].([]any); len(list) > 0 {
			return fmt.Errorf("%w (%s)", ErrLiveJobs, status)
		}
	}
	return nil
}
