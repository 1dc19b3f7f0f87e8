// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"errors"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// API is the part of EC2 that a Fleet uses: an *ec2.Client.
type API interface {
	awsec2.DescribeInstancesAPIClient
	awsec2.DescribeInstanceTypesAPIClient
	awsec2.DescribeSubnetsAPIClient
	awsec2.DescribeImagesAPIClient
	awsec2.DescribeLaunchTemplatesAPIClient
	awsec2.DescribeLaunchTemplateVersionsAPIClient
	awsec2.DescribeSpotPriceHistoryAPIClient
	CreateLaunchTemplate(context.Context, *awsec2.CreateLaunchTemplateInput, ...func(*awsec2.Options)) (*awsec2.CreateLaunchTemplateOutput, error)
	CreateFleet(context.Context, *awsec2.CreateFleetInput, ...func(*awsec2.Options)) (*awsec2.CreateFleetOutput, error)
	TerminateInstances(context.Context, *awsec2.TerminateInstancesInput, ...func(*awsec2.Options)) (*awsec2.TerminateInstancesOutput, error)
	// RunInstances is called for dry runs alone.
	RunInstances(context.Context, *awsec2.RunInstancesInput, ...func(*awsec2.Options)) (*awsec2.RunInstancesOutput, error)
}

// Platform is what a node needs to know that EC2 does not.
type Platform interface {
	// Parameter is the value of a public parameter of Systems Manager.
	Parameter(ctx context.Context, name string) (string, error)
	// Cluster describes a cluster of EKS.
	Cluster(ctx context.Context, name string) (Cluster, error)
	// Prices are what On-Demand instances with Linux cost an hour in the region, by type.
	Prices(ctx context.Context) (map[string]float64, error)
	// Quota is how many vCPUs a quota of EC2 allows, by Service Quotas' code.
	Quota(ctx context.Context, code string) (vcpus int, err error)
}

// Cluster is what a node needs to know to join.
type Cluster struct {
	Name                 string
	Endpoint             string
	CertificateAuthority string // base64 of PEM
	ServiceCIDR          string
	Version              string // of Kubernetes, such as 1.33
}

// Config is what a Fleet is made for.
type Config struct {
	// Cluster is the name of the cluster of EKS that nodes join. Instances tagged with another are none of ours.
	Cluster string
	// InstanceRole is the instance profile, by name or ARN, of nodes of environments that name none, as those of Fargate's
	// kinds do.
	InstanceRole string
	Clock        clock.Clock
}

// Fleet launches and ends instances of EC2.
type Fleet struct {
	api      API
	platform Platform
	cfg      Config

	types     *types
	prices    *prices
	subnets   *subnets
	templates *templates
	shortages *shortages
	recent    *recent
	seats     *seats
}

var _ fleet.Fleet = (*Fleet)(nil)

// New makes a fleet of the account and region that api is a client for.
func New(api API, platform Platform, cfg Config) (*Fleet, error) {
	if cfg.Cluster == "" {
		return nil, errors.New("make fleet of EC2: no cluster is named")
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Fleet{
		api: api, platform: platform, cfg: cfg,
		types: newTypes(api, cfg.Clock), prices: newPrices(), subnets: newSubnets(api, cfg.Clock), templates: newTemplates(),
		shortages: newShortages(cfg.Clock), recent: newRecent(cfg.Clock), seats: newSeats(),
	}, nil
}
