// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RunPolicies holds a store to the rules of PolicyStore.
func RunPolicies(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, map[string]func(*testing.T, Store){
		"policies are created, changed and deleted by name": testPolicies,
	})
}

// RunTags holds a store to the rules of TagStore.
func RunTags(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, map[string]func(*testing.T, Store){
		"only the tags of a revision change":    testDefinitionTags,
		"a job's tags change by its transition": testJobTags,
	})
}

func testPolicies(t *testing.T, s Store) {
	t.Helper()
	_, err := s.Policy(t.Context(), "b")
	wantErr(t, err, batch.ErrNotFound)
	a := batch.SchedulingPolicy{Name: "a"}
	b := batch.SchedulingPolicy{Name: "b", Tags: map[string]string{"k": "v"}, FairShare: &batch.FairSharePolicy{
		ShareDecaySeconds: new(600), ComputeReservation: new(0),
		ShareDistribution: []batch.ShareWeight{{ShareIdentifier: "x*", WeightFactor: new(0.5)}, {ShareIdentifier: "y"}},
	}}
	for _, p := range []batch.SchedulingPolicy{b, a} {
		wantErr(t, s.CreatePolicy(t.Context(), p), nil)
		wantErr(t, s.CreatePolicy(t.Context(), batch.SchedulingPolicy{Name: p.Name}), batch.ErrExists)
	}
	all, err := s.Policies(t.Context())
	wantErr(t, err, nil)
	wantEqual(t, all, []batch.SchedulingPolicy{a, b})
	got, err := s.UpdatePolicy(t.Context(), "b", func(p *batch.SchedulingPolicy) error { p.FairShare = nil; return nil })
	wantErr(t, err, nil)
	b.FairShare = nil
	wantEqual(t, got, b)
	refusal := errors.New("no")
	_, err = s.UpdatePolicy(t.Context(), "b", func(p *batch.SchedulingPolicy) error { p.Tags = nil; return refusal })
	wantErr(t, err, refusal)
	got, err = s.Policy(t.Context(), "b")
	wantErr(t, err, nil)
	wantEqual(t, got, b)
	for range 2 {
		wantErr(t, s.DeletePolicy(t.Context(), "b"), nil)
	}
	_, err = s.UpdatePolicy(t.Context(), "b", func(*batch.SchedulingPolicy) error { return nil })
	wantErr(t, err, batch.ErrNotFound)
}

func testDefinitionTags(t *testing.T, s Store) {
	t.Helper()
	d := batch.JobDefinition{Name: "d", Type: "container", Tags: map[string]string{"a": "b"}, ContainerProperties: []byte(`{"image":"i"}`)}
	var refs []batch.DefinitionRef
	for range 2 {
		got, err := s.RegisterDefinition(t.Context(), d)
		wantErr(t, err, nil)
		refs = append(refs, got.Ref())
	}
	wantErr(t, s.DeregisterDefinition(t.Context(), refs[0]), nil)
	d.Revision, d.Status, d.Tags = 1, batch.DefinitionInactive, map[string]string{"c": "d"}
	got, err := s.UpdateDefinition(t.Context(), refs[0], func(changed *batch.JobDefinition) error {
		changed.Tags, changed.Type, changed.Status, changed.ContainerProperties = d.Tags, "x", batch.DefinitionActive, nil
		return nil
	})
	wantErr(t, err, nil)
	wantEqual(t, got, d)
	got, err = s.Definition(t.Context(), refs[0])
	wantErr(t, err, nil)
	wantEqual(t, got, d)
	got, err = s.Definition(t.Context(), refs[1])
	wantErr(t, err, nil)
	wantEqual(t, got.Tags, map[string]string{"a": "b"})
	refusal := errors.New("no")
	_, err = s.UpdateDefinition(t.Context(), refs[0], func(*batch.JobDefinition) error { return refusal })
	wantErr(t, err, refusal)
	for _, ref := range []batch.DefinitionRef{{Name: "d", Revision: 3}, {Name: "none", Revision: 1}} {
		_, err = s.UpdateDefinition(t.Context(), ref, func(*batch.JobDefinition) error { return nil })
		wantErr(t, err, batch.ErrNotFound)
	}
}

func testJobTags(t *testing.T, s Store) {
	t.Helper()
	job := submit(t, s, newQueue(t, s))
	for _, tags := range []map[string]string{{"x": "y"}, nil} {
		changed := change(t, s, job.ID, func(j *batch.Job) { j.Tags = tags })
		job.Tags, job.Version = tags, changed.Version
		wantEqual(t, load(t, s, job.ID), job)
	}
	change(t, s, job.ID, status(batch.StatusFailed))
	change(t, s, job.ID, func(j *batch.Job) { j.Tags = map[string]string{"late": "tag"} })
	wantEqual(t, load(t, s, job.ID).Tags, map[string]string{"late": "tag"})
}
