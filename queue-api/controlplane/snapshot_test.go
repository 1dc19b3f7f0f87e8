// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// frontOf gives the ids at the front of a queue.
func (f *fixture) frontOf(tb testing.TB, queue string) []string {
	tb.Helper()
	var ids []string
	for _, j := range reply(tb, f.GetJobQueueSnapshot, fmt.Sprintf(`{"jobQueue":%q}`, queue)).FrontOfQueue.Jobs {
		ids = append(ids, strings.TrimPrefix(*j.JobArn, arnBase+"job/"))
	}
	return ids
}

// newFairFixture is newBusyFixture with a fair-share queue "fair"; share "light" has a weight of 0.5.
func newFairFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := newBusyFixture(tb)
	ok(tb, f.CreateSchedulingPolicy, `{"name":"p","fairsharePolicy":{"shareDistribution":[{"shareIdentifier":"light","weightFactor":0.5}]}}`)
	ok(tb, f.CreateJobQueue, fmt.Sprintf(`{"jobQueueName":"fair","priority":1,"schedulingPolicyArn":%q,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`, policyARN("p")))
	return f
}

func (f *fixture) submitTo(tb testing.TB, share string) string {
	tb.Helper()
	f.clock.SetTime(f.clock.Now().Add(time.Second))
	return f.submit(tb, fmt.Sprintf(`{"jobName":"j","jobQueue":"fair","jobDefinition":"d","shareIdentifier":%q}`, share))
}

func TestSnapshotOfAnEmptyQueue(t *testing.T) {
	t.Parallel()
	f := newFairFixture(t)
	wantJSON(t, `{"frontOfQueue":{"jobs":[],"lastUpdatedAt":`+ms(0)+`},"queueUtilization":{"totalCapacityUsage":[{"capacityUnit":"cpu","quantity":0}],"lastUpdatedAt":`+ms(0)+`}}`,
		ok(t, f.GetJobQueueSnapshot, `{"jobQueue":"q"}`))
	wantJSON(t, `{"frontOfQueue":{"jobs":[],"lastUpdatedAt":`+ms(0)+`},"queueUtilization":{"totalCapacityUsage":[{"capacityUnit":"cpu","quantity":0}],"lastUpdatedAt":`+ms(0)+`,
		"fairshareUtilization":{"activeShareCount":0,"topCapacityUtilization":[]}}}`,
		ok(t, f.GetJobQueueSnapshot, fmt.Sprintf(`{"jobQueue":%q}`, arnBase+"job-queue/fair")))
	_, err := do(t, f.GetJobQueueSnapshot, `{"jobQueue":"nope"}`)
	wantRefusal(t, err, "JobQueue nope not found.")
}

// Contract 2.2: FIFO by submission; only RUNNABLE jobs; at most 100.
func TestSnapshotOfAFIFOQueue(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	const body = `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`
	runs := f.submit(t, body)
	var want []string
	for i := range 2 * maxFront {
		f.clock.SetTime(t0.Add(time.Duration(i) * time.Second))
		want = append(want, f.submit(t, body))
	}
	f.submit(t, fmt.Sprintf(`{"jobName":"j","jobQueue":"q","jobDefinition":"d","dependsOn":[{"jobId":%q}]}`, runs)) // PENDING
	f.step(t, runs, admitted(), bound(), started())
	f.step(t, want[0], admitted())

	if diff := cmp.Diff(want[:maxFront], f.frontOf(t, "q")); diff != "" {
		t.Errorf("front mismatch (-want +got):\n%s", diff)
	}
	snapshot := reply(t, f.GetJobQueueSnapshot, `{"jobQueue":"q"}`)
	use := snapshot.QueueUtilization
	if got := use.TotalCapacityUsage[0]; *got.CapacityUnit != "cpu" || *got.Quantity != 2 {
		t.Errorf("uses %v %s, want 2 cpu: one runs, one was admitted", *got.Quantity, *got.CapacityUnit)
	}
	if use.FairshareUtilization != nil || snapshot.FrontOfQuotaShares != nil || use.QuotaShareUtilization != nil {
		t.Errorf("a FIFO queue has shares: %+v", use)
	}
	if got := *snapshot.FrontOfQueue.Jobs[5].EarliestTimeAtPosition; got != t0.Add(5*time.Second).UnixMilli() {
		t.Errorf("the sixth is there since %d", got)
	}
}

