// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"slices"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

type typeElement struct {
	Name          string       `xml:"instanceType"`
	VCPUs         int          `xml:"vCpuInfo>defaultVCpus"`
	MemoryMiB     int64        `xml:"memoryInfo>sizeInMiB"`
	Architectures []string     `xml:"processorInfo>supportedArchitectures>item"`
	Interfaces    int          `xml:"networkInfo>maximumNetworkInterfaces"`
	Addresses     int          `xml:"networkInfo>ipv4AddressesPerInterface"`
	GPUs          []gpuElement `xml:"gpuInfo>gpus>item"`
}

type gpuElement struct {
	Manufacturer string `xml:"manufacturer"`
	Count        int    `xml:"count"`
}

func elementOf(t *instancetype.Type) typeElement {
	e := typeElement{
		Name: t.Name, VCPUs: t.VCPUs, MemoryMiB: t.MemoryMiB, Architectures: []string{"x86_64"},
		Interfaces: 1, Addresses: t.MaxPods - 1, // by the formula of EKS, that gives as many pods
	}
	if t.Architecture == instancetype.ARM64 {
		e.Architectures = []string{"arm64"}
	}
	if t.GPUs > 0 {
		e.GPUs = []gpuElement{{"NVIDIA", t.GPUs}}
	}
	return e
}

func (c *Cloud) describeInstanceTypes(p *node) (any, error) {
	from, to, next := c.page(p, len(c.cfg.Types))
	out := struct {
		Next  string        `xml:"nextToken,omitempty"`
		Types []typeElement `xml:"instanceTypeSet>item"`
	}{Next: next}
	for i := range c.cfg.Types[from:to] {
		out.Types = append(out.Types, elementOf(&c.cfg.Types[from+i]))
	}
	return out, nil
}

type subnetElement struct {
	ID   string `xml:"subnetId"`
	Zone string `xml:"availabilityZone"`
	VPC  string `xml:"vpcId"`
	Free int    `xml:"availableIpAddressCount"`
}

func (c *Cloud) describeSubnets(p *node) (any, error) {
	wanted := p.filters()["subnet-id"]
	var out struct {
		Subnets []subnetElement `xml:"subnetSet>item"`
	}
	for _, zone := range c.cfg.Zones {
		if id := subnetOf(zone); slices.Contains(wanted, id) {
			out.Subnets = append(out.Subnets, subnetElement{id, zone, "vpc-1", 4091})
		}
	}
	return out, nil
}

type imageElement struct {
	ID   string `xml:"imageId"`
	Root string `xml:"rootDeviceName"`
}

func (c *Cloud) describeImages(p *node) (any, error) {
	var out struct {
		Images []imageElement `xml:"imagesSet>item"`
	}
	for _, id := range p.texts("ImageId") {
		if id == NoImage {
			return nil, refuse("InvalidAMIID.NotFound", "The image id '["+id+"]' does not exist")
		}
		out.Images = append(out.Images, imageElement{id, "/dev/xvda"})
	}
	return out, nil
}

// NoImage is the one image that does not exist.
const NoImage = "ami-00000000000000000"
