// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// untilTerminated runs until it gets SIGTERM and ends at once then. The shell is the container's first process, to which
// the kernel delivers only signals that it handles: a line in the file runs says that it does.
const untilTerminated = `trap 'exit 143' TERM; echo ran >>/host/runs; sleep 600 & wait`

func TestFailingJobIsTriedThreeTimes(t *testing.T) {
	t.Parallel()
	s := newSite(t, "retry", siteConfig{})
	id := s.submit(t, shell{script: "exit $((AWS_BATCH_JOB_ATTEMPT + 2))", attempts: 3})
	job := s.awaitStatus(t, id, long, types.JobStatusFailed)
	wantEnd(t, job, "Essential container in task exited", 3, 4, 5)
	pods := map[string]bool{}
	for i, attempt := range job.EksAttempts {
		pods[aws.ToString(attempt.PodName)] = true
		wantText(t, fmt.Sprintf("eksAttempts[%d].statusReason", i), aws.ToString(attempt.StatusReason), "Essential container in task exited")
		if aws.ToInt64(attempt.StoppedAt) < aws.ToInt64(attempt.StartedAt) || aws.ToInt64(attempt.StartedAt) == 0 {
			t.Errorf("eksAttempts[%d] ran from %v to %v", i, attempt.StartedAt, attempt.StoppedAt)
		}
	}
	if len(pods) != 3 {
		t.Errorf("%d pod names, want one for each attempt:\n%s", len(pods), show(job.EksAttempts))
	}
}

func TestJobIsStoppedByItsTimeout(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "timeout", siteConfig{}), newWitness(t)
	id := s.submit(t, shell{script: untilTerminated, folder: w.folder, attempts: 2, timeoutSeconds: 60})
	job := s.awaitStatus(t, id, long+time.Minute, types.JobStatusFailed)
	// Never retried, however many attempts there are.
	wantEnd(t, job, "Job attempt duration exceeded timeout", 143)
	if len(job.EksAttempts) == 1 {
		wantText(t, "statusReason of the attempt", aws.ToString(job.EksAttempts[0].StatusReason), "Job attempt duration exceeded timeout")
	}
	ran := time.Duration(aws.ToInt64(job.StoppedAt)-aws.ToInt64(job.StartedAt)) * time.Millisecond
	t.Logf("it ran for %v", ran)
	if ran < time.Minute || ran > long {
		t.Errorf("it ran for %v, want a minute and a little more", ran)
	}
}

func TestRunningJobIsTerminatedAndNotCancelled(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "terminate", siteConfig{}), newWitness(t)
	id := s.submit(t, shell{script: untilTerminated, folder: w.folder, attempts: 2})
	w.awaitMark(t, "runs")
	s.awaitStatus(t, id, soon, types.JobStatusRunning)
	if _, err := s.api.CancelJob(t.Context(), &sdk.CancelJobInput{JobId: &id, Reason: aws.String("too late")}); err != nil {
		t.Fatalf("cancel a running job: %v", err)
	}
	if job, err := s.job(t.Context(), id); err != nil || job.Status != types.JobStatusRunning {
		t.Errorf("after CancelJob the job is %s, want RUNNING (%v)", job.Status, err)
	}
	const reason = "Enough is enough: <stop> & rest"
	terminated := time.Now()
	if _, err := s.api.TerminateJob(t.Context(), &sdk.TerminateJobInput{JobId: &id, Reason: aws.String(reason)}); err != nil {
		t.Fatalf("terminate job: %v", err)
	}
	job := s.awaitStatus(t, id, soon, types.JobStatusFailed)
	wantEnd(t, job, reason, 143)
	if !aws.ToBool(job.IsTerminated) || aws.ToBool(job.IsCancelled) {
		t.Errorf("isTerminated = %v, isCancelled = %v, want true and absent", aws.ToBool(job.IsTerminated), aws.ToBool(job.IsCancelled))
	}
	t.Logf("TerminateJob to FAILED: %v", time.Since(terminated).Round(time.Millisecond))
}

