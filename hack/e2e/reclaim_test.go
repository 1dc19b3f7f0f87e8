// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// terminate ends an instance as its owner would: behind the autoscaler's back.
func (c *cluster) terminate(t *testing.T, id string) {
	t.Helper()
	request, err := json.Marshal(map[string]any{"instanceIds": []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(c.dir, "bin", "fleet"), "terminate")
	cmd.Stdin = bytes.NewReader(request)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("terminate %s: %v: %s", id, err, output)
	}
}

// Its exit code is unknown, not made up: nobody is left who could tell.
func TestReclaimedInstanceIsAFailureOfTheHost(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "reclaim", siteConfig{}), newWitness(t)
	id := s.submit(t, shell{script: `echo "$AWS_BATCH_JOB_ATTEMPT" >>/host/runs; [ "$AWS_BATCH_JOB_ATTEMPT" -eq 2 ] || sleep 600`, folder: w.folder, attempts: 2})
	s.awaitStatus(t, id, long, types.JobStatusRunning)
	instances, err := local.instances(t.Context(), s.name)
	if err != nil || len(instances) != 1 {
		t.Fatalf("%d instances, want 1 (%v)", len(instances), err)
	}
	lost := instances[0].InstanceID
	terminated := time.Now()
	local.terminate(t, lost)
	job := s.awaitStatus(t, id, long+time.Minute, types.JobStatusSucceeded)
	t.Logf("the end of the instance to SUCCEEDED on another: %v", time.Since(terminated).Round(time.Second))
	wantEnd(t, job, "Essential container in task exited", -1, 0)
	if diff := cmp.Diff([]string{"1", "2"}, w.lines(t, "runs")); diff != "" {
		t.Errorf("attempts that ran (-want +got):\n%s", diff)
	}
	wantText(t, "eksAttempts[0].statusReason", aws.ToString(job.EksAttempts[0].StatusReason), "Host EC2 (instance "+lost+") terminated.")
}
