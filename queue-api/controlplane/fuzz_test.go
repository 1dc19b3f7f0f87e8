// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"strconv"
	"testing"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// FuzzDependsOn submits any graph of jobs and arrays: each byte is a job, and so many that follow what it depends on. A job
// is refused for its caller's fault and then not stored, or it waits for what it named and has not succeeded.
func FuzzDependsOn(f *testing.F) {
	f.Add([]byte{0x00, 0x01, 0x00, 0x13, 0x80, 0x23, 0x40, 0x01, 0xff})
	f.Add([]byte{0x12, 0xc0, 0x12, 0x40, 0xc0, 0x72, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06})
	f.Fuzz(func(t *testing.T, graph []byte) {
		if len(graph) > 200 {
			return
		}
		fx := newBusyFixture(t)
		ids := []string{"", "00001abc-0000-4000-8000-000000000000"}
		for i := 0; len(graph) > 0; i++ {
			size, n := int(graph[0]&0x0f), min(int(graph[0]>>4), len(graph)-1)
			in := &awsapi.SubmitJobRequest{
				JobName: new("n" + strconv.Itoa(i)), JobQueue: new("q"), JobDefinition: new("d"), DependsOn: edgesOf(ids, graph[1:n+1]),
			}
			if size > 0 {
				in.ArrayProperties = &awsapi.ArrayProperties{Size: &size}
			}
			graph = graph[n+1:]
			if id := submitOne(t, fx, in); id != "" {
				ids = append(ids, id)
			}
		}
	})
}

// edgesOf reads dependencies: two bits are the type, one whether it is a child, the rest of whom.
func edgesOf(ids []string, edges []byte) []awsapi.JobDependency {
	var out []awsapi.JobDependency
	for _, edge := range edges {
		id := ids[int(edge&0x1f)%len(ids)]
		if edge&0x20 != 0 {
			id = batch.ChildID(id, int(edge&0x03))
		}
		kinds := []*string{nil, new("N_TO_N"), new("SEQUENTIAL"), new("")}
		out = append(out, awsapi.JobDependency{JobId: &id, Type: kinds[edge>>6]})
	}
	return out
}

// submitOne submits a job and looks at what is stored; the id is empty if it was refused.
func submitOne(t *testing.T, fx *fixture, in *awsapi.SubmitJobRequest) string {
	t.Helper()
	out, err := fx.SubmitJob(t.Context(), caller, in)
	if err != nil {
		var refusal *batch.Error
		if !errors.As(err, &refusal) || refusal.Code != batch.CodeClient {
			t.Errorf("submit %+v: %v", in, err)
		}
		return ""
	}
	job, err := fx.store.Job(t.Context(), *out.JobId)
	if err != nil {
		t.Fatal(err)
	}
	plain := map[string]bool{}
	for _, d := range job.DependsOn {
		if d.Type == "" {
			plain[d.JobID] = true
		}
		if d.JobID == "" {
			continue
		}
		dependents, err := fx.store.Dependents(t.Context(), d.JobID)
		if err != nil || len(dependents) == 0 || d.JobID == job.ID {
			t.Errorf("%s does not know of its dependent: %v, %v", d.JobID, dependents, err)
		}
	}
	isPending := job.Status == batch.StatusPending
	if len(job.Unmet) != len(plain) || isPending != (job.IsArray() || len(plain) > 0) {
		t.Errorf("%s waits for %v, of %v", job.Status, job.Unmet, job.DependsOn)
	}
	return job.ID
}
