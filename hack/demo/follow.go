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
	// encores are the jobs that followed, and whole is how long everything took.
	encores []encore
	whole   time.Duration
	// bill is what EC2 tells in the end, where nodes came from it.
	bill []string
}

// moment is one line of the timeline.
type moment struct {
	what, remark string
	at           time.Time
}

// jobTimeout bounds how long the demo waits for its job.
const jobTimeout = 5 * time.Minute

// follow shows the job's way until it has ended.
func follow(ctx context.Context, board *progress.Board, line *progress.Step, u user, w *watcher, cluster local, id string) (*story, error) {
	submitted := time.Now()
	var status types.JobStatus
	reached := map[types.JobStatus]time.Time{}
	job, err := u.await(ctx, id, func(job types.JobDetail) {
		if job.Status != status {
			status = job.Status
			reached[status] = time.Now()
			board.Say("         %+6.2fs  %s", time.Since(submitted).Seconds(), status)
		}
		line.Note("%s %s", status, aws.ToString(job.StatusReason))
	})
	if err != nil {
		return nil, err
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

// await shows the job each time it is looked at, until it has ended.
func (u user) await(ctx context.Context, id string, show func(types.JobDetail)) (types.JobDetail, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, jobTimeout, fmt.Errorf("the job has not ended within %v", jobTimeout))
	defer cancel()
	var job types.JobDetail
	err := poll(ctx, func() (bool, error) {
		now, err := u.describe(ctx, id)
		if err != nil {
			return false, err
		}
		job = now
		show(job)
		return job.Status == types.JobStatusSucceeded || job.Status == types.JobStatusFailed, nil
	})
	if err == nil {
		return job, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return job, fmt.Errorf("job %s is %s (%s): %w", id, job.Status, aws.ToString(job.StatusReason), err)
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
	object, err := w.findPod(ctx, id, "")
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
