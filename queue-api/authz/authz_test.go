// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// fakeReviews allows what its list names, as "verb group/resource/name namespace", and keeps what it was asked.
type fakeReviews struct {
	allowed []string
	err     error

	mu    sync.Mutex
	asked []string
	spec  authorizationv1.SubjectAccessReviewSpec
}

func (f *fakeReviews) Create(_ context.Context, r *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := r.Spec.ResourceAttributes
	resource := a.Resource
	if a.Group == group {
		resource = "muster/" + resource
	}
	question := strings.TrimSpace(a.Verb + " " + resource + "/" + a.Name + " " + a.Namespace)
	f.asked, f.spec = append(f.asked, question), r.Spec
	r.Status.Allowed = slices.Contains(f.allowed, question) || slices.Contains(f.allowed, "*")
	return r, f.err
}

type fakeStore struct {
	queues       []batch.JobQueue
	environments map[string]batch.ComputeEnvironment
	looked       int
}

func (f *fakeStore) Queues(context.Context) ([]batch.JobQueue, error) {
	f.looked++
	return f.queues, nil
}

func (f *fakeStore) Environment(_ context.Context, name string) (batch.ComputeEnvironment, error) {
	e, ok := f.environments[name]
	if !ok {
		return e, batch.ErrNotFound
	}
	return e, nil
}

// fakeNamespaces are Pod Security levels by namespace.
type fakeNamespaces map[string]string

func (f fakeNamespaces) Get(_ context.Context, name string, _ metav1.GetOptions) (*corev1.Namespace, error) {
	level, ok := f[name]
	if !ok {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, name)
	}
	ns := &corev1.Namespace{}
	if level != "" {
		ns.Labels = map[string]string{"pod-security.kubernetes.io/enforce": level}
	}
	return ns, nil
}

var (
	testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ann      = batch.Call{Scope: batch.Scope{Region: "eu-west-1", Account: "111122223333"}, User: batch.User{
		Name: "ann", UID: "7", Groups: []string{"team"}, Extra: map[string][]string{"k": {"v"}},
	}}
)

const (
	jobOfQ1   = "00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee" // queue number 1
	jobOfQ2   = "00002aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	jobOfNone = "00003aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
)

func newAuthorizer(reviews *fakeReviews, pod podspec.Options) (*Authorizer, *fakeStore, *testingclock.FakePassiveClock) {
	store := &fakeStore{
		queues: []batch.JobQueue{{Name: "q1", Number: 1}, {Name: "q2", Number: 2}},
		environments: map[string]batch.ComputeEnvironment{
			"plain": {Name: "plain"},
			"team":  {Name: "team", EKS: &batch.EKSConfiguration{Namespace: "team"}},
		},
	}
	clk := testingclock.NewFakePassiveClock(testTime)
	namespaces := fakeNamespaces{"jobs": "", "team": "baseline", "strict": "restricted", "odd": "nonsense"}
	pod.Namespace = "jobs"
	return New(reviews, namespaces, store, pod, clk), store, clk
}

func codeOf(err error) string {
	if known, ok := errors.AsType[*batch.Error](err); ok {
		return known.Code
	}
	return ""
}

