// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// busybox is what users paste; the local registry has it.
const busybox = "public.ecr.aws/docker/library/busybox"

// shell is a job that runs a shell script in busybox, by eksProperties.
type shell struct {
	script string
	// image is busybox by default.
	image string
	// cpu is 0.25 by default.
	cpu string
	// folder of this machine, mounted as /host.
	folder string
	// attempts, timeoutSeconds and children are the job's; 0 for none.
	attempts, timeoutSeconds, children int32
	dependsOn                          []types.JobDependency
}

// submit registers a definition of the site's name and submits a job of it. It returns the job's id.
func (s *site) submit(t *testing.T, job shell) string {
	t.Helper()
	definition := s.register(t, &sdk.RegisterJobDefinitionInput{
		Type: types.JobDefinitionTypeContainer, EksProperties: &types.EksProperties{PodProperties: job.pod()},
	})
	in := &sdk.SubmitJobInput{JobDefinition: &definition, DependsOn: job.dependsOn}
	if job.children > 0 {
		in.ArrayProperties = &types.ArrayProperties{Size: &job.children}
	}
	if job.attempts > 0 {
		in.RetryStrategy = &types.RetryStrategy{Attempts: &job.attempts}
	}
	if job.timeoutSeconds > 0 {
		in.Timeout = &types.JobTimeout{AttemptDurationSeconds: &job.timeoutSeconds}
	}
	return s.start(t, in)
}

// pod is the script as a pod.
func (job shell) pod() *types.EksPodProperties {
	container := types.EksContainer{
		Image:   aws.String(busybox),
		Command: []string{"sh", "-c", job.script},
		Resources: &types.EksContainerResourceRequirements{
			Requests: map[string]string{"cpu": "0.25"},
			Limits:   map[string]string{"memory": "64Mi"},
		},
	}
	if job.image != "" {
		container.Image = &job.image
	}
	if job.cpu != "" {
		container.Resources.Requests["cpu"] = job.cpu
	}
	pod := &types.EksPodProperties{}
	if job.folder != "" {
		container.VolumeMounts = []types.EksContainerVolumeMount{{Name: aws.String("host"), MountPath: aws.String("/host")}}
		pod.Volumes = []types.EksVolume{{Name: aws.String("host"), HostPath: &types.EksHostPath{Path: &job.folder}}}
	}
	pod.Containers = []types.EksContainer{container}
	return pod
}

// register registers a definition of the site's name and returns its ARN.
func (s *site) register(t *testing.T, in *sdk.RegisterJobDefinitionInput) string {
	t.Helper()
	in.JobDefinitionName = &s.name
	out, err := s.api.RegisterJobDefinition(t.Context(), in)
	if err != nil {
		t.Fatalf("register job definition: %v", err)
	}
	return aws.ToString(out.JobDefinitionArn)
}

// start submits a job to the site's queue and returns its id.
func (s *site) start(t *testing.T, in *sdk.SubmitJobInput) string {
	t.Helper()
	in.JobName, in.JobQueue = &s.name, &s.name
	out, err := s.api.SubmitJob(t.Context(), in)
	if err != nil {
		t.Fatalf("submit job: %v", err)
	}
	return aws.ToString(out.JobId)
}

// after is a dependency on a job. The kind is empty for a plain one, and the job is for SEQUENTIAL.
func after(kind types.ArrayJobDependency, id string) types.JobDependency {
	d := types.JobDependency{Type: kind}
	if id != "" {
		d.JobId = &id
	}
	return d
}

// job describes a job.
func (s *site) job(ctx context.Context, id string) (types.JobDetail, error) {
	out, err := s.api.DescribeJobs(ctx, &sdk.DescribeJobsInput{Jobs: []string{id}})
	if err != nil {
		return types.JobDetail{}, err
	}
	if len(out.Jobs) != 1 {
		return types.JobDetail{}, hopelessError{fmt.Errorf("%d jobs have the id %s", len(out.Jobs), id)}
	}
	return out.Jobs[0], nil
}

// awaitStatus waits until the job has the status, and returns it. A job that has ended otherwise is not waited for.
func (s *site) awaitStatus(t *testing.T, id string, limit time.Duration, status types.JobStatus) types.JobDetail {
	t.Helper()
	var job types.JobDetail
	await(t, limit, "job becomes "+string(status), func(ctx context.Context) error {
		var err error
		if job, err = s.job(ctx, id); err != nil {
			return err
		}
		switch {
		case job.Status == status:
			return nil
		case isTerminal(job.Status):
			return hopelessError{fmt.Errorf("it is\n%s", show(job))}
		}
		return fmt.Errorf("it is\n%s", show(job))
	})
	return job
}

func isTerminal(status types.JobStatus) bool {
	return slices.Contains([]types.JobStatus{types.JobStatusSucceeded, types.JobStatusFailed}, status)
}

// show prints what the API says about something, as JSON without what is absent.
func show(v any) string {
	var object any
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	text, _ = json.MarshalIndent(present(object), "", " ")
	return string(text)
}

// present leaves out null, "" and what is empty without them.
func present(object any) any {
	switch object := object.(type) {
	case map[string]any:
		maps.DeleteFunc(object, func(key string, value any) bool {
			object[key] = present(value)
			return object[key] == nil
		})
		if len(object) > 0 {
			return object
		}
	case []any:
		for i := range object {
			object[i] = present(object[i])
		}
		if len(object) > 0 {
			return object
		}
	case string:
		if object != "" {
			return object
		}
	default:
		return object
	}
	return nil
}

// wantEnd checks how a job ended: its statusReason, and the exit code of each attempt's one container, -1 for none.
func wantEnd(t *testing.T, job types.JobDetail, reason string, exitCodes ...int32) {
	t.Helper()
	if got := aws.ToString(job.StatusReason); got != reason {
		t.Errorf("statusReason = %q, want %q", got, reason)
	}
	if aws.ToInt64(job.StoppedAt) < aws.ToInt64(job.CreatedAt) {
		t.Errorf("stoppedAt = %d, createdAt = %d", aws.ToInt64(job.StoppedAt), aws.ToInt64(job.CreatedAt))
	}
	var got []int32
	for _, attempt := range job.EksAttempts {
		code := int32(-1)
		if len(attempt.Containers) == 1 && attempt.Containers[0].ExitCode != nil {
			code = *attempt.Containers[0].ExitCode
		}
		got = append(got, code)
	}
	if !slices.Equal(got, exitCodes) {
		t.Errorf("exit codes of the attempts = %v, want %v; the job is\n%s", got, exitCodes, show(job))
	}
}
