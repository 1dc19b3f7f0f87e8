// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

func TestTokenOfOneListIsGoodForThatListOnly(t *testing.T) {
	t.Parallel()
	want := walkPosition{Millis: 7, Statuses: map[batch.JobStatus]statusPosition{"RUNNING": {After: "a", Seen: []string{"b"}}}}
	token, err := newToken("one", want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readToken[walkPosition]("one", token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("position mismatch (-want +got):\n%s", diff)
	}
	_, err = readToken[walkPosition]("two", token)
	wantRefusal(t, err, "nextToken is not a token of this list")
	if listID("a", "bc") == listID("ab", "c") {
		t.Error("two lists have one id")
	}
}

// FuzzNextToken sends anything as a token: it is refused, or it points somewhere in the list.
func FuzzNextToken(f *testing.F) {
	fx := newListFixture(f)
	list, err := parseFilter([]awsapi.KeyValuesPair{{Name: new("JOB_NAME"), Values: []string{"*"}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, position := range []any{"ce", revisionPosition{"d", 1}, walkPosition{Millis: 1}, walkPosition{Statuses: map[batch.JobStatus]statusPosition{"FAILED": {After: "x"}}}} {
		for _, id := range []string{"computeEnvironments", listID("jobDefinitions", "", ""), listID("jobs", "q", "RUNNING"), listID("filtered", "q", list.list)} {
			token, err := newToken(id, position)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(*token)
		}
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, err1 := fx.DescribeComputeEnvironments(t.Context(), caller, &awsapi.DescribeComputeEnvironmentsRequest{NextToken: &token})
		_, err2 := fx.DescribeJobDefinitions(t.Context(), caller, &awsapi.DescribeJobDefinitionsRequest{NextToken: &token})
		_, err3 := fx.ListJobs(t.Context(), caller, &awsapi.ListJobsRequest{JobQueue: new("q"), NextToken: &token})
		_, err4 := fx.ListJobs(t.Context(), caller, &awsapi.ListJobsRequest{
			JobQueue: new("q"), NextToken: &token, Filters: []awsapi.KeyValuesPair{{Name: new("JOB_NAME"), Values: []string{"*"}}},
		})
		for _, err := range []error{err1, err2, err3, err4} {
			var refusal *batch.Error
			if err != nil && !errors.As(err, &refusal) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// FuzzIdentifiers sends anything as a name, id or ARN: it is found nowhere, and that is the caller's fault or no fault.
func FuzzIdentifiers(f *testing.F) {
	fx := newListFixture(f)
	for _, s := range []string{"", ":", "d:1", "d:0", "arn:", "arn:aws:batch:r:1:job/", arnBase + "job-definition/d:1", arnBase + "job/00001abc-0000-4000-8000-000000000000:1", "00001abc-0000-4000-8000-000000000000#2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if ref, ok := jobRef(id); ok {
			if _, err := batch.QueueNumber(recordID(ref)); err != nil {
				t.Errorf("%q is a job id of no queue", recordID(ref))
			}
		}
		_, err1 := fx.DescribeJobs(t.Context(), caller, &awsapi.DescribeJobsRequest{Jobs: []string{id}})
		_, err2 := fx.TerminateJob(t.Context(), caller, &awsapi.TerminateJobRequest{JobId: &id, Reason: new("r")})
		_, err3 := fx.DescribeJobDefinitions(t.Context(), caller, &awsapi.DescribeJobDefinitionsRequest{JobDefinitions: []string{id}})
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Error(err)
		}
		ref, err := definitionRef(id)
		if err == nil && ref.Revision < 0 {
			t.Errorf("%q has revision %d", id, ref.Revision)
		}
		in := &awsapi.SubmitJobRequest{JobName: &id, JobQueue: &id, JobDefinition: &id}
		dependent := &awsapi.SubmitJobRequest{JobName: new("j"), JobQueue: new("q"), JobDefinition: new("d"), DependsOn: []awsapi.JobDependency{{JobId: &id}}}
		var refusal *batch.Error
		for _, in := range []*awsapi.SubmitJobRequest{in, dependent} {
			if _, err := fx.SubmitJob(t.Context(), caller, in); err != nil && !errors.As(err, &refusal) {
				t.Error(fmt.Errorf("submit %q: %w", id, err))
			}
		}
	})
}
