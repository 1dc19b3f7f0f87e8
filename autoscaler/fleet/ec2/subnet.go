// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"k8s.io/utils/clock"
)

const subnetsLifetime = time.Minute // their free addresses change

// subnet is where instances of one zone are launched.
type subnet struct {
	id, zone string
	free     int32 // addresses
}

// subnets remembers what subnets are for a while.
type subnets struct {
	api   awsec2.DescribeSubnetsAPIClient
	clock clock.PassiveClock

	mu    sync.Mutex // guards known
	known map[string]knownSubnet
}

type knownSubnet struct {
	subnet
	at time.Time
}

func newSubnets(api awsec2.DescribeSubnetsAPIClient, c clock.PassiveClock) *subnets {
	return &subnets{api: api, clock: c, known: map[string]knownSubnet{}}
}

// perZone picks of the subnets with the ids one for each zone, as a fleet may not name a zone twice: that with most free
// addresses. They are in the environment's order.
func (s *subnets) perZone(ctx context.Context, ids []string) ([]subnet, error) {
	if len(ids) == 0 {
		return nil, invalid("computeResources.subnets is empty")
	}
	all, err := s.lookup(ctx, ids)
	if err != nil {
		return nil, explain("describe subnets", "", err)
	}
	best := map[string]subnet{}
	var zones []string
	for _, id := range ids {
		n, ok := all[id]
		if !ok {
			return nil, invalid("subnet %s does not exist", id)
		}
		other, taken := best[n.zone]
		if !taken {
			zones = append(zones, n.zone)
		}
		if !taken || n.free > other.free {
			best[n.zone] = n
		}
	}
	out := make([]subnet, len(zones))
	for i, zone := range zones {
		out[i] = best[zone]
	}
	return out, nil
}

func (s *subnets) lookup(ctx context.Context, ids []string) (map[string]subnet, error) {
	out, now := map[string]subnet{}, s.clock.Now()
	s.mu.Lock()
	for _, id := range ids {
		if k, ok := s.known[id]; ok && now.Sub(k.at) < subnetsLifetime {
			out[id] = k.subnet
		}
	}
	s.mu.Unlock()
	if len(out) == len(ids) {
		return out, nil
	}
	found, err := s.describe(ctx, ids)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range found {
		s.known[id] = knownSubnet{n, now}
	}
	return found, nil
}

// describe asks by a filter: naming ids would make one that is gone an error without telling which.
func (s *subnets) describe(ctx context.Context, ids []string) (map[string]subnet, error) {
	out := map[string]subnet{}
	pages := awsec2.NewDescribeSubnetsPaginator(s.api, &awsec2.DescribeSubnetsInput{Filters: []ec2types.Filter{filter("subnet-id", ids...)}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range page.Subnets {
			n := &page.Subnets[i]
			id := aws.ToString(n.SubnetId)
			out[id] = subnet{id: id, zone: aws.ToString(n.AvailabilityZone), free: aws.ToInt32(n.AvailableIpAddressCount)}
		}
	}
	return out, nil
}
