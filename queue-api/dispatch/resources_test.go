// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// oneCluster has the namespace jobs and, if nodes is set, nodes of every environment.
type oneCluster struct {
	nodes     bool
	outdated  bool
	err       error
	away      error // of Host
	withdrawn []string
	report    *batch.Report
}

func (c *oneCluster) Host(batch.ComputeEnvironment) (Cluster, error) { return c, c.away }
func (c *oneCluster) Report(context.Context, string) *batch.Report   { return c.report }

func (c *oneCluster) NamespaceExists(_ context.Context, name string) (bool, error) {
	return name == "jobs", c.err
}
func (c *oneCluster) HasNodes(context.Context, string) (bool, error) { return c.nodes, c.err }
func (c *oneCluster) HasOutdatedNodes(context.Context, string, int) (bool, error) {
	return c.outdated, c.err
}

func (c *oneCluster) DeleteUnbound(_ context.Context, uuid string) error {
	c.withdrawn = append(c.withdrawn, uuid)
	return nil
}

func TestEnvironmentsMoveAlong(t *testing.T) {
	t.Parallel()
	unknown := errors.New("connection refused")
	cases := map[string]struct {
		namespace  string
		status     batch.ResourceStatus
		cluster    oneCluster
		wantStatus batch.ResourceStatus // empty: the environment is gone
		wantReason string
		wantErr    error
	}{
		"a new environment becomes VALID":           {"", batch.ResourceCreating, oneCluster{}, batch.ResourceValid, reasonHealthy, nil},
		"without its namespace it becomes INVALID":  {"none", batch.ResourceCreating, oneCluster{}, batch.ResourceInvalid, reasonNoNamespace, nil},
		"an INVALID one is looked at again":         {"", batch.ResourceInvalid, oneCluster{}, batch.ResourceValid, reasonHealthy, nil},
		"if nobody can tell it stays as it is":      {"", batch.ResourceCreating, oneCluster{err: unknown}, batch.ResourceCreating, "", unknown},
		"a deleted one stays while it has nodes":    {"", batch.ResourceDeleting, oneCluster{nodes: true}, batch.ResourceDeleting, "", nil},
		"a deleted one goes with its nodes":         {"", batch.ResourceDeleting, oneCluster{}, "", "", nil},
		"a deleted one stays while nobody can tell": {"", batch.ResourceDeleting, oneCluster{err: unknown}, batch.ResourceDeleting, "", unknown},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			e := batch.ComputeEnvironment{Name: "e", UUID: "u", Type: batch.Managed, State: batch.Enabled, Status: tc.status}
			if tc.namespace != "" {
				e.EKS = &batch.EKSConfiguration{Namespace: tc.namespace}
			}
			if err := b.store.CreateEnvironment(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			r := NewResources(b.store, &tc.cluster, "jobs", b.clock)
			if err := r.environments(t.Context()); !errors.Is(err, tc.wantErr) {
				t.Fatalf("got error %v, want %v", err, tc.wantErr)
			}
			got, _ := b.store.Environment(t.Context(), "e")
			if got.Status != tc.wantStatus || got.StatusReason != tc.wantReason {
				t.Errorf("got %s %q, want %s %q", got.Status, got.StatusReason, tc.wantStatus, tc.wantReason)
			}
		})
	}
}

func TestAnInfrastructureUpdateEndsWithTheLastOldNode(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		kind       string
		generation int
		cluster    oneCluster
		want       batch.ResourceStatus
	}{
		"old nodes are left":              {batch.Managed, 2, oneCluster{outdated: true}, batch.ResourceUpdating},
		"none is left":                    {batch.Managed, 2, oneCluster{}, batch.ResourceValid},
		"a scaling update replaces none":  {batch.Managed, 0, oneCluster{outdated: true}, batch.ResourceValid},
		"nodes of the admin are not ours": {batch.Unmanaged, 2, oneCluster{outdated: true}, batch.ResourceValid},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			err := b.store.CreateEnvironment(t.Context(), batch.ComputeEnvironment{
				Name: "e", UUID: "u", Type: tc.kind, State: batch.Enabled, Status: batch.ResourceUpdating, Generation: tc.generation,
			})
			if err != nil {
				t.Fatal(err)
			}
			r := NewResources(b.store, &tc.cluster, "jobs", b.clock)
			for range 2 { // looking again changes nothing
				if err := r.environments(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got, _ := b.store.Environment(t.Context(), "e"); got.Status != tc.want || got.StatusReason != reasonHealthy || !got.AcceptsWork() {
				t.Errorf("got %s %q, want %s", got.Status, got.StatusReason, tc.want)
			}
		})
	}
}

func TestDisabledEnvironmentGivesUnboundPodsBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.store.UpdateEnvironment(t.Context(), "ce-b", func(e *batch.ComputeEnvironment) error {
		e.State = batch.Disabled
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cluster := &oneCluster{}
	if err := NewResources(b.store, cluster, "jobs", b.clock).environments(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(cluster.withdrawn) != 1 || cluster.withdrawn[0] != "uuid-1" {
		t.Errorf("withdrawn %v", cluster.withdrawn)
	}
}

func TestDeletedQueueTakesItsJobsWithIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a")
	waiting := b.submit(t, q, 1000)
	if _, err := b.store.UpdateQueue(t.Context(), "q", func(q *batch.JobQueue) error { q.Status = batch.ResourceDeleting; return nil }); err != nil {
		t.Fatal(err)
	}
	r := NewResources(b.store, &oneCluster{}, "jobs", b.clock)
	if err := r.queues(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.job(t, waiting.ID); got.Status != batch.StatusFailed || got.StatusReason != "JobQueue deleted" {
		t.Errorf("%s %q", got.Status, got.StatusReason)
	}
	if _, err := b.store.Queue(t.Context(), "q"); !errors.Is(err, batch.ErrNotFound) {
		t.Errorf("the queue is still there: %v", err)
	}
}
