// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// describe is the site's environment.
func (s *site) describe(ctx context.Context) (*types.ComputeEnvironmentDetail, error) {
	out, err := s.api.DescribeComputeEnvironments(ctx, &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{s.name}})
	if err != nil {
		return nil, err
	}
	if len(out.ComputeEnvironments) != 1 {
		return nil, fmt.Errorf("%d environments", len(out.ComputeEnvironments))
	}
	return &out.ComputeEnvironments[0], nil
}

// awaitEnvironment waits until the environment has a status, for a reason that begins as given, and so many desired vCPUs.
func (s *site) awaitEnvironment(t *testing.T, status types.CEStatus, reason string, desired int32) {
	t.Helper()
	await(t, long, "compute environment "+s.name+" is "+string(status), func(ctx context.Context) error {
		e, err := s.describe(ctx)
		if err != nil {
			return err
		}
		got := aws.ToInt32(e.ComputeResources.DesiredvCpus)
		if e.Status != status || !strings.HasPrefix(aws.ToString(e.StatusReason), reason) || got != desired {
			return fmt.Errorf("%s %q, desiredvCpus %d", e.Status, aws.ToString(e.StatusReason), got)
		}
		return nil
	})
}

// What EC2 refuses makes the environment INVALID in EC2's words, its job waits for it, and an update that mends it lets the
// job run.
func TestEC2RefusedEnvironmentIsInvalidUntilItIsUpdated(t *testing.T) {
	t.Parallel()
	resources := onDemand("r5.large")
	resources.LaunchTemplate = &types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("gone")}
	s, w := newCloudSite(t, "ec2-refused", resources), newWitness(t)
	id := s.submit(t, shell{script: witnessed, folder: w.folder})
	s.awaitEnvironment(t, types.CEStatusInvalid, "CLIENT_ERROR - InvalidLaunchTemplateName.NotFoundException: ", 0)
	await(t, soon, "the job says so", func(ctx context.Context) error {
		job, err := s.job(ctx, id)
		if err != nil {
			return err
		}
		if got := aws.ToString(job.StatusReason); got != "ACTION_REQUIRED - CE(s) associated with the job queue are invalid." {
			return fmt.Errorf("%s %q", job.Status, got)
		}
		return nil
	})
	_, err := s.api.UpdateComputeEnvironment(t.Context(), &sdk.UpdateComputeEnvironmentInput{
		ComputeEnvironment: &s.name, ComputeResources: &types.ComputeResourceUpdate{
			LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("")},
			InstanceTypes:  []string{"r6i.large"}, // the other one is left alone for a while
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.awaitEnvironment(t, types.CEStatusValid, "ComputeEnvironment Healthy", 2) // while its node is there
	w.release(t)
	s.awaitStatus(t, id, long, types.JobStatusSucceeded)
}