func TestWaitingJobIsCancelled(t *testing.T) {
	t.Parallel()
	s := newSite(t, "cancel", siteConfig{instanceType: instanceTypeNone})
	// The first fills the environment, which never gets a node; the second waits for the first.
	full := shell{script: "true", cpu: strconv.Itoa(nodeCPUs), attempts: 2}
	admitted, queued := s.submit(t, full), s.submit(t, full)
	await(t, soon, "the first job's pod is made", func(ctx context.Context) error { return wantPods(ctx, s, 1) })
	const reason = "Changed my mind"
	for _, id := range []string{queued, admitted} {
		if _, err := s.api.CancelJob(t.Context(), &sdk.CancelJobInput{JobId: &id, Reason: aws.String(reason)}); err != nil {
			t.Fatalf("cancel job: %v", err)
		}
		job := s.awaitStatus(t, id, soon, types.JobStatusFailed)
		wantEnd(t, job, reason)
		if !aws.ToBool(job.IsCancelled) {
			t.Error("isCancelled is absent")
		}
	}
	await(t, soon, "the pod goes", func(ctx context.Context) error { return wantPods(ctx, s, 0) })
}

func wantPods(ctx context.Context, s *site, want int) error {
	pods, err := local.pods(ctx, s.uuid)
	if err == nil && len(pods) != want {
		err = fmt.Errorf("%d pods", len(pods))
	}
	return err
}

func TestImageThatCannotBePulled(t *testing.T) {
	t.Parallel()
	s := newSite(t, "image", siteConfig{})
	id := s.submit(t, shell{script: "true", image: "registry.invalid/nothing/here:1"})
	job := s.awaitStatus(t, id, long, types.JobStatusFailed)
	wantEnd(t, job, "Task failed to start", -1)
	if len(job.EksAttempts) != 1 || len(job.EksAttempts[0].Containers) != 1 {
		t.Fatalf("want one attempt with one container:\n%s", show(job))
	}
	attempt := job.EksAttempts[0]
	wantText(t, "statusReason of the attempt", aws.ToString(attempt.StatusReason), "Task failed to start")
	if reason := aws.ToString(attempt.Containers[0].Reason); !strings.HasPrefix(reason, "CannotPullContainerError: ") {
		t.Errorf("reason of the container = %q, want CannotPullContainerError: …", reason)
	}
	if attempt.StartedAt != nil {
		t.Errorf("the attempt started at %d, although nothing ran", *attempt.StartedAt)
	}
}

func TestKernelKillsAContainer(t *testing.T) {
	t.Parallel()
	s := newSite(t, "killed", siteConfig{})
	run := func(t *testing.T, script string) string {
		t.Helper()
		definition := s.register(t, &sdk.RegisterJobDefinitionInput{
			Type: types.JobDefinitionTypeContainer, ContainerProperties: container(script, "0.25", t.TempDir()),
		})
		return s.start(t, &sdk.SubmitJobInput{JobDefinition: &definition})
	}
	want := func(t *testing.T, job types.JobDetail, statusReason, reason string) {
		t.Helper()
		wantText(t, "statusReason", aws.ToString(job.StatusReason), statusReason)
		if c := job.Container; c == nil || c.ExitCode == nil || *c.ExitCode != 137 || aws.ToString(c.Reason) != reason {
			t.Errorf("container = %s, want exit code 137 and reason %q", show(c), reason)
		}
	}
	t.Run("that takes more memory than it may", func(t *testing.T) {
		t.Parallel()
		// It ends a little after what the kernel killed, for containerd learns of the kill and of the end on two ways, and
		// says "Error" of a container whose end is heard first.
		id := run(t, "head -c 300000000 /dev/zero | tail -n 1 >/dev/null; code=$?; sleep 10; exit $code")
		job := s.awaitStatus(t, id, long, types.JobStatusFailed)
		want(t, job, "Essential container in task exited", "OutOfMemoryError: Container killed due to memory usage")
	})
	t.Run("that does not end when it is told to", func(t *testing.T) {
		t.Parallel()
		id := run(t, "trap '' TERM; sleep 600")
		s.awaitStatus(t, id, long, types.JobStatusRunning)
		told := time.Now()
		if _, err := s.api.TerminateJob(t.Context(), &sdk.TerminateJobInput{JobId: &id, Reason: aws.String("stop")}); err != nil {
			t.Fatalf("terminate job: %v", err)
		}
		want(t, s.awaitStatus(t, id, long, types.JobStatusFailed), "stop", "")
		if after := time.Since(told); after < 30*time.Second {
			t.Errorf("it was killed after %v, less than 30 s", after)
		}
	})
}
