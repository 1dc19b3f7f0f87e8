// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// A queue goes with all its jobs: single ones, arrays and gangs, those that run, those that wait for others and those that
// wait for a node. Whoever waits for one of them in another queue is told.
func TestDeletedQueueEndsItsJobs(t *testing.T) {
	t.Parallel()
	s := newSite(t, "survivor", siteConfig{maxNodes: 2})
	doomed, w := &site{api: s.api, name: "doomed", uuid: s.uuid}, newWitness(t)
	createQueue(t, s.api, doomed.name, s.name)
	runs := shell{script: "trap 'echo stopped >>/host/stopped; exit 143' TERM; echo ran >>/host/runs; sleep 600 & wait", folder: w.folder}
	array, sequence := runs, runs
	array.children, sequence.children = 3, 3
	sequence.dependsOn = []types.JobDependency{after(types.ArrayJobDependencySequential, "")}
	gang := doomed.register(t, &sdk.RegisterJobDefinitionInput{
		Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{
			NumNodes: aws.Int32(2), MainNode: aws.Int32(0),
			NodeRangeProperties: []types.NodeRangeProperty{
				{TargetNodes: aws.String("0:1"), EksProperties: &types.EksProperties{PodProperties: runs.pod()}},
			},
		},
	})
	job := doomed.submit(t, runs)
	ids := []string{job, doomed.submit(t, array), doomed.submit(t, sequence), doomed.start(t, &sdk.SubmitJobInput{JobDefinition: &gang})}
	const running = 1 + 3 + 1 + 2
	await(t, long, "all containers that can run do", func(context.Context) error { return atLeast(running, len(w.lines(t, "runs"))) })

	// What comes now stays behind one that no node can take.
	tooLarge := runs
	tooLarge.cpu = strconv.Itoa(nodeCPUs + 1)
	dependent := runs
	dependent.dependsOn = []types.JobDependency{after("", job)}
	ids = append(ids, doomed.submit(t, tooLarge), doomed.submit(t, dependent), doomed.submit(t, array),
		doomed.start(t, &sdk.SubmitJobInput{JobDefinition: &gang}))
	elsewhere := s.submit(t, dependent)

	deleted := time.Now()
	if err := deleteQueue(t.Context(), s.api, doomed.name); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, s.awaitStatus(t, elsewhere, long, types.JobStatusFailed), "Dependent Job failed")
	await(t, long, "the queue is gone", func(ctx context.Context) error {
		out, err := s.api.DescribeJobQueues(ctx, &sdk.DescribeJobQueuesInput{JobQueues: []string{doomed.name}})
		if err == nil && len(out.JobQueues) > 0 {
			err = fmt.Errorf("it is %s", out.JobQueues[0].Status)
		}
		return err
	})
	t.Logf("DeleteJobQueue to the queue's end: %v", time.Since(deleted).Round(time.Millisecond))
	for _, id := range ids {
		if job, err := s.job(t.Context(), id); err != nil || job.Status != types.JobStatusFailed || aws.ToString(job.StatusReason) != "JobQueue deleted" {
			t.Errorf("want FAILED because of \"JobQueue deleted\" (%v):\n%s", err, show(job))
		}
	}
	await(t, long, "the pods go", func(ctx context.Context) error { return wantPods(ctx, s, 0) })
	for name, want := range map[string]int{"runs": running, "stopped": running} {
		if got := len(w.lines(t, name)); got != want {
			t.Errorf("%d containers wrote to %s, want %d", got, name, want)
		}
	}
}
