// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
)

func TestTypesAreTheRegions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{PageSize: 2, Types: []instancetype.Type{
		{Name: "z9.xlarge", VCPUs: 4, MemoryMiB: 8192, MaxPods: 58},
		{Name: "z9.large", VCPUs: 2, MemoryMiB: 4096, MaxPods: 29},
		{Name: "c6i.large", VCPUs: 2, MemoryMiB: 4096, MaxPods: 29},
		{Name: "z9.metal", VCPUs: 96, MemoryMiB: 8192, MaxPods: 58},
	}})
	got, err := w.InstanceTypes(t.Context(), []string{"z9", "optimal"})
	if err != nil {
		t.Fatal(err)
	}
	want := []instancetype.Type{
		{Name: "z9.large", VCPUs: 2, MemoryMiB: 4096, MaxPods: 29, Architecture: "amd64"},
		{Name: "z9.xlarge", VCPUs: 4, MemoryMiB: 8192, MaxPods: 58, Architecture: "amd64"},
		{Name: "c6i.large", VCPUs: 2, MemoryMiB: 4096, MaxPods: 29, Architecture: "amd64", PricePerHour: 0.085},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("types mismatch (-want +got):\n%s", diff)
	}
	if _, err := w.InstanceTypes(t.Context(), []string{"c5.large"}); err == nil {
		t.Error("a type of the built-in table that the region does not have")
	}
	if got := w.cloud.Calls("DescribeInstanceTypes"); got != 2 {
		t.Errorf("DescribeInstanceTypes was called %d times, want once for each page", got)
	}
}

func TestBuiltInTypesStandInUntilEC2Answers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Types: []instancetype.Type{{Name: "z9.large", VCPUs: 2, MemoryMiB: 4096}}})
	w.cloud.Break(ec2fake.Fault{Action: "DescribeInstanceTypes", Code: "UnauthorizedOperation", Message: "no"})
	if got, err := w.InstanceTypes(t.Context(), []string{"c5.large"}); err != nil || len(got) != 1 {
		t.Errorf("InstanceTypes = %v, %v; want the built-in type", got, err)
	}
	w.clock.Step(typesRetryAfter)
	if got, err := w.InstanceTypes(t.Context(), []string{"z9.large"}); err != nil || len(got) != 1 {
		t.Errorf("InstanceTypes = %v, %v; want the region's type", got, err)
	}
}

func TestTypeOf(t *testing.T) {
	t.Parallel()
	got := typeOf(&ec2types.InstanceTypeInfo{
		InstanceType: "g5g.metal", VCpuInfo: &ec2types.VCpuInfo{DefaultVCpus: aws.Int32(64)},
		MemoryInfo:    &ec2types.MemoryInfo{SizeInMiB: aws.Int64(131072)},
		ProcessorInfo: &ec2types.ProcessorInfo{SupportedArchitectures: []ec2types.ArchitectureType{"arm64"}},
		GpuInfo: &ec2types.GpuInfo{Gpus: []ec2types.GpuDeviceInfo{
			{Manufacturer: aws.String("NVIDIA"), Count: aws.Int32(2)}, {Manufacturer: aws.String("AMD"), Count: aws.Int32(4)},
		}},
		NetworkInfo: &ec2types.NetworkInfo{
			MaximumNetworkInterfaces: aws.Int32(60), Ipv4AddressesPerInterface: aws.Int32(50),
			NetworkCards: []ec2types.NetworkCardInfo{{MaximumNetworkInterfaces: aws.Int32(15)}, {MaximumNetworkInterfaces: aws.Int32(15)}},
		},
	})
	want := instancetype.Type{Name: "g5g.metal", VCPUs: 64, MemoryMiB: 131072, GPUs: 2, Architecture: "arm64", MaxPods: 15*49 + 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("type mismatch (-want +got):\n%s", diff)
	}
}
