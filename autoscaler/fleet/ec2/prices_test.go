// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// waitingClock counts how often something waits for it.
type waitingClock struct {
	clock.Clock
	waits atomic.Int32
}

func (c *waitingClock) After(d time.Duration) <-chan time.Time {
	defer c.waits.Add(1)
	return c.Clock.After(d)
}

// learning is a fleet that runs in the background.
type learning struct {
	*world
	waiting *waitingClock
}

// run lets the fleet run, and waits until it has asked for both kinds of prices.
func (w *world) run() *learning {
	w.t.Helper()
	l := &learning{w, &waitingClock{Clock: w.clock}}
	w.cfg.Clock = l.waiting
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.Run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
	l.await(2)
	return l
}

// await waits until the fleet has waited n times for its next question.
func (l *learning) await(n int32) {
	l.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); l.waiting.waits.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("the fleet waited %d times, want %d", l.waiting.waits.Load(), n)
		}
	}
}

// step lets time pass in which the fleet asks n times.
func (l *learning) step(d time.Duration, n int32) {
	l.t.Helper()
	n += l.waiting.waits.Load()
	l.clock.Step(d)
	l.await(n)
}

func (w *world) c5Large() instancetype.Type {
	w.t.Helper()
	types, err := w.InstanceTypes(w.t.Context(), []string{"c5.large"})
	if err != nil {
		w.t.Fatal(err)
	}
	return types[0]
}

func TestPricesAreAWSs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a", "z-b"}})
	if got := w.c5Large(); got.PricePerHour != 0.085 || got.SpotPricePerHour != 0 {
		t.Errorf("before AWS is asked, c5.large costs %v and %v", got.PricePerHour, got.SpotPricePerHour)
	}
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large"}, 0.09)
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large", Zone: "z-a", Capacity: "spot"}, 0.05)
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large", Zone: "z-b", Capacity: "spot"}, 0.04)
	l := w.run()
	if got := w.c5Large(); got.PricePerHour != 0.09 || got.SpotPricePerHour != 0.04 {
		t.Errorf("c5.large costs %v and %v, want 0.09 and 0.04", got.PricePerHour, got.SpotPricePerHour)
	}
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large"}, 0.1)
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large", Capacity: "spot", Zone: "z-b"}, 0.06)
	l.step(spotLifetime, 1)
	if got := w.c5Large(); got.PricePerHour != 0.09 || got.SpotPricePerHour != 0.05 {
		t.Errorf("after %v, c5.large costs %v and %v, want 0.09 and 0.05", spotLifetime, got.PricePerHour, got.SpotPricePerHour)
	}
	l.step(onDemandLifetime, 2)
	if got := w.c5Large(); got.PricePerHour != 0.1 {
		t.Errorf("after %v, c5.large costs %v, want 0.1", onDemandLifetime, got.PricePerHour)
	}
}

func TestPricesComeInPages(t *testing.T) {
	t.Parallel()
	types := instancetype.Builtin().All()[:productsPerPage+30]
	for i := range types {
		types[i].PricePerHour = float64(i + 1)
	}
	w := newWorld(t, ec2fake.Config{Types: types, PageSize: 50, Zones: []string{"z-a"}})
	w.run()
	for action, want := range map[string]int{"GetProducts": (len(types)-1)/productsPerPage + 2, "DescribeSpotPriceHistory": (2*len(types)-1)/50 + 1} {
		if got := w.cloud.Calls(action); got != want { // bare metal is a list of its own
			t.Errorf("%s was called %d times, want %d", action, got, want)
		}
	}
	for _, ty := range []instancetype.Type{types[0], types[len(types)-1]} {
		got := w.prices.apply([]instancetype.Type{{Name: ty.Name}})[0]
		if got.PricePerHour == 0 || math.Abs(got.SpotPricePerHour-0.3*got.PricePerHour) > 1e-5 {
			t.Errorf("%s costs %v and %v", ty.Name, got.PricePerHour, got.SpotPricePerHour)
		}
	}
}

func TestPricesThatCannotBeLearntStayAsTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.cloud.Break(ec2fake.Fault{Action: "GetProducts", Code: "AccessDeniedException", Message: "no"})
	w.cloud.Break(ec2fake.Fault{Action: "DescribeSpotPriceHistory", Code: "UnauthorizedOperation", Message: "no"})
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large"}, 0.09)
	l := w.run()
	if got := w.c5Large(); got.PricePerHour != 0.085 || got.SpotPricePerHour != 0 {
		t.Errorf("c5.large costs %v and %v, want what the built-in table says", got.PricePerHour, got.SpotPricePerHour)
	}
	l.step(pricesRetryAfter, 2)
	if got := w.c5Large(); got.PricePerHour != 0.09 || got.SpotPricePerHour == 0 {
		t.Errorf("c5.large costs %v and %v after another try", got.PricePerHour, got.SpotPricePerHour)
	}
}

func TestInstancesCostWhatTheirPoolDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a", "z-b"}})
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large", Zone: "z-a", Capacity: "spot"}, 0.05)
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large", Zone: "z-b", Capacity: "spot"}, 0.04)
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large"}, 0.09)
	w.run()
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.large", Zone: "z-b", Capacity: "spot"}, 1)
	told := append(w.launched(w.request("token-1", 2, spot)), w.launched(w.request("token-2", 1))...)
	listed, err := w.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for what, instances := range map[string][]fleet.Instance{"launched": told, "listed": listed} {
		got := map[float64]int{}
		for _, i := range instances {
			got[i.PricePerHour]++
		}
		if diff := cmp.Diff(map[float64]int{0.05: 1, 0.04: 1, 0.09: 1}, got); diff != "" {
			t.Errorf("%s: prices mismatch (-want +got):\n%s", what, diff)
		}
	}
}

func TestABidIsAShareOfTheTruePrice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.env.BidPercentage = 50
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large"}, 0.2)
	r := w.request("token-1", 1, spot) // its price is of the built-in table
	w.run()
	w.launched(r)
	if got := w.cloud.Instances()[0].MaxPrice; got != "0.10000" {
		t.Errorf("highest price = %s, want half of 0.2", got)
	}
	w.cloud.SetPrice(ec2fake.Pool{Type: "c5.large", Capacity: "spot"}, 0.11)
	got, err := w.Launch(t.Context(), w.request("token-2", 1, spot))
	if refused := fleet.ClassOf(err); len(got) > 0 || refused != fleet.NoCapacity {
		t.Errorf("Launch = %v, %v; want no capacity at that price", got, err)
	}
	w.launched(w.request("token-3", 1))
}

func TestPricingRegion(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"us-east-1": "us-east-1", "us-west-2": "us-east-1", "sa-east-1": "us-east-1", "ca-central-1": "us-east-1", "eu-north-1": "eu-central-1",
		"ap-southeast-2": "ap-south-1", "cn-north-1": "cn-northwest-1", "us-gov-west-1": "", "us-iso-east-1": "", "eu-isoe-west-1": "",
	} {
		if got, ok := pricingRegion(region); got != want || ok != (want != "") {
			t.Errorf("pricingRegion(%s) = %s, %v; want %s", region, got, ok, want)
		}
	}
	p := &platform{region: "us-gov-west-1"}
	if _, err := p.Prices(t.Context()); err == nil {
		t.Error("prices of a region without a price list")
	}
}

func TestProductOf(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		doc       string
		wantName  string
		wantPrice float64
	}{
		"an instance": {
			doc: `{"product":{"attributes":{"instanceType":"c5.large"}},"terms":{"OnDemand":{"X.Y":{"priceDimensions":{"X.Y.Z":` +
				`{"unit":"Hrs","pricePerUnit":{"USD":"0.0850000000"}}}}}}}`,
			wantName: "c5.large", wantPrice: 0.085,
		},
		"of China": {
			doc: `{"product":{"attributes":{"instanceType":"c5.large"}},"terms":{"OnDemand":{"X.Y":{"priceDimensions":{"X.Y.Z":` +
				`{"unit":"Hrs","pricePerUnit":{"CNY":"0.6"}}}}}}}`,
			wantName: "c5.large", wantPrice: 0.6,
		},
		"something by another unit": {
			doc: `{"product":{"attributes":{"instanceType":"c5.large"}},"terms":{"OnDemand":{"X.Y":{"priceDimensions":{"X.Y.Z":` +
				`{"unit":"Quantity","pricePerUnit":{"USD":"5"}}}}}}}`,
			wantName: "c5.large",
		},
		"nonsense":        {doc: `[`},
		"a strange price": {doc: `{"terms":{"OnDemand":{"X.Y":{"priceDimensions":{"X.Y.Z":{"unit":"Hrs","pricePerUnit":{"USD":"-1"}}}}}}}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if gotName, gotPrice := productOf(tc.doc); gotName != tc.wantName || gotPrice != tc.wantPrice {
				t.Errorf("productOf = %s, %v", gotName, gotPrice)
			}
		})
	}
}

func TestUnknownPricesAreNought(t *testing.T) {
	t.Parallel()
	p := newPrices()
	for _, capacity := range []string{batchmeta.CapacityOnDemand, batchmeta.CapacitySpot} {
		if got := p.of(pool{"c5.large", "z-a", capacity}); got != 0 {
			t.Errorf("%s instance costs %v", capacity, got)
		}
	}
}
