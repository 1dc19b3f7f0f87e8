// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// An infrastructure update that terminates jobs: the node goes, the job runs again on one of the new generation, and then the
// environment is VALID again.
func TestInfrastructureUpdateReplacesNodes(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "update", siteConfig{maxNodes: 2}), newWitness(t)
	id := s.submit(t, shell{script: `trap 'exit 143' TERM; ` + witnessed, folder: w.folder, attempts: 2})
	w.awaitMark(t, "runs")
	s.awaitStatus(t, id, soon, types.JobStatusRunning)
	old := s.machines(t)
	if len(old) != 1 {
		t.Fatalf("nodes: %v", old)
	}

	_, err := s.api.UpdateComputeEnvironment(t.Context(), &sdk.UpdateComputeEnvironmentInput{
		ComputeEnvironment: &s.name,
		ComputeResources: &types.ComputeResourceUpdate{
			AllocationStrategy: types.CRUpdateAllocationStrategyBestFitProgressive, Tags: map[string]string{"new": "true"},
		},
		UpdatePolicy: &types.UpdatePolicy{TerminateJobsOnUpdate: aws.Bool(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.api.DescribeComputeEnvironments(t.Context(), &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{s.name}})
	if err != nil || out.ComputeEnvironments[0].Status != types.CEStatusUpdating {
		t.Errorf("after the update the environment is %s (%v)", show(out.ComputeEnvironments), err)
	}
	await(t, long, "the job runs a second time", func(context.Context) error { return atLeast(2, len(w.lines(t, "runs"))) })
	awaitValid(t, s.api, s.name)
	for instance, generation := range s.machines(t) {
		if generation != "2" {
			t.Errorf("instance %s of generation %s is left", instance, generation)
		}
	}
	w.release(t)
	job := s.awaitStatus(t, id, long, types.JobStatusSucceeded)
	if len(job.EksAttempts) != 2 {
		t.Fatalf("attempts:\n%s", show(job.EksAttempts))
	}
	for instance := range old {
		wantText(t, "reason of the first attempt", aws.ToString(job.EksAttempts[0].StatusReason), fmt.Sprintf("Host EC2 (instance %s) terminated.", instance))
	}
}

// machines are the generations of the environment's nodes, by the instances behind them.
func (s *site) machines(t *testing.T) map[string]string {
	t.Helper()
	nodes, err := local.nodes(t.Context(), s.uuid)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, n := range nodes {
		out[n.Labels[batchmeta.InstanceID]] = n.Labels[batchmeta.Generation]
	}
	return out
}
