// SPDX-License-Identifier: Apache-2.0

package console

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// A page that has nothing to show, or could not get it, says what to do next.
func TestPagesSayWhatToDo(t *testing.T) {
	t.Parallel()
	const jobs = "/v1/listjobs"
	denied := &ProblemError{Status: http.StatusForbidden, Code: batch.CodeAccessDenied, Message: "User: ann is not authorized"}
	down := &ProblemError{Status: http.StatusServiceUnavailable, Code: batch.CodeServer, Message: "later"}
	none := &awsapi.ListJobsResponse{}
	array := &awsapi.JobDetail{JobId: new(testJob), JobName: new("a"), Status: new("PENDING"), ArrayProperties: &awsapi.ArrayPropertiesDetail{Size: new(3)}}
	cases := map[string]struct {
		api   map[string]any // instead of what oneQueue has
		path  string
		wants []string
		not   string
	}{
		"no queue, on the overview":   {noQueues(), "", []string{"There is no job queue yet", "muster apply -f"}, ""},
		"nothing happened in a day":   {noQueues(), "", []string{"Nothing in this time."}, `class="chart columns"`},
		"no queue, among queues":      {noQueues(), "queues", []string{"There is no job queue yet"}, ""},
		"no queue, among jobs":        {noQueues(), "jobs", []string{"There is no job queue yet"}, "submit-job"},
		"an empty queue":              {map[string]any{jobs: none}, "jobs?queue=q", []string{"No job is in this queue yet", "submit-job", "0 jobs on this page"}, ""},
		"no job like that":            {map[string]any{jobs: none}, "jobs?queue=q&status=FAILED", []string{"There is no such job in this queue."}, "submit-job"},
		"none on this page":           {map[string]any{jobs: &awsapi.ListJobsResponse{NextToken: new("n")}}, "jobs?queue=q&name=x", []string{"go to the next page"}, ""},
		"no right":                    {map[string]any{jobs: denied}, "jobs?queue=q", []string{"Ask those who run this server for the right"}, "Try again"},
		"a server that has no answer": {map[string]any{jobs: down}, "jobs?queue=q&group=name", []string{"later", `href="/console/jobs?queue=q&amp;group=name" data-testid="again">Try again`}, "Ask those"},
		"what nobody knows":           {nil, "nothing", []string{"There is no such page."}, "Try again"},
		"no decision like that":       {map[string]any{viewapi.PathDecisions: &viewapi.Decisions{}}, "decisions?reason=x", []string{"No decision is like that."}, ""},
		"the log of an array": {
			map[string]any{"/v1/describejobs": &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{*array}}},
			"logs?job=" + testJob,
			[]string{"An array has no log of its own"},
			"No attempt",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := oneQueue()
			maps.Copy(answers, tc.api)
			p := openLoggedIn(t, &fakeAPI{answers: answers}).get("/console/" + tc.path)
			wants(t, p, tc.wants...)
			if tc.not != "" && strings.Contains(p.text, tc.not) {
				t.Errorf("%q is on the page:\n%s", tc.not, p.text)
			}
		})
	}
}

func TestChildrenBesideAChild(t *testing.T) {
	t.Parallel()
	array := awsapi.JobDetail{JobId: new(testJob), JobName: new("a"), Status: new("PENDING"), JobQueue: arnOf(batch.ARNJobQueue, "q"), ArrayProperties: &awsapi.ArrayPropertiesDetail{Size: new(3)}}
	cases := map[string]struct {
		index        int
		before, next bool
	}{
		"the first":  {0, false, true},
		"one inside": {1, true, true},
		"the last":   {2, true, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := oneQueue()
			child := array
			child.JobId, child.ArrayProperties = new(batch.ChildID(testJob, tc.index)), &awsapi.ArrayPropertiesDetail{Index: new(tc.index)}
			answers["/v1/describejobs"] = &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{child, array}}
			p := openLoggedIn(t, &fakeAPI{answers: answers}).get(jobPath(*child.JobId))
			if has := strings.Contains(p.text, "Previous child"); has != tc.before {
				t.Errorf("there is a child before: %v, want %v", has, tc.before)
			}
			if has := strings.Contains(p.text, "Next child"); has != tc.next {
				t.Errorf("there is a child behind: %v, want %v", has, tc.next)
			}
		})
	}
}

func TestDeprecatedMembersThatDoNotCount(t *testing.T) {
	t.Parallel()
	answers := oneQueue()
	job := hostileJob()
	job.Container = &awsapi.ContainerDetail{Vcpus: new(4), Memory: new(64), ResourceRequirements: []awsapi.ResourceRequirement{{Type: new("VCPU"), Value: new("1")}}}
	answers["/v1/describejobs"] = &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{job}}
	wants(t, openLoggedIn(t, &fakeAPI{answers: answers}).get("/console/jobs/"+testJob), "Not counted: vcpus 4.")
}

func TestCommandsOfAList(t *testing.T) {
	t.Parallel()
	b := openLoggedIn(t, &fakeAPI{answers: oneQueue()})
	p := b.get("/console/jobs?queue=q&status=FAILED&name=night-*&share=red&after=2026-01-02T03:04")
	wants(t, p, "muster jobs --queue q --status=FAILED &#39;--name=night-*&#39; --share=red --since 2026-01-02T03:04:00Z")
}
