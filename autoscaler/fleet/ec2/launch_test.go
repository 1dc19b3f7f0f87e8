// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func spot(r *fleet.LaunchRequest)  { r.CapacityType = batchmeta.CapacitySpot }
func whole(r *fleet.LaunchRequest) { r.Whole = true }

func zones(instances []ec2fake.Instance) map[string]int {
	out := map[string]int{}
	for _, i := range instances {
		out[i.Zone]++
	}
	return out
}

func TestEverythingIsTagged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.env.Tags = map[string]string{"team": "a", "Name": "mine", tagCluster: "theirs"}
	r := w.request("token", 1)
	w.launched(r)
	want := map[string]string{
		"team": "a", "Name": "mine", tagCluster: "muster", "kubernetes.io/cluster/muster": "owned",
		batchmeta.ComputeEnvironmentUUID: r.Environment.UUID, batchmeta.NodeGroup: r.NodeGroup,
		batchmeta.LaunchToken: "token", batchmeta.Generation: "1",
	}
	if diff := cmp.Diff(want, w.cloud.Instances()[0].Tags); diff != "" {
		t.Errorf("tags mismatch (-want +got):\n%s", diff)
	}
	if got := w.cloud.Templates()[0].Tags; got[tagCluster] != "muster" || got[batchmeta.ComputeEnvironmentUUID] != r.Environment.UUID {
		t.Errorf("tags of the launch template: %v", got)
	}
}

func TestOtherClustersInstancesAreNoneOfOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.launched(w.request("token", 2))
	w.restart()
	w.cfg.Cluster = "other"
	if got := w.listed(); len(got) != 0 {
		t.Errorf("listed %v", got)
	}
}

func TestProviderIDNamesTheZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.env.Subnets = []string{"subnet-us-east-1b"}
	got := w.launched(w.request("token", 1))[0]
	if want := "aws:///us-east-1b/" + got.ID; got.ProviderID != want {
		t.Errorf("provider id = %s, want %s", got.ProviderID, want)
	}
}

func TestStockOutOfOneZoneIsMadeUpInAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	empty := ec2fake.Pool{Type: "c5.large", Zone: "us-east-1a", Capacity: "on-demand"}
	w.cloud.SetStock(empty, 1)
	w.launched(w.request("token-1", 3))
	if diff := cmp.Diff(map[string]int{"us-east-1a": 1, "us-east-1b": 2}, zones(w.cloud.Instances())); diff != "" {
		t.Errorf("zones mismatch (-want +got):\n%s", diff)
	}
}

func TestWholeLaunchInAPlacementGroupIsInOneZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a", "z-b"}})
	w.env.PlacementGroup = "pg"
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.large", Zone: "z-a"}, 3)
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.large", Zone: "z-b"}, 4)
	w.launched(w.request("token-1", 4, whole))
	if diff := cmp.Diff(map[string]int{"z-b": 4}, zones(w.cloud.Instances())); diff != "" {
		t.Errorf("zones mismatch (-want +got):\n%s", diff)
	}
	got, err := w.Launch(t.Context(), w.request("token-2", 4, whole))
	if len(got) != 0 || !fleet.IsOutOfCapacity(err) {
		t.Errorf("Launch = %d instances, %v; want none and a capacity error", len(got), err)
	}
	w.wantInstances(4)
}

func TestBidIsAShareOfThePrice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.env.BidPercentage = 40
	w.launched(w.request("token-1", 1, spot))
	w.launched(w.request("token-2", 1))
	got := w.cloud.Instances()
	if got[0].MaxPrice != "0.03400" || got[0].Capacity != "spot" { // of 0.085
		t.Errorf("Spot instance %+v", got[0])
	}
	if got[1].MaxPrice != "" || got[1].Capacity != "on-demand" {
		t.Errorf("On-Demand instance %+v", got[1])
	}
	_, err := w.Launch(t.Context(), w.request("token-3", 1, spot, func(r *fleet.LaunchRequest) { r.Type.PricePerHour = 0 }))
	if fleet.ClassOf(err) != fleet.BadRequest {
		t.Errorf("a bid on an unknown price: %v", err)
	}
}

