// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
)

// of asks for any of the types, the first preferred.
func of(w *world, names ...string) func(*fleet.LaunchRequest) {
	return func(r *fleet.LaunchRequest) {
		w.t.Helper()
		types, err := w.InstanceTypes(w.t.Context(), names)
		if err != nil {
			w.t.Fatal(err)
		}
		r.Types, r.Type.Name = types, "4vcpu-8gib"
		delete(r.Labels, corev1.LabelInstanceTypeStable)
	}
}

func typesOf(instances []ec2fake.Instance) map[string]int {
	out := map[string]int{}
	for _, i := range instances {
		out[i.Type]++
	}
	return out
}

func TestOneCallIsServedByManyPools(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a", "z-b"}})
	w.env.Strategy = "SPOT_PRICE_CAPACITY_OPTIMIZED"
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge", Zone: "z-a"}, 1)
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge", Zone: "z-b"}, 0)
	w.cloud.SetStock(ec2fake.Pool{Type: "m5.xlarge", Zone: "z-a"}, 1)
	w.cloud.SetStock(ec2fake.Pool{Type: "m5.xlarge", Zone: "z-b"}, 0)
	w.cloud.SetStock(ec2fake.Pool{Type: "r5.xlarge", Zone: "z-a"}, 1)
	w.cloud.SetStock(ec2fake.Pool{Type: "r5.xlarge", Zone: "z-b"}, 1)
	r := w.request("token", 4, spot, of(w, "c5.xlarge", "m5.xlarge", "r5.xlarge"))
	got := w.launched(r)
	if diff := cmp.Diff(map[string]int{"c5.xlarge": 1, "m5.xlarge": 1, "r5.xlarge": 2}, typesOf(w.cloud.Instances())); diff != "" {
		t.Errorf("types mismatch (-want +got):\n%s", diff)
	}
	told, are := map[string]string{}, map[string]string{}
	for _, i := range got {
		told[i.ID] = i.InstanceType + " " + i.ProviderID
	}
	for _, i := range w.cloud.Instances() {
		are[i.ID] = i.Type + " aws:///" + i.Zone + "/" + i.ID
	}
	if diff := cmp.Diff(are, told); diff != "" {
		t.Errorf("instances mismatch (-are +told):\n%s", diff)
	}
	if n := w.cloud.Calls("CreateFleet"); n != 1 {
		t.Errorf("%d calls of CreateFleet", n)
	}
}

func TestStrategiesOfLaunchesOfSeveralTypes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		strategy string
		types    []string
		want     map[string]int
	}{
		"price and capacity: the cheapest that has enough": {"SPOT_PRICE_CAPACITY_OPTIMIZED", []string{"r5.xlarge", "m5.xlarge", "c5.xlarge"}, map[string]int{"m5.xlarge": 3}},
		"capacity: whichever has most":                     {"SPOT_CAPACITY_OPTIMIZED", []string{"c5.xlarge", "m5.xlarge", "r5.xlarge"}, map[string]int{"r5.xlarge": 3}},
		"capacity, prioritized: the first that has enough": {"SPOT_CAPACITY_OPTIMIZED_PRIORITIZED", []string{"c5.xlarge", "r5.xlarge", "m5.xlarge"}, map[string]int{"r5.xlarge": 3}},
		"lowest price: the cheapest, and then the next":    {"BEST_FIT_PROGRESSIVE", []string{"r5.xlarge", "m5.xlarge", "c5.xlarge"}, map[string]int{"c5.xlarge": 1, "m5.xlarge": 2}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ec2fake.Config{Zones: []string{"z-a"}})
			w.env.Strategy = tc.strategy
			w.cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 1)
			w.cloud.SetStock(ec2fake.Pool{Type: "m5.xlarge"}, 5)
			w.cloud.SetStock(ec2fake.Pool{Type: "r5.xlarge"}, 50)
			w.launched(w.request("token", 3, spot, of(w, tc.types...)))
			if diff := cmp.Diff(tc.want, typesOf(w.cloud.Instances())); diff != "" {
				t.Errorf("types mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWholeLaunchIsOfOneType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a", "z-b"}})
	w.env.Strategy = "SPOT_CAPACITY_OPTIMIZED"
	for _, name := range []string{"c5.xlarge", "r5.xlarge"} {
		w.cloud.SetStock(ec2fake.Pool{Type: name}, 3)
	}
	w.cloud.SetStock(ec2fake.Pool{Type: "m5.xlarge", Zone: "z-a"}, 2)
	w.cloud.SetStock(ec2fake.Pool{Type: "m5.xlarge", Zone: "z-b"}, 2)
	w.launched(w.request("token-1", 4, spot, whole, of(w, "c5.xlarge", "m5.xlarge", "r5.xlarge")))
	if diff := cmp.Diff(map[string]int{"m5.xlarge": 4}, typesOf(w.cloud.Instances())); diff != "" {
		t.Errorf("types mismatch (-want +got):\n%s", diff)
	}
	got, err := w.Launch(t.Context(), w.request("token-2", 4, spot, whole, of(w, "c5.xlarge", "r5.xlarge")))
	if len(got) != 0 || !fleet.IsOutOfCapacity(err) {
		t.Errorf("Launch = %d instances, %v; want none and a capacity error", len(got), err)
	}
}

