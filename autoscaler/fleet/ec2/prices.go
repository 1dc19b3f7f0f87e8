// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	onDemandLifetime = 12 * time.Hour // AWS changes list prices seldom
	spotLifetime     = 30 * time.Minute
	pricesRetryAfter = 5 * time.Minute
)

// prices are what instances cost, as far as AWS has told. Until it has, types cost what the built-in table says.
type prices struct {
	mu       sync.Mutex // guards all below
	onDemand map[string]float64
	spot     map[string]map[string]float64 // by type and zone
}

func newPrices() *prices { return &prices{} }

// of is what an instance of a pool costs an hour; 0 if that is not known.
func (p *prices) of(from pool) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if from.capacityType == batchmeta.CapacitySpot {
		return p.spot[from.instanceType][from.zone]
	}
	return p.onDemand[from.instanceType]
}

// apply is the types with the prices that are known.
func (p *prices) apply(types []instancetype.Type) []instancetype.Type {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.Clone(types)
	for i := range out {
		t := &out[i]
		if price, ok := p.onDemand[t.Name]; ok {
			t.PricePerHour = price
		}
		for _, price := range p.spot[t.Name] {
			if t.SpotPricePerHour == 0 || price < t.SpotPricePerHour {
				t.SpotPricePerHour = price
			}
		}
	}
	return out
}

// Run keeps prices up to date until ctx ends. Without it, and until they are known, the built-in table stands in.
func (f *Fleet) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { f.learn(ctx, "On-Demand prices", onDemandLifetime, f.learnOnDemand) })
	work.Go(func() { f.learn(ctx, "Spot prices", spotLifetime, f.learnSpot) })
	work.Wait()
	return nil
}

// learn asks at once and whenever what was learnt is too old, and tells when that begins to fail.
func (f *Fleet) learn(ctx context.Context, what string, lifetime time.Duration, ask func(context.Context) error) {
	failing := false
	for ctx.Err() == nil {
		err := ask(ctx)
		wait := lifetime
		if err != nil {
			wait = pricesRetryAfter
		}
		if err != nil && !failing && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Cannot learn "+what+", keeping what is known")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-f.cfg.Clock.After(wait):
		}
	}
}

func (f *Fleet) learnOnDemand(ctx context.Context) error {
	list, err := f.platform.Prices(ctx)
	if err != nil {
		return err
	}
	f.prices.mu.Lock()
	defer f.prices.mu.Unlock()
	f.prices.onDemand = list
	return nil
}

// learnSpot asks for the history from now on, which is the present prices.
func (f *Fleet) learnSpot(ctx context.Context) error {
	now := f.cfg.Clock.Now()
	pages := awsec2.NewDescribeSpotPriceHistoryPaginator(f.api, &awsec2.DescribeSpotPriceHistoryInput{
		StartTime: aws.Time(now), EndTime: aws.Time(now), ProductDescriptions: []string{"Linux/UNIX", "Linux/UNIX (Amazon VPC)"},
	})
	spot, since := map[string]map[string]float64{}, map[pool]time.Time{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return explain("describe Spot price history", "", err)
		}
		for i := range page.SpotPriceHistory {
			e := &page.SpotPriceHistory[i]
			p, at := pool{string(e.InstanceType), aws.ToString(e.AvailabilityZone), batchmeta.CapacitySpot}, aws.ToTime(e.Timestamp)
			price := priceOf(aws.ToString(e.SpotPrice))
			if price <= 0 || at.Before(since[p]) {
				continue
			}
			since[p] = at
			if spot[p.instanceType] == nil {
				spot[p.instanceType] = map[string]float64{}
			}
			spot[p.instanceType][p.zone] = price
		}
	}
	f.prices.mu.Lock()
	defer f.prices.mu.Unlock()
	f.prices.spot = spot
	return nil
}