func TestClassesOfRefusals(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		fault   ec2fake.Fault
		prepare func(*world)
		want    fleet.Class
		wantErr string
	}{
		"a stock-out": {
			prepare: func(w *world) { w.cloud.SetStock(ec2fake.Pool{Type: "c5.large"}, 0) }, want: fleet.NoCapacity,
			wantErr: "create fleet: no capacity for instance type c5.large: InsufficientInstanceCapacity: ",
		},
		"the quota of vCPUs": {
			prepare: func(w *world) { w.cloud.SetQuota(1) }, want: fleet.Quota,
			wantErr: "create fleet: no capacity for instance type c5.large: VcpuLimitExceeded: ",
		},
		"the quota of Spot requests": {
			fault: ec2fake.Fault{Action: "CreateFleet", Code: "MaxSpotInstanceCountExceeded"}, want: fleet.Quota,
		},
		"no permission": {
			fault: ec2fake.Fault{Action: "CreateFleet", Code: "UnauthorizedOperation", Message: "You are not authorized."}, want: fleet.Denied,
			wantErr: "create fleet: UnauthorizedOperation: You are not authorized.",
		},
		"no end to throttling": {
			fault: ec2fake.Fault{Action: "CreateFleet", Code: "RequestLimitExceeded", Times: 1000}, want: fleet.Throttled,
		},
		"an environment without subnets": {
			prepare: func(w *world) { w.env.Subnets = nil }, want: fleet.BadRequest,
		},
		"a subnet that is gone": {
			prepare: func(w *world) { w.env.Subnets = []string{"subnet-0"} }, want: fleet.BadRequest,
			wantErr: "InvalidComputeEnvironment: subnet subnet-0 does not exist",
		},
		"an image that is gone": {
			prepare: func(w *world) { w.env.ImageID = ec2fake.NoImage }, want: fleet.BadRequest,
		},
		"a launch template that is gone": {
			prepare: func(w *world) { w.env.Templates = []fleet.LaunchTemplate{{Name: "gone"}} }, want: fleet.BadRequest,
		},
		"EC2 out of order": {
			fault: ec2fake.Fault{Action: "CreateFleet", Code: "InternalError", Times: 1000}, want: fleet.Unknown,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ec2fake.Config{})
			if tc.prepare != nil {
				tc.prepare(w)
			}
			if tc.fault.Code != "" {
				w.cloud.Break(tc.fault)
			}
			got, err := w.Launch(t.Context(), w.request("token", 1))
			if len(got) > 0 || err == nil || fleet.ClassOf(err) != tc.want || !strings.HasPrefix(err.Error(), tc.wantErr) {
				t.Errorf("Launch = %v, %v (%s); want %s, %q", got, err, fleet.ClassOf(err), tc.want, tc.wantErr)
			}
			w.wantInstances(0)
		})
	}
}

func TestThrottlingIsWaitedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	srv := httptest.NewServer(w.cloud)
	t.Cleanup(srv.Close)
	patient, err := NewClient(ClientConfig{Region: "us-east-1", Endpoint: srv.URL, HTTP: srv.Client(), Credentials: aws.CredentialsProviderFunc(staticCredentials)})
	if err != nil {
		t.Fatal(err)
	}
	w.api = patient
	w.cloud.Break(ec2fake.Fault{Action: "CreateFleet", Code: "RequestLimitExceeded", Times: 2})
	w.launched(w.request("token", 2))
	w.wantInstances(2)
}

func TestLostRepliesBuyNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.cloud.Break(ec2fake.Fault{Action: "CreateLaunchTemplate", Lost: true})
	w.cloud.Break(ec2fake.Fault{Action: "CreateFleet", Lost: true})
	w.launched(w.request("token", 3))
	w.wantInstances(3)
	if got := w.cloud.Calls("CreateFleet"); got != 2 {
		t.Errorf("CreateFleet was called %d times, want 2", got)
	}
}

func TestRepeatedLaunchOfAChangedEnvironmentFindsItsInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	before := w.launched(w.request("token", 2))
	w.env.KeyPair = "new"
	w.restart()
	after := w.launched(w.request("token", 2))
	if before[0].ID != after[0].ID || before[1].ID != after[1].ID {
		t.Errorf("instances %v became %v", before, after)
	}
	w.wantInstances(2)
}

func TestAPageThatFailsMakesNoList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{PageSize: 2})
	w.launched(w.request("token", 5))
	w.cloud.Break(ec2fake.Fault{Action: "DescribeInstances", Skip: 1, Code: "UnauthorizedOperation"})
	if got, err := w.List(t.Context()); err == nil {
		t.Errorf("List = %v, want an error", got)
	}
	if got := w.listed(); len(got) != 5 {
		t.Errorf("listed %v, want 5", got)
	}
}

func TestReclaimedInstanceIsNotListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.cloud.HideNew(3)
	got := w.launched(w.request("token", 2, spot))
	w.cloud.Reclaim(got[0].ID)
	for range 5 { // hidden at first, then shown as terminated
		w.listed()
	}
	if diff := cmp.Diff([]string{got[1].ID}, w.listed()); diff != "" {
		t.Errorf("listed mismatch (-want +got):\n%s", diff)
	}
}

func TestInstancesKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	got := w.launched(w.request("token", 3))
	want := map[string]string{}
	for _, i := range got {
		want[i.ID] = i.Token
	}
	if err := w.Terminate(t.Context(), []string{got[0].ID}); err != nil {
		t.Fatal(err)
	}
	delete(want, got[0].ID)
	listed, err := w.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{}
	for _, i := range listed {
		tokens[i.ID] = i.Token
	}
	if diff := cmp.Diff(want, tokens); diff != "" {
		t.Errorf("tokens mismatch (-want +got):\n%s", diff)
	}
}
