// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func allNodes() *viewapi.Nodes {
	jobs := func(ids ...string) (list []viewapi.NodeJob) {
		for _, id := range ids {
			list = append(list, viewapi.NodeJob{JobID: id})
		}
		return list
	}
	return &viewapi.Nodes{
		Nodes: []viewapi.Node{
			{Name: "n-1", ComputeEnvironment: "plain", Jobs: jobs(jobOfQ1, jobOfQ2, jobOfQ1+":7"), HiddenJobs: 1},
			{Name: "n-2", ComputeEnvironment: "team", Cluster: "west", Jobs: jobs(jobOfQ2, "nonsense")},
			{Name: "n-3", Jobs: jobs(jobOfQ1)},
		},
		Clusters: []viewapi.ClusterState{{Nodes: 2}, {Name: "north", Error: "down"}, {Name: "west", Nodes: 1}},
	}
}

func TestNodesAreSeenWithTheirEnvironmentsAndJobs(t *testing.T) {
	t.Parallel()
	jobs := func(ids ...string) []viewapi.NodeJob {
		list := make([]viewapi.NodeJob, 0, len(ids))
		for _, id := range ids {
			list = append(list, viewapi.NodeJob{JobID: id})
		}
		return list
	}
	cases := map[string]struct {
		allowed []string
		want    viewapi.Nodes
	}{
		"everything": {[]string{"*"}, *allNodes()},
		"nothing":    {nil, viewapi.Nodes{Nodes: []viewapi.Node{}, Clusters: []viewapi.ClusterState{{Error: "down"}}}},
		"an environment, not its jobs": {[]string{"get muster/computeenvironments/plain"}, viewapi.Nodes{
			Nodes:    []viewapi.Node{{Name: "n-1", ComputeEnvironment: "plain", Jobs: jobs(), HiddenJobs: 4}},
			Clusters: []viewapi.ClusterState{{Nodes: 1}, {Error: "down"}},
		}},
		"one's own jobs": {[]string{"get muster/computeenvironments/plain", "get muster/computeenvironments/team", "get muster/jobs/q1"}, viewapi.Nodes{
			Nodes: []viewapi.Node{
				{Name: "n-1", ComputeEnvironment: "plain", Jobs: jobs(jobOfQ1, jobOfQ1+":7"), HiddenJobs: 2},
				{Name: "n-2", ComputeEnvironment: "team", Cluster: "west", Jobs: jobs(), HiddenJobs: 2},
			},
			Clusters: []viewapi.ClusterState{{Nodes: 1}, {Error: "down"}, {Name: "west", Nodes: 1}},
		}},
		"jobs, not their environments": {[]string{"get muster/jobs/q1"}, viewapi.Nodes{Nodes: []viewapi.Node{}, Clusters: []viewapi.ClusterState{{Error: "down"}}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _, _ := newAuthorizer(&fakeReviews{allowed: tc.allowed}, podspec.Options{})
			got := allNodes()
			if err := a.Filter(t.Context(), ann, "ListNodes", got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Errorf("seen mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecisionsAreSeenWithWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		allowed []string
		want    []string
	}{
		"everything":                     {[]string{"*"}, []string{"job", "other", "environment", "cluster"}},
		"nothing":                        {nil, nil},
		"one's own jobs":                 {[]string{"get muster/jobs/q1"}, []string{"job"}},
		"an environment, not its jobs":   {[]string{"get muster/computeenvironments/plain"}, []string{"environment"}},
		"all environments, but no jobs'": {[]string{"get muster/computeenvironments/", "get muster/computeenvironments/plain"}, []string{"environment", "cluster"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _, _ := newAuthorizer(&fakeReviews{allowed: tc.allowed}, podspec.Options{})
			got := &viewapi.Decisions{
				Decisions: []viewapi.Decision{
					{ID: "job", JobID: jobOfQ1 + ":3", ComputeEnvironment: "plain"},
					{ID: "other", JobID: jobOfQ2, ComputeEnvironment: "plain"},
					{ID: "environment", ComputeEnvironment: "plain"},
					{ID: "cluster"},
				},
				Clusters: []viewapi.ClusterState{{}, {Name: "west"}},
			}
			if err := a.Filter(t.Context(), ann, "ListDecisions", got); err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, d := range got.Decisions {
				ids = append(ids, d.ID)
			}
			if diff := cmp.Diff(tc.want, ids); diff != "" {
				t.Errorf("seen mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClusterViewsOfSomethingElseAreRefused(t *testing.T) {
	t.Parallel()
	a, _, _ := newAuthorizer(&fakeReviews{allowed: []string{"*"}}, podspec.Options{})
	for _, operation := range []string{"ListNodes", "DescribeGang"} {
		if err := a.Authorize(t.Context(), ann, operation, 7); err == nil || codeOf(err) == batch.CodeAccessDenied {
			t.Errorf("%s of a number: %v", operation, err)
		}
	}
}
