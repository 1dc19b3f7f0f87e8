// SPDX-License-Identifier: Apache-2.0

package batch

import "time"

// Rest is how the children of an array ended that had no record of their own.
type Rest struct {
	Reason    string
	StoppedAt time.Time
}

// Child is the child of an array as it is before it has a record of its own, which it gets with its first transition. status
// is what the store keeps of it: PENDING, RUNNABLE, or FAILED with the array's Rest.
func (j *Job) Child(index int, status JobStatus) Job {
	child := *j
	child.ID, child.ArrayIndex = ChildID(j.ID, index), &index
	child.Status, child.StatusReason, child.BlockedAt = status, "", time.Time{}
	child.StartedAt, child.StoppedAt = time.Time{}, time.Time{}
	child.Stop, child.Children, child.Spent, child.Rest, child.Version = nil, nil, Cost{}, nil, 0
	child.Unmet, child.Tags = nil, nil // AWS Batch: tags of an array are not its children's
	if status == StatusFailed && j.Rest != nil {
		child.StatusReason, child.StoppedAt, child.Stop = j.Rest.Reason, j.Rest.StoppedAt, j.Stop
	}
	if status == StatusPending {
		child.Unmet = j.ownUnmet(index)
	}
	return child
}

// ownUnmet are what one child waits for beyond what the whole array waits for.
func (j *Job) ownUnmet(index int) []string {
	var ids []string
	for _, d := range j.DependsOn {
		switch {
		case d.Type == DependencyNToN:
			ids = append(ids, ChildID(d.JobID, index))
		case d.Type == DependencySequential && index > 0:
			ids = append(ids, ChildID(j.ID, index-1))
		}
	}
	return ids
}

// HasOwnDependencies reports whether the array's children wait one by one: N_TO_N or SEQUENTIAL.
func (j *Job) HasOwnDependencies() bool {
	for _, d := range j.DependsOn {
		if d.Type != "" {
			return true
		}
	}
	return false
}

// InitialChildStatus is the status of the children that have no record of their own.
func (j *Job) InitialChildStatus() JobStatus {
	switch {
	case j.Rest != nil:
		return StatusFailed
	case len(j.Unmet) > 0 || j.HasOwnDependencies():
		return StatusPending
	default:
		return StatusRunnable
	}
}
