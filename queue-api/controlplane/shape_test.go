// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestShapeIsThatOfTheJob(t *testing.T) {
	t.Parallel()
	s := newShapes()
	def := batch.JobDefinition{
		Name: "d", Revision: 1, Type: "container",
		ContainerProperties: []byte(`{"image":"i","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}`),
	}
	overrides := func(vcpu string) []byte {
		return []byte(`{"resourceRequirements":[{"type":"VCPU","value":"` + vcpu + `"}]}`)
	}
	for range 2 { // found, then remembered
		for vcpu, want := range map[string]int64{"": 1000, "2": 2000, "4": 4000} {
			job := batch.Job{Definition: def.Ref()}
			if vcpu != "" {
				job.ContainerOverrides = overrides(vcpu)
			}
			got, err := s.of(&def, &job)
			if err != nil || got.requests.MilliVCPU != want {
				t.Errorf("vCPU %q: got %d, %v, want %d", vcpu, got.requests.MilliVCPU, err, want)
			}
		}
	}
	for range 2 {
		if _, err := s.of(&def, &batch.Job{EKSOverrides: []byte(`{"podProperties":{}}`), ContainerOverrides: overrides("-1")}); err == nil {
			t.Error("what is refused was remembered as valid")
		}
	}
}

func TestShapeKeysDiffer(t *testing.T) {
	t.Parallel()
	type of struct {
		def batch.JobDefinition
		job batch.Job
	}
	seen := map[[32]byte]int{}
	for i, o := range []of{
		{},
		{def: batch.JobDefinition{Type: "container"}},
		{def: batch.JobDefinition{ContainerProperties: []byte("{}")}},
		{def: batch.JobDefinition{EKSProperties: []byte("{}")}},
		{def: batch.JobDefinition{PlatformCapabilities: []string{"FARGATE"}}},
		{job: batch.Job{ContainerOverrides: []byte("{}")}},
		{job: batch.Job{NodeOverrides: []byte("{}")}},
		{job: batch.Job{Parameters: map[string]string{"FARGATE": ""}}},
		{job: batch.Job{Parameters: map[string]string{"ab": "c"}}},
		{job: batch.Job{Parameters: map[string]string{"a": "bc"}}},
	} {
		key := shapeKey(&o.def, &o.job)
		if other, ok := seen[key]; ok {
			t.Errorf("cases %d and %d have one key", i, other)
		}
		seen[key] = i
	}
}
