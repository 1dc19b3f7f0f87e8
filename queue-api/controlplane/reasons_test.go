// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// TestWhyOfManyJobs covers issue 3, point 5, over the store: places, what other queues use of a shared environment, what
// there is of consumable resources. ListJobs makes no reasons.
func TestWhyOfManyJobs(t *testing.T) {
	t.Parallel()
	f := newConsumableFixture(t)
	_, err := f.store.UpdateEnvironment(t.Context(), "ce", func(e *batch.ComputeEnvironment) error {
		e.Status = batch.ResourceValid
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ok(t, f.CreateJobQueue, queueBody("other"))
	f.step(t, f.submit(t, `{"jobName":"j","jobQueue":"other","jobDefinition":"d","containerOverrides":{"resourceRequirements":[{"type":"VCPU","value":"3"}]}}`), admitted())
	f.step(t, f.submitWith(t, `"tags":{}`), admitted(), bound(), started())
	first := f.submitWith(t, `"tags":{}`)
	array := f.submitWith(t, `"arrayProperties":{"size":9}`)
	last := f.submitWith(t, consumables(`{"consumableResource":"lic","quantity":6}`, `{"consumableResource":"tok","quantity":1}`))
	if err := f.store.DeleteConsumable(t.Context(), "tok"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Number 1 of 3 waiting in job queue q; needs 1 vCPU, 64 MiB; free: ce 4 of 8 vCPU.",
		"Number 2 of 3 waiting in job queue q; needs 1 vCPU, 64 MiB; free: ce 4 of 8 vCPU.",
		"Number 3 of 3 waiting in job queue q; needs 1 vCPU, 64 MiB, 6 of lic, 1 of tok; free: ce 4 of 8 vCPU, lic 5 of 5, tok 0 (does not exist).",
		"",
	}
	for i, d := range f.describe(t, first, array+":8", last, array) {
		if got := value(d.StatusReason); got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
	}
	for _, s := range reply(t, f.ListJobs, `{"jobQueue":"q","jobStatus":"RUNNABLE"}`).JobSummaryList {
		if s.StatusReason != nil {
			t.Errorf("a list has the reason %s", *s.StatusReason)
		}
	}
}

func TestWhyIsNotSaidOverAStoredReason(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submitWith(t, `"tags":{}`)
	for _, reason := range []string{
		"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [c5.large]",
		"pod didn't trigger scale-up: 1 max node group size reached",
	} {
		f.step(t, id, lifecycle.Blocked{Reason: reason})
		if got := *f.describe(t, id)[0].StatusReason; got != reason {
			t.Errorf("got %s", got)
		}
	}
}

func TestRecordsHaveStoredReasonsOnly(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	waiting, stopped := f.submitWith(t, `"tags":{}`), f.submitWith(t, `"tags":{}`)
	ok(t, f.CancelJob, fmt.Sprintf(`{"jobId":%q,"reason":"enough"}`, stopped))
	jobs := reply(t, Records{f.Service}.DescribeJobs, fmt.Sprintf(`{"jobs":[%q,%q]}`, waiting, stopped)).Jobs
	if jobs[0].StatusReason != nil || value(jobs[1].StatusReason) != "enough" {
		t.Errorf("got %v, %v", jobs[0].StatusReason, jobs[1].StatusReason)
	}
}

// TestEveryJobThatDoesNotRunSaysWhy is a property: any RUNNABLE job, and any PENDING one that is no array, has a reason of
// one sentence, and never AWS Batch's UNDETERMINED; a job that runs or ran well has none of these.
func TestEveryJobThatDoesNotRunSaysWhy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := newNodeFixture(t)
		var ids []string
		for i := range rapid.IntRange(1, 8).Draw(rt, "jobs") {
			body := rapid.SampledFrom([]string{
				`"jobDefinition":"d"`, `"jobDefinition":"e"`, `"jobDefinition":"m"`, `"jobDefinition":"d","arrayProperties":{"size":3}`,
				`"jobDefinition":"d","arrayProperties":{"size":3},"dependsOn":[{"type":"SEQUENTIAL"}]`,
			}).Draw(rt, "kind")
			if i > 0 && !strings.Contains(body, "dependsOn") && rapid.Bool().Draw(rt, "depends") {
				body += "," + dependsOn(on(rapid.SampledFrom(ids).Draw(rt, "on")))
			}
			id := f.submit(t, `{"jobName":"j","jobQueue":"q",`+body+`}`)
			if job := f.job(t, id); job.IsWaiting() && !job.IsMultiNode() {
				f.step(t, id, someEvents(rt, 0)...)
			}
			ids = append(ids, id)
		}
		for _, d := range f.describe(t, ids...) {
			reason := value(d.StatusReason)
			waits := *d.Status == "RUNNABLE" || *d.Status == "PENDING" && len(f.job(t, *d.JobId).Unmet) > 0
			if waits != (strings.HasPrefix(reason, "Number ") || strings.HasPrefix(reason, "Waiting ") || strings.HasPrefix(reason, "Admitted ")) {
				rt.Fatalf("%s: %q", *d.Status, reason)
			}
			if waits && (!strings.HasSuffix(reason, ".") || strings.Count(reason, ". ") > 0) || strings.Contains(reason, "UNDETERMINED") {
				rt.Fatalf("%s is not a sentence", reason)
			}
		}
	})
}
