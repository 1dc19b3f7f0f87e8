// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// ceSupply is vCPUs of an environment.
func ceSupply(name string, free, all float64, state string) viewapi.Supply {
	return viewapi.Supply{Kind: supplyEnvironment, Name: name, Unit: unitVCPU, Free: &free, Total: &all, State: state}
}

func TestWhyWaiting(t *testing.T) {
	t.Parallel()
	ce := ceSupply("ce", 6, 8, "")
	cases := map[string]struct {
		job      batch.Job
		at       batch.Place
		supplies []viewapi.Supply
		want     string
	}{
		"in a FIFO queue": {
			batch.Job{Queue: "q", Requests: batch.Requests{MilliVCPU: 2000, MemoryMiB: 4096}},
			batch.Place{Ahead: 2, Of: 17},
			[]viewapi.Supply{ce},
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
			[]viewapi.Supply{ce, ceSupply("spot", 0, 4, "DISABLED"), {Kind: supplyConsumable, Name: "lic", Free: new(1.0), Total: new(5.0)}},
			"Number 1 of 2 waiting in job queue q; needs 1 vCPU, 4 MiB, 2 of lic; free: ce 6 of 8 vCPU, spot 0 of 4 vCPU (DISABLED), lic 1 of 5.",
		},
		"many nodes": {
			batch.Job{Queue: "q", NumNodes: 4, Requests: batch.Requests{MilliVCPU: 8000, MemoryMiB: 4096}},
			batch.Place{Ahead: 0, Of: 1},
			[]viewapi.Supply{ce},
			"Number 1 of 1 waiting in job queue q; needs 4 nodes with together 8 vCPU, 4096 MiB; free: ce 6 of 8 vCPU.",
		},
		"place unknown": {
			batch.Job{Queue: "q", Requests: batch.Requests{MilliVCPU: 1000, MemoryMiB: 4}},
			batch.Place{},
			[]viewapi.Supply{ce},
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
			if got := textOf(environmentSupply(Environment{ComputeEnvironment: tc.environment, UsedMilli: tc.used})); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
	if got := textOf(consumableSupply("lic", nil)); got != "lic 0 (does not exist)" {
		t.Errorf("got %s", got)
	}
	if got := textOf(consumableSupply("lic", &batch.ConsumableResource{TotalQuantity: 3, InUseQuantity: 5})); got != "lic 0 of 3" {
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
			if got := whyAdmitted(&batch.Job{Current: &tc.current}, ""); got != tc.want {
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
