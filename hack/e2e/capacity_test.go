// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// The bounds are for what waits for something that never comes, as a resync or a back-off: the numbers are for the log.
const (
	maxLaunchDelay = time.Minute
	maxBindDelay   = time.Minute
)

func TestNodesComeFromZeroAndGoBack(t *testing.T) {
	s := newSite(t, "zero", siteConfig{})
	nodeReady, podBound := s.firstSeen(t)
	submitted := time.Now()
	id := s.submit(t, shell{script: "true"})
	job := s.awaitStatus(t, id, long, types.JobStatusSucceeded)
	succeeded := time.Now()
	wantEnd(t, job, "Essential container in task exited", 0)

	if n := local.launched(t, s.name); n != 1 {
		t.Fatalf("%d instances were launched, want 1", n)
	}
	launches := local.launches(t, s.name)
	ready, bound := <-nodeReady, <-podBound
	t.Logf("submit to launch call %v, launch call to node ready %v, node ready to pod bound %v, submit to SUCCEEDED from no nodes %v",
		launches[0].at.Sub(submitted).Round(time.Millisecond), ready.Sub(launches[0].at).Round(time.Millisecond),
		bound.Sub(ready).Round(time.Millisecond), succeeded.Sub(submitted).Round(time.Millisecond))
	if d := launches[0].at.Sub(submitted); d > maxLaunchDelay {
		t.Errorf("submit to launch call took %v, more than %v", d, maxLaunchDelay)
	}
	if d := bound.Sub(ready); d > maxBindDelay {
		t.Errorf("node ready to pod bound took %v, more than %v", d, maxBindDelay)
	}
	// The queue is empty and nothing else runs yet: the tests beside others come later.
	if err := local.awaitEmpty(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	t.Logf("SUCCEEDED to no pod, node, instance or process left: %v", time.Since(succeeded).Round(time.Millisecond))
}

// Its exit code is unknown, not made up: nobody is left who could tell. Kubernetes gives a lost node's pods up after a minute
// and more, so this begins before the tests that run one by one and ends after them.
func TestReclaimedInstanceIsAFailureOfTheHost(t *testing.T) {
	s, w := newSite(t, "reclaim", siteConfig{}), newWitness(t)
	id := s.submit(t, shell{script: `echo "$AWS_BATCH_JOB_ATTEMPT" >>/host/runs; [ "$AWS_BATCH_JOB_ATTEMPT" -eq 2 ] || sleep 600`, folder: w.folder, attempts: 2})
	s.awaitStatus(t, id, long, types.JobStatusRunning)
	instances, err := local.instances(t.Context(), s.name)
	if err != nil || len(instances) != 1 {
		t.Fatalf("%d instances, want 1 (%v)", len(instances), err)
	}
	lost, terminated := instances[0].InstanceID, time.Now()
	local.terminate(t, lost)
	t.Parallel()

	job := s.awaitStatus(t, id, long+time.Minute, types.JobStatusSucceeded)
	wantEnd(t, job, "Essential container in task exited", -1, 0)
	t.Logf("the end of the instance to the job's start on another: %v",
		time.UnixMilli(aws.ToInt64(job.StartedAt)).Sub(terminated).Round(time.Second))
	if diff := cmp.Diff([]string{"1", "2"}, w.lines(t, "runs")); diff != "" {
		t.Errorf("attempts that ran (-want +got):\n%s", diff)
	}
	wantText(t, "eksAttempts[0].statusReason", aws.ToString(job.EksAttempts[0].StatusReason), "Host EC2 (instance "+lost+") terminated.")
}
