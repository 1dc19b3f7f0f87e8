// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/sdktest"
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

const sdkRegion = "ap-southeast-2"

// newSDKClient is the AWS SDK's own client of plane, which does not retry.
func newSDKClient(t *testing.T, plane ControlPlane) *sdk.Client {
	t.Helper()
	server := httptest.NewServer(newServer(t, plane, Config{}))
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return sdk.New(sdk.Options{
		BaseEndpoint: &server.URL,
		Region:       sdkRegion,
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDTEST", SecretAccessKey: "secret", SessionToken: "token"}, nil
		}),
	})
}

func TestSDKSubmitsJob(t *testing.T) {
	t.Parallel()
	var call batch.Call
	var got *awsapi.SubmitJobRequest
	client := newSDKClient(t, fakePlane{submit: func(
		ctx context.Context, c batch.Call, in *awsapi.SubmitJobRequest,
	) (*awsapi.SubmitJobResponse, error) {
		call, got = c, in
		return fakePlane{}.SubmitJob(ctx, c, in)
	}})
	out, err := client.SubmitJob(t.Context(), &sdk.SubmitJobInput{
		JobName: aws.String("j"), JobQueue: aws.String("q"), JobDefinition: aws.String("d:1"),
		Parameters: map[string]string{}, Tags: map[string]string{"k": "<v>"}, PropagateTags: aws.Bool(false),
		RetryStrategy: &types.RetryStrategy{
			Attempts:       aws.Int32(3),
			EvaluateOnExit: []types.EvaluateOnExit{{Action: "retry", OnStatusReason: aws.String("Host EC2*")}},
		},
		Timeout: &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)},
		EksPropertiesOverride: &types.EksPropertiesOverride{PodProperties: &types.EksPodPropertiesOverride{
			Containers: []types.EksContainerOverride{{
				Name: aws.String("main"), Command: []string{"sleep", "1"},
				Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1"}},
			}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &awsapi.SubmitJobRequest{
		JobName: new("j"), JobQueue: new("q"), JobDefinition: new("d:1"),
		Parameters: map[string]string{}, Tags: map[string]string{"k": "<v>"}, PropagateTags: new(false),
		RetryStrategy: &awsapi.RetryStrategy{
			Attempts:       new(3),
			EvaluateOnExit: []awsapi.EvaluateOnExit{{Action: new("retry"), OnStatusReason: new("Host EC2*")}},
		},
		Timeout: &awsapi.JobTimeout{AttemptDurationSeconds: new(60)},
		EksPropertiesOverride: &awsapi.EksPropertiesOverride{PodProperties: &awsapi.EksPodPropertiesOverride{
			Containers: []awsapi.EksContainerOverride{{
				Name: new("main"), Command: []string{"sleep", "1"},
				Resources: &awsapi.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1"}},
			}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request mismatch (-want +got):\n%s", diff)
	}
	if got, want := aws.ToString(out.JobArn), "arn:aws:batch:"+sdkRegion+":123456789012:job/"+fakeJobID; got != want {
		t.Errorf("job ARN = %q, want %q", got, want)
	}
	if call.Principal != "AKIDTEST" || len(call.Invocation) != 36 {
		t.Errorf("call = %+v, want the principal AKIDTEST and an invocation id", call)
	}
}

func TestSDKReadsReplies(t *testing.T) {
	t.Parallel()
	client := newSDKClient(t, fakePlane{})
	out, err := client.DescribeJobs(t.Context(), &sdk.DescribeJobsInput{Jobs: []string{fakeJobID, fakeJobID + ":1"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Jobs) != 2 {
		t.Fatalf("%d jobs, want 2", len(out.Jobs))
	}
	job := out.Jobs[1]
	if job.Status != types.JobStatusFailed || aws.ToInt32(job.Container.ExitCode) != 3 ||
		aws.ToInt64(job.StoppedAt) != 1748306382483 || len(job.Attempts) != 1 || job.Container.Command[2] != "a < b && c > d" {
		t.Errorf("job = %+v", job)
	}
	if _, err := client.CancelJob(t.Context(), &sdk.CancelJobInput{JobId: job.JobId, Reason: aws.String("r")}); err != nil {
		t.Errorf("an operation without output: %v", err)
	}
	if out, err := client.ListServiceJobs(t.Context(), &sdk.ListServiceJobsInput{}); err != nil || out.JobSummaryList == nil {
		t.Errorf("an empty list = %v %v", out, err)
	}
}

func TestSDKKnowsOurErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err         error
		wantCode    string
		wantFault   smithy.ErrorFault
		wantStatus  int
		wantMessage string
	}{
		"what the caller did wrong": {
			err: batch.Invalidf("JobQueue nope not found."), wantCode: "ClientException", wantFault: smithy.FaultClient,
			wantStatus: 400, wantMessage: "Error executing request, Exception : JobQueue nope not found., RequestId: ",
		},
		"what we did wrong": {
			err: errors.New("no store"), wantCode: "ServerException", wantFault: smithy.FaultServer, wantStatus: 500,
			wantMessage: "could not carry out the request",
		},
		"too much": {
			err: &batch.Error{Code: batch.CodeTooManyRequests, Message: "Slow down"}, wantCode: "TooManyRequestsException",
			wantStatus: 429, wantMessage: "Slow down",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newSDKClient(t, fakePlane{submit: func(
				context.Context, batch.Call, *awsapi.SubmitJobRequest,
			) (*awsapi.SubmitJobResponse, error) {
				return nil, tc.err
			}})
			_, err := client.SubmitJob(t.Context(), &sdk.SubmitJobInput{
				JobName: aws.String("j"), JobQueue: aws.String("nope"), JobDefinition: aws.String("d"),
			})
			var api smithy.APIError
			if !errors.As(err, &api) {
				t.Fatalf("error = %v, want one of the API", err)
			}
			if api.ErrorCode() != tc.wantCode || api.ErrorFault() != tc.wantFault ||
				!strings.Contains(api.ErrorMessage(), tc.wantMessage) {
				t.Errorf("error = %s %s %q", api.ErrorCode(), api.ErrorFault(), api.ErrorMessage())
			}
			var response *awshttp.ResponseError
			if !errors.As(err, &response) || response.HTTPStatusCode() != tc.wantStatus {
				t.Fatalf("error = %v, want status %d", err, tc.wantStatus)
			}
			if id := response.ServiceRequestID(); id == "" || !strings.Contains(err.Error(), id) {
				t.Errorf("request id = %q", id)
			}
		})
	}
}

func TestSDKTags(t *testing.T) {
	t.Parallel()
	client := newSDKClient(t, fakePlane{})
	arn := aws.String("arn:aws:batch:us-east-1:123456789012:job-definition/d:1")
	out, err := client.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil || out.Tags["arn"] != *arn {
		t.Errorf("ListTagsForResource: %v %v", out, err)
	}
	var refused *types.ClientException
	_, err = client.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a", "b"}})
	if !errors.As(err, &refused) || !strings.Contains(refused.ErrorMessage(), `untag `+*arn+` ["a" "b"]`) {
		t.Errorf("UntagResource: %v", err)
	}
}

func TestSDKRetriesKeepTheInvocation(t *testing.T) {
	t.Parallel()
	var invocations []string
	client := newSDKClient(t, fakePlane{submit: func(
		ctx context.Context, call batch.Call, in *awsapi.SubmitJobRequest,
	) (*awsapi.SubmitJobResponse, error) {
		invocations = append(invocations, call.Invocation)
		if len(invocations) == 1 {
			return nil, errors.New("the store is gone for a moment")
		}
		return fakePlane{}.SubmitJob(ctx, call, in)
	}})
	_, err := client.SubmitJob(t.Context(), &sdk.SubmitJobInput{
		JobName: aws.String("j"), JobQueue: aws.String("q"), JobDefinition: aws.String("d"),
	}, func(o *sdk.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(invocations) != 2 || invocations[0] == "" || invocations[0] != invocations[1] {
		t.Errorf("invocations = %q, want the same twice", invocations)
	}
}
