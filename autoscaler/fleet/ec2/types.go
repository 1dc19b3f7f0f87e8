// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

const (
	typesLifetime   = 12 * time.Hour // a region gets new types seldom
	typesRetryAfter = time.Minute
	typesPerPage    = 100
)

// types keeps the region's instance types. Until EC2 has told them once, the built-in table stands in.
type types struct {
	api   awsec2.DescribeInstanceTypesAPIClient
	clock clock.PassiveClock

	mu        sync.Mutex // guards all below, and lets one ask at a time
	catalogue *instancetype.Catalogue
	until     time.Time
}

func newTypes(api awsec2.DescribeInstanceTypesAPIClient, c clock.PassiveClock) *types {
	return &types{api: api, clock: c, catalogue: instancetype.Builtin()}
}

// InstanceTypes implements fleet.Fleet.
func (f *Fleet) InstanceTypes(ctx context.Context, names []string) ([]instancetype.Type, error) {
	types, err := f.types.current(ctx).Resolve(names)
	return f.prices.apply(types), err
}

// Region is all instance types of the region and what they cost on demand, asked for now. A type whose price AWS does not
// tell costs 0.
func (f *Fleet) Region(ctx context.Context) ([]instancetype.Type, error) {
	types, err := f.types.describe(ctx)
	if err != nil {
		return nil, explain("describe instance types", "", err)
	}
	if err := f.learnOnDemand(ctx); err != nil {
		return nil, fmt.Errorf("learn On-Demand prices: %w", err)
	}
	for i := range types {
		types[i].PricePerHour = 0
	}
	return f.prices.apply(types), nil
}

func (t *types) current(ctx context.Context) *instancetype.Catalogue {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clock.Now().Before(t.until) {
		return t.catalogue
	}
	all, err := t.describe(ctx)
	if err != nil {
		t.until = t.clock.Now().Add(typesRetryAfter)
		klog.FromContext(ctx).Error(explain("describe instance types", "", err), "Cannot learn the region's instance types, keeping what is known")
		return t.catalogue
	}
	t.catalogue, t.until = instancetype.New(all), t.clock.Now().Add(typesLifetime)
	return t.catalogue
}

func (t *types) describe(ctx context.Context) ([]instancetype.Type, error) {
	pages := awsec2.NewDescribeInstanceTypesPaginator(t.api, &awsec2.DescribeInstanceTypesInput{
		MaxResults: aws.Int32(typesPerPage),
		Filters:    []ec2types.Filter{filter("supported-virtualization-type", "hvm"), filter("processor-info.supported-architecture", "x86_64", "arm64")},
	})
	builtin := instancetype.Builtin()
	var out []instancetype.Type
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range page.InstanceTypes {
			ty := typeOf(&page.InstanceTypes[i])
			if known, ok := builtin.Lookup(ty.Name); ok {
				ty.PricePerHour = known.PricePerHour
			}
			out = append(out, ty)
		}
	}
	return out, nil
}

func typeOf(i *ec2types.InstanceTypeInfo) instancetype.Type {
	t := instancetype.Type{Name: string(i.InstanceType), Architecture: instancetype.AMD64, MaxPods: maxPods(i.NetworkInfo)}
	if i.VCpuInfo != nil {
		t.VCPUs = int(aws.ToInt32(i.VCpuInfo.DefaultVCpus))
	}
	if i.MemoryInfo != nil {
		t.MemoryMiB = aws.ToInt64(i.MemoryInfo.SizeInMiB)
	}
	if i.ProcessorInfo != nil && slices.Contains(i.ProcessorInfo.SupportedArchitectures, ec2types.ArchitectureTypeArm64) {
		t.Architecture = instancetype.ARM64
	}
	if i.GpuInfo != nil {
		for _, g := range i.GpuInfo.Gpus {
			if aws.ToString(g.Manufacturer) == "NVIDIA" { // the device plugin knows no other
				t.GPUs += int(aws.ToInt32(g.Count))
				t.GPUModel = aws.ToString(g.Name)
			}
		}
	}
	return t
}

// maxPods is how many pods the addresses of the interfaces allow. EKS: interfaces × (addresses of each - 1) + 2, of the first
// network card.
func maxPods(n *ec2types.NetworkInfo) int {
	if n == nil {
		return 0
	}
	interfaces := aws.ToInt32(n.MaximumNetworkInterfaces)
	if len(n.NetworkCards) > 0 {
		interfaces = aws.ToInt32(n.NetworkCards[0].MaximumNetworkInterfaces)
	}
	addresses := aws.ToInt32(n.Ipv4AddressesPerInterface)
	if interfaces < 1 || addresses < 2 {
		return 0
	}
	return int(interfaces*(addresses-1) + 2)
}

func filter(name string, values ...string) ec2types.Filter {
	return ec2types.Filter{Name: aws.String(name), Values: values}
}