// TestQuestions holds what each operation asks.
func TestQuestions(t *testing.T) {
	t.Parallel()
	arn := func(kind, name string) *string {
		return new("arn:aws:batch:eu-west-1:111122223333:" + kind + "/" + name)
	}
	order := []awsapi.ComputeEnvironmentOrder{{ComputeEnvironment: arn("compute-environment", "e")}}
	resources := &awsapi.ConsumableResourceProperties{ConsumableResourceList: []awsapi.ConsumableResourceRequirement{{ConsumableResource: new("c")}}}
	cases := map[string][]struct {
		in   any
		want []string
	}{
		"CreateComputeEnvironment": {
			{&awsapi.CreateComputeEnvironmentRequest{ComputeEnvironmentName: new("e")}, []string{"create muster/computeenvironments/e"}},
			{&awsapi.CreateComputeEnvironmentRequest{
				ComputeEnvironmentName: new("e"), EksConfiguration: &awsapi.EksConfiguration{KubernetesNamespace: new("kube-system")},
			}, []string{"create muster/computeenvironments/e", "create pods/ kube-system"}},
		},
		"DescribeComputeEnvironments": {
			{&awsapi.DescribeComputeEnvironmentsRequest{ComputeEnvironments: []string{"e", *arn("compute-environment", "f")}}, []string{"get muster/computeenvironments/e", "get muster/computeenvironments/f"}},
			{&awsapi.DescribeComputeEnvironmentsRequest{}, nil},
		},
		"UpdateComputeEnvironment": {{&awsapi.UpdateComputeEnvironmentRequest{ComputeEnvironment: new("e")}, []string{"update muster/computeenvironments/e"}}},
		"DeleteComputeEnvironment": {{&awsapi.DeleteComputeEnvironmentRequest{ComputeEnvironment: arn("compute-environment", "e")}, []string{"delete muster/computeenvironments/e"}}},

		"CreateJobQueue": {{
			&awsapi.CreateJobQueueRequest{JobQueueName: new("q"), ComputeEnvironmentOrder: order, SchedulingPolicyArn: arn("scheduling-policy", "p")},
			[]string{"create muster/jobqueues/q", "use muster/computeenvironments/e", "use muster/schedulingpolicies/p"},
		}},
		"DescribeJobQueues": {{&awsapi.DescribeJobQueuesRequest{JobQueues: []string{"q"}}, []string{"get muster/jobqueues/q"}}},
		"UpdateJobQueue": {{
			&awsapi.UpdateJobQueueRequest{JobQueue: new("q"), ComputeEnvironmentOrder: order},
			[]string{"update muster/jobqueues/q", "use muster/computeenvironments/e"},
		}},
		"DeleteJobQueue":      {{&awsapi.DeleteJobQueueRequest{JobQueue: arn("job-queue", "q")}, []string{"delete muster/jobqueues/q"}}},
		"GetJobQueueSnapshot": {{&awsapi.GetJobQueueSnapshotRequest{JobQueue: new("q")}, []string{"list muster/jobs/q"}}},

		"RegisterJobDefinition": {{
			&awsapi.RegisterJobDefinitionRequest{JobDefinitionName: new("d"), ConsumableResourceProperties: resources},
			[]string{"create muster/jobdefinitions/d", "use muster/consumableresources/c"},
		}},
		"DescribeJobDefinitions": {
			{&awsapi.DescribeJobDefinitionsRequest{JobDefinitions: []string{"d:3", *arn("job-definition", "e:1")}}, []string{"get muster/jobdefinitions/d", "get muster/jobdefinitions/e"}},
			{&awsapi.DescribeJobDefinitionsRequest{JobDefinitionName: new("d")}, []string{"get muster/jobdefinitions/d"}},
		},
		"DeregisterJobDefinition": {{&awsapi.DeregisterJobDefinitionRequest{JobDefinition: new("d:3")}, []string{"delete muster/jobdefinitions/d"}}},

		"SubmitJob": {{
			&awsapi.SubmitJobRequest{
				JobQueue: arn("job-queue", "q1"), JobDefinition: arn("job-definition", "d:1"), ConsumableResourcePropertiesOverride: resources,
				DependsOn: []awsapi.JobDependency{{JobId: new(jobOfQ2)}, {JobId: new(jobOfQ2 + ":3")}, {Type: new("SEQUENTIAL")}},
			},
			[]string{"submit muster/jobqueues/q1", "submit muster/jobdefinitions/d", "use muster/consumableresources/c", "get muster/jobs/q2"},
		}},
		"SimulateJob": {{
			&awsapi.SubmitJobRequest{
				JobQueue: new("q1"), JobDefinition: new("d"), ConsumableResourcePropertiesOverride: resources,
				DependsOn: []awsapi.JobDependency{{JobId: new(jobOfQ2)}},
			},
			[]string{"submit muster/jobqueues/q1", "submit muster/jobdefinitions/d", "use muster/consumableresources/c", "get muster/jobs/q2"},
		}},
		"ExplainJob": {
			{&explain.Request{JobID: jobOfQ1 + ":7"}, []string{"get muster/jobs/q1"}},
			{&explain.Request{JobID: jobOfNone}, []string{"get muster/jobs/"}},
		},
		"DescribeJobs": {{&awsapi.DescribeJobsRequest{Jobs: []string{jobOfQ1}}, nil}},
		"ListJobs": {
			{&awsapi.ListJobsRequest{JobQueue: new("q1")}, []string{"list muster/jobs/q1"}},
			{&awsapi.ListJobsRequest{ArrayJobId: new(jobOfQ2)}, []string{"list muster/jobs/q2"}},
			{&awsapi.ListJobsRequest{MultiNodeJobId: new(jobOfQ2), JobQueue: new("q1")}, []string{"list muster/jobs/q2", "list muster/jobs/q1"}},
			{&awsapi.ListJobsRequest{}, []string{"list muster/jobs/"}},
		},
		"CancelJob": {
			{&awsapi.CancelJobRequest{JobId: new(jobOfQ1 + ":7")}, []string{"cancel muster/jobs/q1"}},
			{&awsapi.CancelJobRequest{JobId: new(jobOfNone)}, []string{"cancel muster/jobs/"}},
			{&awsapi.CancelJobRequest{JobId: new("no id")}, []string{"cancel muster/jobs/"}},
		},
		"CancelJobs":    {{&awsapi.CancelJobsRequest{Jobs: []string{jobOfQ1, jobOfQ2, jobOfQ1}}, []string{"cancel muster/jobs/q1", "cancel muster/jobs/q2"}}},
		"TerminateJob":  {{&awsapi.TerminateJobRequest{JobId: arn("job", jobOfQ2)}, []string{"terminate muster/jobs/q2"}}},
		"TerminateJobs": {{&awsapi.TerminateJobsRequest{Jobs: []string{jobOfQ2}}, []string{"terminate muster/jobs/q2"}}},

		"CreateSchedulingPolicy":     {{&awsapi.CreateSchedulingPolicyRequest{Name: new("p")}, []string{"create muster/schedulingpolicies/p"}}},
		"DescribeSchedulingPolicies": {{&awsapi.DescribeSchedulingPoliciesRequest{Arns: []string{*arn("scheduling-policy", "p")}}, []string{"get muster/schedulingpolicies/p"}}},
		"ListSchedulingPolicies":     {{&awsapi.ListSchedulingPoliciesRequest{}, nil}},
		"UpdateSchedulingPolicy":     {{&awsapi.UpdateSchedulingPolicyRequest{Arn: arn("scheduling-policy", "p")}, []string{"update muster/schedulingpolicies/p"}}},
		"DeleteSchedulingPolicy":     {{&awsapi.DeleteSchedulingPolicyRequest{Arn: arn("scheduling-policy", "p")}, []string{"delete muster/schedulingpolicies/p"}}},

		"CreateConsumableResource":     {{&awsapi.CreateConsumableResourceRequest{ConsumableResourceName: new("c")}, []string{"create muster/consumableresources/c"}}},
		"DescribeConsumableResource":   {{&awsapi.DescribeConsumableResourceRequest{ConsumableResource: new("c")}, []string{"get muster/consumableresources/c"}}},
		"ListConsumableResources":      {{&awsapi.ListConsumableResourcesRequest{}, nil}},
		"ListJobsByConsumableResource": {{&awsapi.ListJobsByConsumableResourceRequest{ConsumableResource: new("c")}, []string{"get muster/consumableresources/c"}}},
		"UpdateConsumableResource":     {{&awsapi.UpdateConsumableResourceRequest{ConsumableResource: new("c")}, []string{"update muster/consumableresources/c"}}},
		"DeleteConsumableResource":     {{&awsapi.DeleteConsumableResourceRequest{ConsumableResource: new("c")}, []string{"delete muster/consumableresources/c"}}},

		"ListTagsForResource": {
			{&awsapi.ListTagsForResourceRequest{ResourceArn: arn("job-definition", "d:1")}, []string{"get muster/jobdefinitions/d"}},
			{&awsapi.ListTagsForResourceRequest{ResourceArn: arn("job", jobOfQ1)}, []string{"get muster/jobs/q1"}},
			{&awsapi.ListTagsForResourceRequest{ResourceArn: new("arn:aws:s3:::x")}, []string{"get muster/jobs/"}},
		},
		"TagResource":   {{&awsapi.TagResourceRequest{ResourceArn: arn("job-queue", "q1")}, []string{"tag muster/jobqueues/q1"}}},
		"UntagResource": {{&awsapi.UntagResourceRequest{ResourceArn: arn("compute-environment", "e")}, []string{"tag muster/computeenvironments/e"}}},

		"DescribeServiceEnvironments": {{&awsapi.DescribeServiceEnvironmentsRequest{}, nil}},
		"ListServiceJobs":             {{&awsapi.ListServiceJobsRequest{}, nil}},
		"ListQuotaShares":             {{&awsapi.ListQuotaSharesRequest{}, nil}},

		"GetLogEvents":       {{nil, nil}},
		"FilterLogEvents":    {{nil, nil}},
		"DescribeLogStreams": {{nil, nil}},

		"GetCredentials":  {{nil, nil}},
		"WhoAmI":          {{nil, nil}},
		"CanI":            {{nil, nil}},
		"GetStatus":       {{nil, nil}},
		"ListNodes":       {{"", nil}, {"e", []string{"get muster/computeenvironments/e"}}},
		"ListDecisions":   {{nil, nil}},
		"DescribeGang":    {{jobOfQ1 + "#2", []string{"get muster/jobs/q1"}}, {"nonsense", []string{"get muster/jobs/"}}},
		"GetSummary":      {{nil, nil}},
		"DescribeArray":   {{jobOfQ1, []string{"get muster/jobs/q1"}}, {"x", []string{"get muster/jobs/"}}},
		"GetSpending":     {{nil, nil}},
		"DescribeJobCost": {{jobOfQ1, []string{"get muster/jobs/q1"}}, {"x", []string{"get muster/jobs/"}}},
		"StreamEvents":    {{[]string{"q1", "q2"}, []string{"list muster/jobs/q1", "list muster/jobs/q2"}}, {[]string(nil), []string{"list muster/jobs/"}}},
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(rules)), slices.Sorted(maps.Keys(cases))); diff != "" {
		t.Errorf("operations with a rule and with a case differ (-rule +case):\n%s", diff)
	}
	for operation, list := range cases {
		for _, tc := range list {
			t.Run(operation, func(t *testing.T) {
				t.Parallel()
				reviews := &fakeReviews{allowed: []string{"*"}}
				a, _, _ := newAuthorizer(reviews, podspec.Options{})
				if err := a.Authorize(t.Context(), ann, operation, tc.in); err != nil {
					t.Error(err)
				}
				slices.Sort(reviews.asked)
				if diff := cmp.Diff(slices.Sorted(slices.Values(tc.want)), reviews.asked); diff != "" {
					t.Errorf("questions mismatch (-want +got):\n%s", diff)
				}
				for i := range tc.want { // each of them is needed
					reviews := &fakeReviews{allowed: slices.Delete(slices.Clone(tc.want), i, i+1)}
					a, _, _ := newAuthorizer(reviews, podspec.Options{})
					if err := a.Authorize(t.Context(), ann, operation, tc.in); codeOf(err) != batch.CodeAccessDenied {
						t.Errorf("without %q: %v", tc.want[i], err)
					}
				}
			})
		}
	}
}