// Contract 2.2: array parents are not listed, children are.
func TestSnapshotShowsChildren(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"d","arrayProperties":{"size":3}}`)
	if got := f.frontOf(t, "q"); !slices.Equal(got, []string{id + ":0", id + ":1", id + ":2"}) {
		t.Errorf("got %v", got)
	}
}

// Contract 5.3: the share with the lowest use goes first, each job charged at once, so that equal shares alternate and one
// of half the weight gets two for one.
func TestSnapshotOfAFairShareQueue(t *testing.T) {
	t.Parallel()
	f := newFairFixture(t)
	var a, b, light []string
	for range 4 {
		a = append(a, f.submitTo(t, "a"))
	}
	for range 2 {
		b = append(b, f.submitTo(t, "b"))
		light = append(light, f.submitTo(t, "light"))
	}
	f.step(t, a[0], admitted(), bound(), started())
	want := []string{b[0], light[0], light[1], a[1], b[1], a[2], a[3]}
	if got := f.frontOf(t, "fair"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	use := reply(t, f.GetJobQueueSnapshot, `{"jobQueue":"fair"}`).QueueUtilization.FairshareUtilization
	if *use.ActiveShareCount != 3 || len(use.TopCapacityUtilization) != 1 {
		t.Fatalf("got %+v", use)
	}
	if top := use.TopCapacityUtilization[0]; *top.ShareIdentifier != "a" || *top.CapacityUsage[0].Quantity != 1 || *top.CapacityUsage[0].CapacityUnit != "cpu" {
		t.Errorf("got %+v", top)
	}
}

// What a share used lately counts, too.
func TestSnapshotHeedsTheLedger(t *testing.T) {
	t.Parallel()
	f := newFairFixture(t)
	a, b := f.submitTo(t, "a"), f.submitTo(t, "b")
	if got := f.frontOf(t, "fair"); !slices.Equal(got, []string{a, b}) {
		t.Errorf("got %v, want a first, which is older", got)
	}
	ledger, err := fairshare.ReadLedger(nil)
	if err != nil {
		t.Fatal(err)
	}
	policy := fairshare.NewPolicy(nil)
	ledger.Advance(f.clock.Now().Add(-time.Minute), map[string]int64{"a": 1000}, policy.Tau())
	ledger.Advance(f.clock.Now(), map[string]int64{"a": 1000}, policy.Tau())
	text, err := ledger.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	queue, err := f.store.Queue(t.Context(), "fair")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.SaveShareLedger(t.Context(), queue.Number, text); err != nil {
		t.Fatal(err)
	}
	if got := f.frontOf(t, "fair"); !slices.Equal(got, []string{b, a}) {
		t.Errorf("got %v, want b first, which used nothing", got)
	}
}

func TestSnapshotShowsTheTopShares(t *testing.T) {
	t.Parallel()
	running := map[string]int64{"most": 5000}
	for i := range 30 {
		running[fmt.Sprintf("s%02d", i)] = 1000
	}
	var got []string
	for _, s := range topShares(running) {
		got = append(got, *s.ShareIdentifier)
	}
	if len(got) != maxTopShares || got[0] != "most" || got[1] != "s00" || got[19] != "s18" {
		t.Errorf("got %v", got)
	}
}

func TestSnapshotWhenTheStoreIsDown(t *testing.T) {
	t.Parallel()
	f := newFairFixture(t)
	f.submitTo(t, "a")
	f.jobs = downJobs{}
	if _, err := f.GetJobQueueSnapshot(t.Context(), caller, &awsapi.GetJobQueueSnapshotRequest{JobQueue: new("fair")}); err != nil {
		t.Errorf("nothing has an attempt under way, so no job is loaded by id: %v", err)
	}
	f.queues = downQueues{}
	if _, err := f.GetJobQueueSnapshot(t.Context(), caller, &awsapi.GetJobQueueSnapshotRequest{JobQueue: new("fair")}); err == nil {
		t.Error("a snapshot of a store that is down")
	}
}
