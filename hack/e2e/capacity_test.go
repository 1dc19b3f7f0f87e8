// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// The bounds are generous: the numbers are for the log.
const (
	maxLaunchDelay = 5 * time.Second
	maxBindDelay   = 5 * time.Second
)

func TestNodesComeFromZeroAndGoBack(t *testing.T) {
	s := newSite(t, "zero", siteConfig{})
	nodeReady, podBound := s.firstSeen(t)
	submitted := time.Now()
	id := s.submit(t, shell{script: "true"})
	job := s.awaitStatus(t, id, long, types.JobStatusSucceeded)
	succeeded := time.Now()
	wantEnd(t, job, "Essential container in task exited", 0)

	launches := local.launches(t, s.name)
	if len(launches) != 1 {
		t.Fatalf("%d launch calls, want 1", len(launches))
	}
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
