// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"errors"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestEnvironmentFollowsItsCluster(t *testing.T) {
	t.Parallel()
	const (
		noCluster   = "CLIENT_ERROR - No cluster found for name: west."
		unreachable = "CLIENT_ERROR - Unable to connect to the Kubernetes API server of cluster west"
	)
	unknown := errors.New("not looked at yet")
	cases := map[string]struct {
		status     batch.ResourceStatus
		away       error
		wantStatus batch.ResourceStatus // empty: the environment is gone
		wantReason string
		wantErr    error
	}{
		"a new one without a registered cluster":      {batch.ResourceCreating, ErrNoCluster, batch.ResourceInvalid, noCluster, nil},
		"a valid one whose registration is gone":      {batch.ResourceValid, ErrNoCluster, batch.ResourceInvalid, noCluster, nil},
		"a valid one whose cluster does not answer":   {batch.ResourceValid, ErrUnreachable, batch.ResourceInvalid, unreachable, nil},
		"an updated one whose cluster does not":       {batch.ResourceUpdating, ErrUnreachable, batch.ResourceInvalid, unreachable, nil},
		"a valid one stays while nobody knows better": {batch.ResourceValid, unknown, batch.ResourceValid, "", nil},
		"a new one waits while nobody knows better":   {batch.ResourceCreating, unknown, batch.ResourceCreating, "", unknown},
		"an invalid one whose cluster is back":        {batch.ResourceInvalid, nil, batch.ResourceValid, reasonHealthy, nil},
		"a deleted one without a cluster goes":        {batch.ResourceDeleting, ErrNoCluster, "", "", nil},
		"a deleted one stays while nobody answers":    {batch.ResourceDeleting, ErrUnreachable, batch.ResourceDeleting, "", ErrUnreachable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			e := batch.ComputeEnvironment{
				Name: "e", UUID: "u", Type: batch.Managed, State: batch.Enabled, Status: tc.status,
				EKS: &batch.EKSConfiguration{ClusterARN: west, Namespace: "jobs"},
			}
			if err := b.store.CreateEnvironment(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			cluster := &oneCluster{away: tc.away}
			hosts := onlyOf{"e", cluster}
			if err := NewResources(b.store, hosts, "jobs", b.clock).environments(t.Context()); !errors.Is(err, tc.wantErr) {
				t.Fatalf("got error %v, want %v", err, tc.wantErr)
			}
			got, _ := b.store.Environment(t.Context(), "e")
			if got.Status != tc.wantStatus || got.StatusReason != tc.wantReason {
				t.Errorf("got %s %q, want %s %q", got.Status, got.StatusReason, tc.wantStatus, tc.wantReason)
			}
			if len(cluster.withdrawn) != 0 {
				t.Error("pods were withdrawn from a cluster that is away, or just back")
			}
		})
	}
}

// onlyOf is where one environment is; all others are in a cluster without troubles.
type onlyOf struct {
	name    string
	cluster *oneCluster
}

func (o onlyOf) Host(e batch.ComputeEnvironment) (Cluster, error) {
	if e.Name == o.name {
		return o.cluster.Host(e)
	}
	return &oneCluster{}, nil
}