// unsupported are the operations that the server does not have: it says so whoever asks.
var unsupported = []string{
	"CreateQuotaShare", "CreateServiceEnvironment", "DeleteQuotaShare", "DeleteServiceEnvironment", "DescribeQuotaShare",
	"DescribeServiceJob", "SubmitServiceJob", "TerminateServiceJob", "TerminateServiceJobs", "UpdateQuotaShare",
	"UpdateServiceEnvironment", "UpdateServiceJob",
}

func TestEveryOperationHasARule(t *testing.T) {
	t.Parallel()
	for _, op := range awsapi.Operations {
		_, ok := rules[op.Name]
		if ok == slices.Contains(unsupported, op.Name) {
			t.Errorf("%s has a rule: %v", op.Name, ok)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	a, _, _ := newAuthorizer(&fakeReviews{}, podspec.Options{})
	for operation, tc := range map[string]struct {
		in   any
		want string
	}{
		"DeleteJobQueue": {&awsapi.DeleteJobQueueRequest{JobQueue: new("q1")}, "User: ann is not authorized to perform: batch:DeleteJobQueue on resource: arn:aws:batch:eu-west-1:111122223333:job-queue/q1"},
		"TerminateJob":   {&awsapi.TerminateJobRequest{JobId: new(jobOfQ1)}, "User: ann is not authorized to perform: batch:TerminateJob on resource: arn:aws:batch:eu-west-1:111122223333:job/" + jobOfQ1},
		"ListJobs":       {&awsapi.ListJobsRequest{}, "User: ann is not authorized to perform: batch:ListJobs on resource: arn:aws:batch:eu-west-1:111122223333:job-queue/*"},
		"LaunchRocket":   {nil, "User: ann is not authorized to perform: batch:LaunchRocket on resource: *"},
	} {
		err := a.Authorize(t.Context(), ann, operation, tc.in)
		known, ok := errors.AsType[*batch.Error](err)
		if !ok || known.Code != batch.CodeAccessDenied || known.Message != tc.want {
			t.Errorf("%s: %v", operation, err)
		}
	}
	if err := a.Authorize(t.Context(), ann, "ListJobs", &awsapi.CancelJobRequest{}); err == nil {
		t.Error("a request of another operation passes")
	}
	everything := &fakeReviews{allowed: []string{"*"}}
	a, _, _ = newAuthorizer(everything, podspec.Options{})
	if err := a.Authorize(t.Context(), batch.Call{}, "ListJobs", &awsapi.ListJobsRequest{}); codeOf(err) != batch.CodeAccessDenied || len(everything.asked) > 0 {
		t.Errorf("a call of nobody: %v", err)
	}
	a, _, _ = newAuthorizer(&fakeReviews{err: errors.New("down")}, podspec.Options{})
	if err := a.Authorize(t.Context(), ann, "ListJobs", &awsapi.ListJobsRequest{}); err == nil || codeOf(err) != "" {
		t.Errorf("while nobody can be asked: %v", err)
	}
}

func TestAnswersAreRememberedForAWhile(t *testing.T) {
	t.Parallel()
	reviews := &fakeReviews{}
	a, store, clk := newAuthorizer(reviews, podspec.Options{})
	ask := func(want bool, wantAsked int) {
		t.Helper()
		err := a.Authorize(t.Context(), ann, "CancelJob", &awsapi.CancelJobRequest{JobId: new(jobOfQ1)})
		if (err == nil) != want || len(reviews.asked) != wantAsked {
			t.Errorf("%v after %d questions, want %v after %d", err, len(reviews.asked), want, wantAsked)
		}
	}
	ask(false, 1)
	reviews.allowed = []string{"cancel muster/jobs/q1"}
	ask(false, 1)
	clk.SetTime(testTime.Add(rememberedFor + 1))
	ask(true, 2)
	reviews.allowed = nil
	ask(true, 2)
	clk.SetTime(testTime.Add(2*rememberedFor + 2))
	ask(false, 3)
	want := authorizationv1.SubjectAccessReviewSpec{
		User: "ann", UID: "7", Groups: []string{"team"}, Extra: map[string]authorizationv1.ExtraValue{"k": {"v"}},
		ResourceAttributes: &authorizationv1.ResourceAttributes{Group: group, Version: "v1", Resource: "jobs", Verb: "cancel", Name: "q1"},
	}
	if diff := cmp.Diff(want, reviews.spec); diff != "" {
		t.Errorf("review mismatch (-want +got):\n%s", diff)
	}
	other := ann
	other.User.Groups = []string{"others"}
	if err := a.Authorize(t.Context(), other, "CancelJob", &awsapi.CancelJobRequest{JobId: new(jobOfQ1)}); err == nil || len(reviews.asked) != 4 {
		t.Errorf("another caller gets the same answer: %v", err)
	}
	if store.looked != 1 {
		t.Errorf("the queues were read %d times", store.looked)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	queueARN := func(name string) *string { return new(ann.ARN(batch.ARNJobQueue, name)) }
	type ids []string
	cases := map[string]struct {
		operation string
		allowed   []string
		out       any
		got       func(any) ids
		want      ids
	}{
		"queues that one may get": {
			"DescribeJobQueues",
			[]string{"get muster/jobqueues/b"},
			&awsapi.DescribeJobQueuesResponse{JobQueues: []awsapi.JobQueueDetail{{JobQueueName: new("a")}, {JobQueueName: new("b")}}},
			func(out any) (l ids) {
				for _, q := range out.(*awsapi.DescribeJobQueuesResponse).JobQueues {
					l = append(l, *q.JobQueueName)
				}
				return l
			},
			ids{"b"},
		},
		"all definitions with list": {
			"DescribeJobDefinitions",
			[]string{"list muster/jobdefinitions/"},
			&awsapi.DescribeJobDefinitionsResponse{JobDefinitions: []awsapi.JobDefinition{{JobDefinitionName: new("a")}, {JobDefinitionName: new("b")}}},
			func(out any) (l ids) {
				for _, d := range out.(*awsapi.DescribeJobDefinitionsResponse).JobDefinitions {
					l = append(l, *d.JobDefinitionName)
				}
				return l
			},
			ids{"a", "b"},
		},
		"environments: none": {
			"DescribeComputeEnvironments", nil,
			&awsapi.DescribeComputeEnvironmentsResponse{ComputeEnvironments: []awsapi.ComputeEnvironmentDetail{{ComputeEnvironmentName: new("a")}}},
			func(out any) ids {
				if out.(*awsapi.DescribeComputeEnvironmentsResponse).ComputeEnvironments == nil {
					return ids{"absent"}
				}
				return make(ids, len(out.(*awsapi.DescribeComputeEnvironmentsResponse).ComputeEnvironments))
			},
			ids{},
		},
		"jobs of queues that one may see": {
			"DescribeJobs",
			[]string{"get muster/jobs/q2"},
			&awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{{JobId: new("1"), JobQueue: queueARN("q1")}, {JobId: new("2"), JobQueue: queueARN("q2")}, {JobId: new("3")}}},
			func(out any) (l ids) {
				for _, j := range out.(*awsapi.DescribeJobsResponse).Jobs {
					l = append(l, *j.JobId)
				}
				return l
			},
			ids{"2"},
		},
		"users of a consumable resource": {
			"ListJobsByConsumableResource",
			[]string{"get muster/jobs/q1"},
			&awsapi.ListJobsByConsumableResourceResponse{Jobs: []awsapi.ListJobsByConsumableResourceSummary{{JobArn: new("1"), JobQueueArn: queueARN("q1")}, {JobArn: new("2"), JobQueueArn: queueARN("q2")}}},
			func(out any) (l ids) {
				for _, j := range out.(*awsapi.ListJobsByConsumableResourceResponse).Jobs {
					l = append(l, *j.JobArn)
				}
				return l
			},
			ids{"1"},
		},
		"policies by their ARN": {
			"ListSchedulingPolicies",
			[]string{"get muster/schedulingpolicies/p"},
			&awsapi.ListSchedulingPoliciesResponse{SchedulingPolicies: []awsapi.SchedulingPolicyListingDetail{
				{Arn: new(ann.ARN(batch.ARNSchedulingPolicy, "p"))}, {Arn: new(ann.ARN(batch.ARNSchedulingPolicy, "r"))},
			}},
			func(out any) (l ids) {
				for _, p := range out.(*awsapi.ListSchedulingPoliciesResponse).SchedulingPolicies {
					l = append(l, strings.TrimPrefix(*p.Arn, ann.ARN(batch.ARNSchedulingPolicy, "")))
				}
				return l
			},
			ids{"p"},
		},
		"how queues are whose jobs one may list": {
			"GetSummary",
			[]string{"list muster/jobs/b", "get muster/jobs/c"},
			&viewapi.Summary{Queues: []viewapi.QueueSummary{{JobQueue: "a"}, {JobQueue: "b"}, {JobQueue: "c"}}},
			func(out any) (l ids) {
				for _, q := range out.(*viewapi.Summary).Queues {
					l = append(l, q.JobQueue)
				}
				return l
			},
			ids{"b"},
		},
		"what queues spent whose jobs one may list": {
			"GetSpending",
			[]string{"list muster/jobs/b", "get muster/jobs/c"},
			&viewapi.Spending{Queues: []viewapi.QueueSpending{{JobQueue: "a"}, {JobQueue: "b"}, {JobQueue: "c"}}},
			func(out any) (l ids) {
				for _, q := range out.(*viewapi.Spending).Queues {
					l = append(l, q.JobQueue)
				}
				return l
			},
			ids{"b"},
		},
		"consumable resources": {
			"ListConsumableResources",
			[]string{"get muster/consumableresources/c"},
			&awsapi.ListConsumableResourcesResponse{ConsumableResources: []awsapi.ConsumableResourceSummary{{ConsumableResourceName: new("c")}, {ConsumableResourceName: new("d")}}},
			func(out any) (l ids) {
				for _, c := range out.(*awsapi.ListConsumableResourcesResponse).ConsumableResources {
					l = append(l, *c.ConsumableResourceName)
				}
				return l
			},
			ids{"c"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _, _ := newAuthorizer(&fakeReviews{allowed: tc.allowed}, podspec.Options{})
			if err := a.Filter(t.Context(), ann, tc.operation, tc.out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, tc.got(tc.out)); diff != "" {
				t.Errorf("seen mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	pod := func(properties string) string {
		return `{"podProperties":{"containers":[{"image":"i","resources":{"limits":{"cpu":"1","memory":"64Mi"}}` + properties
	}
	const end = `}]`
	cases := map[string]struct {
		eks          string // of the definition, else container
		container    string
		environments []string
		pod          podspec.Options
		want         []string // needed
		wantErr      string   // in spite of it
	}{
		"a plain pod needs nothing":          {eks: pod(end + `,"hostNetwork":false}}`), environments: []string{"plain"}},
		"the default account needs nothing":  {eks: pod(end + `,"hostNetwork":false,"serviceAccountName":"default"}}`)},
		"an account in the default":          {eks: pod(end + `,"serviceAccountName":"robot"}}`), want: []string{"impersonate serviceaccounts/robot jobs"}},
		"in the environment's namespace":     {eks: pod(end + `,"hostNetwork":false,"serviceAccountName":"robot"}}`), environments: []string{"team"}, want: []string{"impersonate serviceaccounts/robot team"}},
		"in all namespaces of a queue":       {eks: pod(end + `,"hostNetwork":false,"serviceAccountName":"robot"}}`), environments: []string{"team", "plain"}, want: []string{"impersonate serviceaccounts/robot team", "impersonate serviceaccounts/robot jobs"}},
		"a namespace of the definition's":    {eks: pod(end + `,"hostNetwork":false,"metadata":{"namespace":"team"}}}`), environments: []string{"plain"}, want: []string{"create pods/ team"}},
		"the namespace that it is in anyway": {eks: pod(end + `,"hostNetwork":false,"metadata":{"namespace":"team"}}}`), environments: []string{"team"}},
		"a claim":                            {eks: pod(end + `,"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]}}`), want: []string{"get persistentvolumeclaims/c jobs"}},
		"a secret as a volume":               {eks: pod(end + `,"volumes":[{"name":"v","secret":{"secretName":"s"}}]}}`), want: []string{"get secrets/s jobs"}},
		"a secret to pull with":              {eks: pod(end + `,"imagePullSecrets":[{"name":"s"}]}}`), want: []string{"get secrets/s jobs"}},
		"a host path":                        {eks: pod(end + `,"volumes":[{"name":"v","hostPath":{"path":"/data"}}]}}`), want: []string{"use muster/hostpaths//data jobs"}},
		"privileged":                         {eks: pod(`,"securityContext":{"privileged":true}` + end + `}}`), want: []string{"use muster/privileges/Privileged jobs"}},
		"the host's network, asked for":      {eks: pod(end + `,"hostNetwork":true}}`), want: []string{"use muster/privileges/HostNetwork jobs"}},
		"the host's network, everybody's":    {eks: pod(end + `,"hostNetwork":true}}`), pod: podspec.Options{HostNetwork: true}},
		"a container's host path":            {container: `{"image":"i","vcpus":1,"memory":4,"volumes":[{"name":"v","host":{"sourcePath":"/etc"}}]}`, want: []string{"use muster/hostpaths//etc jobs"}},
		"a privileged container":             {container: `{"image":"i","vcpus":1,"memory":4,"privileged":true}`, want: []string{"use muster/privileges/Privileged jobs"}},
		"amounts left to the jobs":           {container: `{"image":"i","privileged":true}`, want: []string{"use muster/privileges/Privileged jobs"}},
		"a role that stands for an account":  {container: `{"image":"i","vcpus":1,"memory":4,"jobRoleArn":"arn:aws:iam::1:role/r"}`, pod: podspec.Options{ServiceAccounts: map[string]string{"r": "robot"}}, want: []string{"impersonate serviceaccounts/robot jobs"}},
		"baseline: the host's network":       {eks: pod(end + `,"hostNetwork":true}}`), environments: []string{"team"}, want: []string{"use muster/privileges/HostNetwork team"}, wantErr: `pods would violate PodSecurity "baseline:latest" of namespace team: host namespaces (hostNetwork=true)`},
		"baseline: the host's, by default":   {eks: pod(end + `}}`), environments: []string{"team"}, pod: podspec.Options{HostNetwork: true}, wantErr: "hostNetwork=true"},
		"baseline: privileged":               {eks: pod(`,"securityContext":{"privileged":true}` + end + `,"hostNetwork":false}}`), environments: []string{"team"}, want: []string{"use muster/privileges/Privileged team"}, wantErr: "privileged"},
		"restricted: a plain pod":            {eks: pod(end + `,"hostNetwork":false,"metadata":{"namespace":"strict"}}}`), want: []string{"create pods/ strict"}, wantErr: "restricted:latest"},
		"a level of no meaning: restricted":  {eks: pod(end + `,"hostNetwork":false,"metadata":{"namespace":"odd"}}}`), want: []string{"create pods/ odd"}, wantErr: "restricted:latest"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			def := batch.JobDefinition{Name: "d", Revision: 1, Type: "container"}
			if tc.eks != "" {
				def.EKSProperties = json.RawMessage(tc.eks)
			} else {
				def.ContainerProperties = json.RawMessage(tc.container)
			}
			spec, err := podspec.Merge(def, batch.Job{})
			if err != nil {
				t.Fatal(err)
			}
			reviews := &fakeReviews{allowed: tc.want}
			a, _, _ := newAuthorizer(reviews, tc.pod)
			err = a.Admit(t.Context(), ann, "SubmitJob", tc.environments, spec)
			if (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("Admit() = %v, want %q", err, tc.wantErr)
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(tc.want)), slices.Sorted(slices.Values(reviews.asked))); diff != "" {
				t.Errorf("questions mismatch (-want +got):\n%s", diff)
			}
			for i := range tc.want {
				a, _, _ := newAuthorizer(&fakeReviews{allowed: slices.Delete(slices.Clone(tc.want), i, i+1)}, tc.pod)
				if err := a.Admit(t.Context(), ann, "SubmitJob", tc.environments, spec); codeOf(err) != batch.CodeAccessDenied {
					t.Errorf("without %q: %v", tc.want[i], err)
				}
			}
		})
	}
}
