// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/client"
)

// maxDescribed is how many jobs one request may ask about. AWS Batch: 100.
const maxDescribed = 100

// value is what p points to, or nothing.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// jobID is the id in an argument: an id, or an ARN.
func jobID(arg string) string {
	if _, id, ok := strings.Cut(arg, ":job/"); ok && strings.HasPrefix(arg, "arn:") {
		return id
	}
	return arg
}

// resourceName is the name in an ARN, or the name.
func resourceName(arn string) string {
	if !strings.HasPrefix(arn, "arn:") {
		return arn
	}
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// jobIDs are those in arguments. The argument - stands for the lines of standard input.
func (f *frame) jobIDs(args []string) ([]string, error) {
	var ids []string
	for _, arg := range args {
		if arg != "-" {
			ids = append(ids, jobID(arg))
			continue
		}
		lines := bufio.NewScanner(io.LimitReader(f.In, maxInput))
		for lines.Scan() {
			if id := strings.TrimSpace(lines.Text()); id != "" {
				ids = append(ids, jobID(id))
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read job ids: %w", err)
		}
	}
	if len(ids) == 0 {
		return nil, usagef("no job ids were given")
	}
	return ids, nil
}

// maxInput bounds what is read of standard input, and of files.
const maxInput = 64 << 20

// describe gives jobs in the order of their ids, and fails if one is not there.
func (f *frame) describe(ctx context.Context, ids ...string) ([]awsapi.JobDetail, error) {
	found, err := f.lookUp(ctx, ids)
	if err != nil {
		return nil, err
	}
	jobs := make([]awsapi.JobDetail, 0, len(ids))
	for _, id := range ids {
		job, ok := found[id]
		if !ok {
			return nil, noJob(id)
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// noJob says that there is no such job, which looks the same as one that others may see.
func noJob(id string) error { return fmt.Errorf("job %s is not there, or not yours to see", id) }

// orNoJob is what went wrong when a job was asked for.
func orNoJob(err error, id string) error {
	if client.IsNotFound(err) && !client.IsUnknownOperation(err) {
		return noJob(id)
	}
	return err
}

// lookUp gives the jobs that are there, by id.
func (f *frame) lookUp(ctx context.Context, ids []string) (map[string]awsapi.JobDetail, error) {
	c, err := f.connect(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string]awsapi.JobDetail, len(ids))
	for chunk := range slices.Chunk(ids, maxDescribed) {
		out, err := client.Do[awsapi.DescribeJobsResponse](ctx, c, "DescribeJobs", &awsapi.DescribeJobsRequest{Jobs: chunk})
		if err != nil {
			return nil, err
		}
		for _, job := range out.Jobs {
			found[value(job.JobId)] = job
		}
	}
	return found, nil
}

func statusOf(job *awsapi.JobDetail) batch.JobStatus { return batch.JobStatus(value(job.Status)) }

// isArray reports whether the job is an array, not a child of one.
func isArray(job *awsapi.JobDetail) bool {
	return job.ArrayProperties != nil && job.ArrayProperties.Index == nil && job.ArrayProperties.Size != nil
}

// isMultiNode reports whether the job is a multi-node one, not a node of one.
func isMultiNode(job *awsapi.JobDetail) bool {
	return job.NodeProperties != nil && (job.NodeDetails == nil || job.NodeDetails.NodeIndex == nil)
}

// exitCode is that of a job's containers: the first that is not 0. ok is false if none told.
func exitCode(job *awsapi.JobDetail) (code int, ok bool) {
	var codes []*int
	if job.Container != nil {
		codes = append(codes, job.Container.ExitCode)
	}
	if p := job.EksProperties; p != nil && p.PodProperties != nil {
		for _, c := range slices.Concat(p.PodProperties.InitContainers, p.PodProperties.Containers) {
			codes = append(codes, c.ExitCode)
		}
	}
	if job.EcsProperties != nil {
		for _, t := range job.EcsProperties.TaskProperties {
			for _, c := range t.Containers {
				codes = append(codes, c.ExitCode)
			}
		}
	}
	if len(codes) == 0 { // a multi-node job, whose attempts are its main node's
		codes = attemptCodes(job)
	}
	for _, c := range codes {
		if c == nil {
			continue
		}
		if ok = true; *c != 0 {
			return *c, true
		}
	}
	return 0, ok
}

// attemptCodes are the exit codes of the containers of the last attempt.
func attemptCodes(job *awsapi.JobDetail) (codes []*int) {
	if n := len(job.Attempts); n > 0 {
		a := job.Attempts[n-1]
		if a.Container != nil {
			codes = append(codes, a.Container.ExitCode)
		}
		for _, t := range a.TaskProperties {
			for _, c := range t.Containers {
				codes = append(codes, c.ExitCode)
			}
		}
	}
	if n := len(job.EksAttempts); n > 0 {
		for _, c := range slices.Concat(job.EksAttempts[n-1].InitContainers, job.EksAttempts[n-1].Containers) {
			codes = append(codes, c.ExitCode)
		}
	}
	return codes
}

// exitOf is what the program ends with once a job has: with the job's own exit code, if it failed with one.
func exitOf(job *awsapi.JobDetail) error {
	if statusOf(job) == batch.StatusSucceeded {
		return nil
	}
	code, _ := exitCode(job)
	if code &= 0xff; code == 0 {
		code = ExitFailed
	}
	return &ExitError{Code: code}
}

// ending is how a job ended, in a few words.
func ending(job *awsapi.JobDetail) string {
	text := string(statusOf(job))
	if code, ok := exitCode(job); ok {
		text += fmt.Sprint(", exit code ", code)
	}
	if reason := value(job.StatusReason); reason != "" && statusOf(job) == batch.StatusFailed {
		text += ": " + reason
	}
	return text
}
