// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/hack/localcluster/progress"
)

// story is what there is to tell of a job.
type story struct {
	job   types.JobDetail
	node  string
	log   string
	times []moment
	total time.Duration
}

// moment is one line of the timeline.
type moment struct {
	what, remark string
	at           time.Time
}

// jobTimeout bounds how long the demo waits for its job.
const jobTimeout = 2 * time.Minute

// follow shows the job's way until it has ended.
func follow(ctx context.Context, board *progress.Board, line *progress.Step, u user, w *watcher, cluster local, id string) (*story, error) {
	submitted := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, jobTimeout, fmt.Errorf("the job has not ended within %v", jobTimeout))
	defer cancel()
	var job types.JobDetail
	var status types.JobStatus
	reached := map[types.JobStatus]time.Time{}
	err := poll(ctx, func() (bool, error) {
		var err error
		if job, err = u.describe(ctx, id); err != nil {
			return false, err
		}
		if job.Status != status {
			status = job.Status
			reached[status] = time.Now()
			board.Say("         %+6.2fs  %s", time.Since(submitted).Seconds(), status)
		}
		line.Note("%s %s", status, aws.ToString(job.StatusReason))
		return status == types.JobStatusSucceeded || status == types.JobStatusFailed, nil
	})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("job %s is %s (%s): %w", id, status, aws.ToString(job.StatusReason), err)
	}
	seen := &story{job: job}
	if err := seen.look(ctx, w, cluster, reached); err != nil {
		return nil, err
	}
	if status == types.JobStatusFailed {
		return nil, fmt.Errorf("job %s FAILED: %s", id, aws.ToString(job.StatusReason))
	}
	return seen, nil
}

// look gathers the timeline and the log.
func (s *story) look(ctx context.Context, w *watcher, cluster local, reached map[types.JobStatus]time.Time) error {
	id := aws.ToString(s.job.JobId)
	pod := w.pod(id)
	node := w.node(pod.node)
	s.node = pod.node
	launched, err := cluster.launchTime(ctx, pod.node)
	if err != nil {
		return err
	}
	if launched.IsZero() {
		launched = node.added
	}
	submitted := time.UnixMilli(aws.ToInt64(s.job.CreatedAt))
	running, wasSeen := reached[types.JobStatusRunning]
	if !wasSeen { // It was short.
		running = pod.running
	}
	s.times = []moment{
		{what: "submitted", at: submitted, remark: "job " + id},
		{what: "node launched", at: launched, remark: pod.node},
		{what: "node ready", at: node.ready},
		{what: "bound", at: pod.bound},
		{what: "running", at: running},
		{what: "succeeded", at: reached[types.JobStatusSucceeded]},
	}
	object, err := w.findPod(ctx, id)
	if err != nil {
		return err
	}
	s.times[3].remark = "pod " + object.Namespace + "/" + object.Name
	// A simulated node has no log to give.
	if s.log, err = w.log(ctx, object.Namespace, object.Name); err != nil {
		s.log = ""
	}
	return nil
}