func TestTypesWithATemplateOfTheirOwnHaveIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a"}})
	w.ownTemplate("large", &ec2types.RequestLaunchTemplateData{KeyName: aws.String("theirs")})
	w.env.Templates = []fleet.LaunchTemplate{{Name: "large", InstanceTypes: []string{"r5"}}}
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 1)
	w.launched(w.request("token", 2, spot, of(w, "c5.xlarge", "r5.xlarge")))
	if got := len(w.cloud.Templates()); got != 3 { // the user's, and one of ours for each
		t.Errorf("%d launch templates, want 3", got)
	}
	if diff := cmp.Diff(map[string]int{"c5.xlarge": 1, "r5.xlarge": 1}, typesOf(w.cloud.Instances())); diff != "" {
		t.Errorf("types mismatch (-want +got):\n%s", diff)
	}
}

func TestBidOfSeveralTypesIsAShareOfEachPrice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a"}})
	w.env.BidPercentage = 50
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 1)
	w.launched(w.request("token-1", 2, spot, of(w, "c5.xlarge", "m5.xlarge")))
	got := map[string]string{}
	for _, i := range w.cloud.Instances() {
		got[i.Type] = i.MaxPrice
	}
	if diff := cmp.Diff(map[string]string{"c5.xlarge": "0.08500", "m5.xlarge": "0.09600"}, got); diff != "" {
		t.Errorf("highest prices mismatch (-want +got):\n%s", diff)
	}
	unpriced := func(r *fleet.LaunchRequest) { r.Types[0].PricePerHour = 0 }
	w.launched(w.request("token-2", 1, spot, of(w, "r5.xlarge", "m5.xlarge"), unpriced))
	if diff := cmp.Diff(map[string]int{"c5.xlarge": 1, "m5.xlarge": 2}, typesOf(w.cloud.Instances())); diff != "" {
		t.Errorf("types mismatch (-want +got):\n%s", diff)
	}
}

func TestTooManyPoolsAreCutToEC2sLimit(t *testing.T) {
	t.Parallel()
	var zones, names []string
	for i := range 26 {
		zones = append(zones, "z-"+string(rune('a'+i)))
	}
	for _, family := range []string{"c5", "m5", "r5", "m6i", "c6i", "r6i", "c7i"} {
		names = append(names, family+".large", family+".xlarge")
	}
	w := newWorld(t, ec2fake.Config{Zones: zones})
	w.launched(w.request("token", 1, spot, of(w, names...))) // the cloud refuses 364
}

func TestAllNamesOfAShortLaunchAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a"}})
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.xlarge"}, 0)
	w.cloud.SetStock(ec2fake.Pool{Type: "m5.xlarge"}, 0)
	_, err := w.Launch(t.Context(), w.request("token", 1, spot, of(w, "c5.xlarge", "m5.xlarge")))
	if err == nil || !strings.HasPrefix(err.Error(), "create fleet: no capacity for instance type c5.xlarge, m5.xlarge: InsufficientInstanceCapacity: ") {
		t.Errorf("Launch: %v", err)
	}
}
