// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/autoscaler/imds"
	"github.com/muster-batch/muster/autoscaler/interruption"
)

// What the cloud announces of an instance, the instance hears.
func TestMetadata(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cloud := New(Config{Clock: testingclock.NewFakeClock(now)})
	if _, err := connect(t, cloud).CreateFleet(t.Context(), spotFleet("token", 1)); err != nil {
		t.Fatal(err)
	}
	id := cloud.Instances()[0].ID
	srv := httptest.NewServer(cloud.Metadata(id))
	t.Cleanup(srv.Close)
	client := imds.New(srv.URL)
	if got, err := client.Notices(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("notices %v, %v", got, err)
	}
	cloud.Interrupt(id)
	cloud.Recommend(id)
	cloud.Retire(id, now.Add(time.Hour))
	got, err := client.Notices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []interruption.Notice{
		{Kind: interruption.Spot, InstanceID: id, Deadline: now.Add(2 * time.Minute)},
		{Kind: interruption.Rebalance, InstanceID: id, At: now},
		{Kind: interruption.Maintenance, InstanceID: id, Deadline: now.Add(time.Hour)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notices mismatch (-want +got):\n%s", diff)
	}
}
