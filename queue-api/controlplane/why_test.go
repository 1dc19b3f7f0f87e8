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

func TestWhyWaiting(t *testing.T) {
	t.Parallel()
	ce := supply{name: "ce", free: "6", all: "8", unit: " vCPU"}
	cases := map[string]struct {
		job      batch.Job
		at       batch.Place
		supplies []supply
		want     string
	}{
		"in a FIFO queue": {
			batch.Job{Queue: "q", Requests: batch.Requests{MilliVCPU: 2000, MemoryMiB: 4096}},
			batch.Place{Ahead: 2, Of: 17},
			[]supply{ce},
			"Number 3 of 17 waiting in job queue q; needs 2 vCPU, 4096 MiB; free: ce 6 of 8 vCPU.",
		},
		"in a share, with parts of a vCPU and a GPU": {
			batch.Job{Queue: "q", ShareIdentifier: "blue", Requests: batch.Requests{MilliVCPU: 250, MemoryMiB: 4, GPU: 1}},
			batch.Place{Ahead: 0, Of: 1},
			nil,
			"Number 1 of 1 waiting in share blue of job queue q; needs 0.25 vCPU, 4 MiB, 1 GPU.",
		},
		"several supplies, some of no use": {
			batch.Job{Queue: "q", Requests: batch.Requests{MilliVCPU: 1000, MemoryMiB: 4}, Consumables: []batch.ConsumableRequirement{{Name: "lic", Quantity: 2}}},
			batch.Place{Ahead: 0, Of: 2},
			[]supply{ce, {name: "spot", free: "0", all: "4", unit: " vCPU", state: "DISABLED"}, {name: "lic", free: "1", all: "5"}},
			"Number 1 of 2 waiting in job queue q; needs 1 vCPU, 4 MiB, 2 of lic; free: ce 6 of 8 vCPU, spot 0 of 4 vCPU (DISABLED), lic 1 of 5.",
		},
		"many nodes": {
			batch.Job{Queue: "q", NumNodes: 4, Requests: batch.Requests{MilliVCPU: 8000, MemoryMiB: 4096}},
			batch.Place{Ahead: 0, Of: 1},
			[]supply{ce},
			"Number 1 of 1 waiting in job queue q; needs 4 nodes with together 8 vCPU, 4096 MiB; free: ce 6 of 8 vCPU.",
		},
		"place unknown": {
			batch.Job{Queue: "q", Requests: batch.Requests{MilliVCPU: 1000, MemoryMiB: 4}},
			batch.Place{},
			[]supply{ce},
			"Waiting in job queue q; needs 1 vCPU, 4 MiB; free: ce 6 of 8 vCPU.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := whyWaiting(&tc.job, tc.at, tc.supplies); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestSupplyOfAnEnvironment(t *testing.T) {
	t.Parallel()
	env := func(change func(*batch.ComputeEnvironment)) *batch.ComputeEnvironment {
		e := &batch.ComputeEnvironment{Name: "ce", Type: batch.Managed, State: batch.Enabled, Status: batch.ResourceValid, MaxvCPUs: 8}
		change(e)
		return e
	}
	cases := map[string]struct {
		environment *batch.ComputeEnvironment
		used        int64
		want        string
	}{
		"some used":              {env(func(*batch.ComputeEnvironment) {}), 2500, "ce 5.5 of 8 vCPU"},
		"more used than allowed": {env(func(*batch.ComputeEnvironment) {}), 9000, "ce 0 of 8 vCPU"},
		"disabled":               {env(func(e *batch.ComputeEnvironment) { e.State = batch.Disabled }), 0, "ce 8 of 8 vCPU (DISABLED)"},
		"invalid":                {env(func(e *batch.ComputeEnvironment) { e.Status = batch.ResourceInvalid }), 0, "ce 8 of 8 vCPU (INVALID)"},
		"unmanaged":              {env(func(e *batch.ComputeEnvironment) { e.Type, e.MaxvCPUs = batch.Unmanaged, 4 }), 0, "ce 4 of 4 vCPU"},
		"unmanaged without a limit": {
			env(func(e *batch.ComputeEnvironment) { e.Type, e.MaxvCPUs = batch.Unmanaged, 0 }), 1000, "ce any number of vCPU",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := vCPUsOf(tc.environment, tc.used).String(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
	if got := quantityOf("lic", nil).String(); got != "lic 0 (does not exist)" {
		t.Errorf("got %s", got)
	}
	if got := quantityOf("lic", &batch.ConsumableResource{TotalQuantity: 3, InUseQuantity: 5}).String(); got != "lic 0 of 3" {
		t.Errorf("got %s", got)
	}
}

func TestWhyAdmitted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		current batch.Attempt
		want    string
	}{
		"one pod": {
			batch.Attempt{ComputeEnvironment: "ce", PodName: "aws-batch.x", AdmittedAt: t0},
			"Admitted to compute environment ce since 2026-01-02T03:04:05Z; pod aws-batch.x waits for a node.",
		},
		"adopted, since when is not known": {
			batch.Attempt{ComputeEnvironment: "ce", PodName: "aws-batch.x"},
			"Admitted to compute environment ce; pod aws-batch.x waits for a node.",
		},
		"nodes": {
			batch.Attempt{ComputeEnvironment: "ce", AdmittedAt: t0, Nodes: []batch.NodeAttempt{{NodeName: "n"}, {}, {}}},
			"Admitted to compute environment ce since 2026-01-02T03:04:05Z; 2 of 3 pods wait for a node.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := whyAdmitted(&batch.Job{Current: &tc.current}); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestWhyPending(t *testing.T) {
	t.Parallel()
	found := map[string]*batch.Job{"a": {Status: batch.StatusRunning}, "b": {Status: batch.StatusPending}, "c": {Status: batch.StatusRunnable}}
	for want, unmet := range map[string][]string{
		"":                                nil,
		"Waiting for 1 job: a (RUNNING).": {"a"},
		"Waiting for 3 jobs: a (RUNNING), b (PENDING), gone (not found).":        {"a", "b", "gone"},
		"Waiting for 5 jobs: a (RUNNING), b (PENDING), c (RUNNABLE) and 2 more.": {"a", "b", "c", "d", "e"},
	} {
		if got := whyPending(unmet, found); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

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
