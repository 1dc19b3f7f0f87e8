// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// fakePlane answers every operation with what its name says, and SubmitJob with submit if that is set. It keeps nothing.
type fakePlane struct {
	submit func(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error)
}

var _ ControlPlane = fakePlane{}

const fakeJobID = "00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

func (fakePlane) CreateComputeEnvironment(
	_ context.Context, call batch.Call, in *awsapi.CreateComputeEnvironmentRequest,
) (*awsapi.CreateComputeEnvironmentResponse, error) {
	return &awsapi.CreateComputeEnvironmentResponse{
		ComputeEnvironmentName: in.ComputeEnvironmentName,
		ComputeEnvironmentArn:  new(call.ARN(batch.ARNComputeEnvironment, *in.ComputeEnvironmentName)),
	}, nil
}

func (fakePlane) DescribeComputeEnvironments(
	context.Context, batch.Call, *awsapi.DescribeComputeEnvironmentsRequest,
) (*awsapi.DescribeComputeEnvironmentsResponse, error) {
	return &awsapi.DescribeComputeEnvironmentsResponse{ComputeEnvironments: []awsapi.ComputeEnvironmentDetail{}}, nil
}

func (fakePlane) UpdateComputeEnvironment(
	_ context.Context, call batch.Call, in *awsapi.UpdateComputeEnvironmentRequest,
) (*awsapi.UpdateComputeEnvironmentResponse, error) {
	return &awsapi.UpdateComputeEnvironmentResponse{
		ComputeEnvironmentArn: new(call.ARN(batch.ARNComputeEnvironment, *in.ComputeEnvironment)),
	}, nil
}

func (fakePlane) DeleteComputeEnvironment(
	context.Context, batch.Call, *awsapi.DeleteComputeEnvironmentRequest,
) (*awsapi.DeleteComputeEnvironmentResponse, error) {
	return nil, nil
}

func (fakePlane) CreateJobQueue(
	_ context.Context, call batch.Call, in *awsapi.CreateJobQueueRequest,
) (*awsapi.CreateJobQueueResponse, error) {
	return &awsapi.CreateJobQueueResponse{
		JobQueueName: in.JobQueueName, JobQueueArn: new(call.ARN(batch.ARNJobQueue, *in.JobQueueName)),
	}, nil
}

func (fakePlane) DescribeJobQueues(
	context.Context, batch.Call, *awsapi.DescribeJobQueuesRequest,
) (*awsapi.DescribeJobQueuesResponse, error) {
	return &awsapi.DescribeJobQueuesResponse{JobQueues: []awsapi.JobQueueDetail{}}, nil
}

func (fakePlane) UpdateJobQueue(
	_ context.Context, call batch.Call, in *awsapi.UpdateJobQueueRequest,
) (*awsapi.UpdateJobQueueResponse, error) {
	return &awsapi.UpdateJobQueueResponse{JobQueueArn: new(call.ARN(batch.ARNJobQueue, *in.JobQueue))}, nil
}

func (fakePlane) DeleteJobQueue(
	context.Context, batch.Call, *awsapi.DeleteJobQueueRequest,
) (*awsapi.DeleteJobQueueResponse, error) {
	return nil, nil
}

func (fakePlane) RegisterJobDefinition(
	_ context.Context, call batch.Call, in *awsapi.RegisterJobDefinitionRequest,
) (*awsapi.RegisterJobDefinitionResponse, error) {
	return &awsapi.RegisterJobDefinitionResponse{
		JobDefinitionName: in.JobDefinitionName, Revision: new(1),
		JobDefinitionArn: new(call.ARN(batch.ARNJobDefinition, *in.JobDefinitionName+":1")),
	}, nil
}

func (fakePlane) DescribeJobDefinitions(
	context.Context, batch.Call, *awsapi.DescribeJobDefinitionsRequest,
) (*awsapi.DescribeJobDefinitionsResponse, error) {
	return &awsapi.DescribeJobDefinitionsResponse{JobDefinitions: []awsapi.JobDefinition{}}, nil
}

func (fakePlane) DeregisterJobDefinition(
	context.Context, batch.Call, *awsapi.DeregisterJobDefinitionRequest,
) (*awsapi.DeregisterJobDefinitionResponse, error) {
	return nil, nil
}

func (p fakePlane) SubmitJob(
	ctx context.Context, call batch.Call, in *awsapi.SubmitJobRequest,
) (*awsapi.SubmitJobResponse, error) {
	if p.submit != nil {
		return p.submit(ctx, call, in)
	}
	return &awsapi.SubmitJobResponse{
		JobName: in.JobName, JobId: new(fakeJobID), JobArn: new(call.ARN(batch.ARNJob, fakeJobID)),
	}, nil
}

func (fakePlane) DescribeJobs(
	_ context.Context, call batch.Call, in *awsapi.DescribeJobsRequest,
) (*awsapi.DescribeJobsResponse, error) {
	out := &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{}}
	for _, id := range in.Jobs {
		out.Jobs = append(out.Jobs, awsapi.JobDetail{
			JobId: &id, JobName: new("j"), JobArn: new(call.ARN(batch.ARNJob, id)), Status: new("FAILED"),
			JobQueue: new(call.ARN(batch.ARNJobQueue, "q")), JobDefinition: new(call.ARN(batch.ARNJobDefinition, "d:1")),
			StatusReason: new("Essential container in task exited"),
			CreatedAt:    new(int64(1748306091676)), StartedAt: new(int64(1748306353170)), StoppedAt: new(int64(1748306382483)),
			Attempts: []awsapi.AttemptDetail{{
				Container: &awsapi.AttemptContainerDetail{ExitCode: new(3), NetworkInterfaces: []awsapi.NetworkInterface{}},
			}},
			Container: &awsapi.ContainerDetail{
				Image: new("busybox"), Command: []string{"sh", "-c", "a < b && c > d"}, ExitCode: new(3),
			},
			Parameters: map[string]string{}, DependsOn: []awsapi.JobDependency{}, EksAttempts: []awsapi.EksAttemptDetail{},
		})
	}
	return out, nil
}

func (fakePlane) ListJobs(context.Context, batch.Call, *awsapi.ListJobsRequest) (*awsapi.ListJobsResponse, error) {
	return &awsapi.ListJobsResponse{JobSummaryList: []awsapi.JobSummary{}, NextToken: new("more")}, nil
}

func (fakePlane) CancelJob(context.Context, batch.Call, *awsapi.CancelJobRequest) (*awsapi.CancelJobResponse, error) {
	return nil, nil
}

func (fakePlane) TerminateJob(
	context.Context, batch.Call, *awsapi.TerminateJobRequest,
) (*awsapi.TerminateJobResponse, error) {
	return &awsapi.TerminateJobResponse{}, nil
}

func newServer(tb testing.TB, plane ControlPlane, cfg Config) *Server {
	tb.Helper()
	s, err := New(plane, prometheus.NewRegistry(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// post sends a body to an operation's path and returns the answer.
func post(tb testing.TB, h http.Handler, path, body string) *httptest.ResponseRecorder {
	tb.Helper()
	return do(h, httptest.NewRequestWithContext(tb.Context(), http.MethodPost, path, strings.NewReader(body)))
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Body = &bytes.Buffer{}
	h.ServeHTTP(w, r)
	return w
}

const submitBody = `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`
