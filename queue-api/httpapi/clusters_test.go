// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// fakeClusters answer with what they were asked for.
type fakeClusters struct{}

func (fakeClusters) Nodes(_ context.Context, environment string) (*viewapi.Nodes, error) {
	return &viewapi.Nodes{Nodes: []viewapi.Node{{Name: "n", ComputeEnvironment: environment}}, Clusters: []viewapi.ClusterState{}}, nil
}

func (fakeClusters) Decisions(context.Context) (*viewapi.Decisions, error) {
	return &viewapi.Decisions{Decisions: []viewapi.Decision{{ID: "d"}}, Clusters: []viewapi.ClusterState{}}, nil
}

func (fakeClusters) Gang(_ context.Context, job string) (*viewapi.Gang, error) {
	if job == "none" {
		return nil, batch.Invalidf("Job none does not exist")
	}
	return &viewapi.Gang{JobID: job, Members: []viewapi.GangMember{}}, nil
}

func TestClusterViews(t *testing.T) {
	t.Parallel()
	var asked []any
	cfg := guardedConfig(t)
	cfg.Authorizer = recordingAuthorizer{&asked}
	s := newServer(t, fakePlane{}, cfg)
	if code, got := askAs[viewapi.Nodes](t, s, goodToken, http.MethodGet, "/x/v1/nodes?computeEnvironment=a%2Fb", ""); code != http.StatusOK || got.Nodes[0].ComputeEnvironment != "a/b" {
		t.Errorf("nodes: %d %+v", code, got)
	}
	if code, got := askAs[viewapi.Decisions](t, s, goodToken, http.MethodGet, "/x/v1/decisions", ""); code != http.StatusOK || got.Decisions[0].ID != "d" {
		t.Errorf("decisions: %d %+v", code, got)
	}
	if code, got := askAs[viewapi.Gang](t, s, goodToken, http.MethodGet, viewapi.PathGang("j#1"), ""); code != http.StatusOK || got.JobID != "j#1" {
		t.Errorf("gang: %d %+v", code, got)
	}
	if code, _ := askAs[viewapi.Gang](t, s, goodToken, http.MethodGet, viewapi.PathGang("none"), ""); code != http.StatusBadRequest {
		t.Errorf("gang of no job: %d", code)
	}
	want := []any{"a/b", nil, "j#1", "none"}
	if len(asked) != len(want) {
		t.Fatalf("asked about %v", asked)
	}
	for i := range want {
		if asked[i] != want[i] {
			t.Errorf("asked about %v, want %v", asked[i], want[i])
		}
	}
}

// recordingAuthorizer allows everything, and keeps what it was asked about.
type recordingAuthorizer struct{ asked *[]any }

func (a recordingAuthorizer) Authorize(_ context.Context, _ batch.Call, _ string, in any) error {
	*a.asked = append(*a.asked, in)
	return nil
}

func (recordingAuthorizer) Filter(context.Context, batch.Call, string, any) error { return nil }
