// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	instancesPerPage = 1000
	idsPerFilter     = 200 // EC2: a filter has at most 200 values
)

// alive are the states of instances that are not gone. One that is shutting down costs nothing any more.
var alive = filter("instance-state-name", "pending", "running", "stopping", "stopped")

// List implements fleet.Fleet.
func (f *Fleet) List(ctx context.Context) ([]fleet.Instance, error) {
	shown, err := f.describe(ctx, filter("tag:"+tagCluster, f.cfg.Cluster), alive)
	if err != nil {
		return nil, explain("describe instances", "", err)
	}
	var out []fleet.Instance
	launches := map[string]bool{}
	for i := range shown {
		if f.recent.seen(aws.ToString(shown[i].InstanceId)) {
			out = append(out, f.instanceOf(&shown[i]))
			launches[tagOf(&shown[i], batchmeta.LaunchToken)] = true
		}
	}
	hidden, err := f.hidden(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range hidden {
		l.instance.Unshown = true
		out = append(out, l.instance)
		launches[l.launch] = true
	}
	f.seats.retain(launches)
	return out, nil
}

// hidden are the instances that were launched a moment ago and are not shown, because EC2's lists lag behind, not because
// they ended at once.
func (f *Fleet) hidden(ctx context.Context) ([]recentLaunch, error) {
	unseen := f.recent.unseen()
	if len(unseen) == 0 {
		return nil, nil
	}
	ids := make([]string, len(unseen))
	for i := range unseen {
		ids[i] = unseen[i].instance.ID
	}
	known, err := f.lookup(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []recentLaunch
	for _, l := range unseen {
		if i, ok := known[l.instance.ID]; !ok || isAlive(&i) {
			out = append(out, l)
		} else {
			f.recent.end([]string{l.instance.ID})
		}
	}
	return out, nil
}

// lookup finds instances of any state by their ids. Unlike a list of ids, a filter takes such that EC2 does not know.
func (f *Fleet) lookup(ctx context.Context, ids []string) (map[string]ec2types.Instance, error) {
	out := map[string]ec2types.Instance{}
	for len(ids) > 0 {
		n := min(len(ids), idsPerFilter)
		found, err := f.describe(ctx, filter("instance-id", ids[:n]...))
		if err != nil {
			return nil, explain("describe instances", "", err)
		}
		for i := range found {
			out[aws.ToString(found[i].InstanceId)] = found[i]
		}
		ids = ids[n:]
	}
	return out, nil
}

// describe gives all instances that the filters let through, or an error.
func (f *Fleet) describe(ctx context.Context, filters ...ec2types.Filter) ([]ec2types.Instance, error) {
	pages := awsec2.NewDescribeInstancesPaginator(f.api, &awsec2.DescribeInstancesInput{
		Filters: filters, MaxResults: aws.Int32(instancesPerPage),
	})
	var out []ec2types.Instance
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range page.Reservations {
			out = append(out, page.Reservations[i].Instances...)
		}
	}
	return out, nil
}

func (f *Fleet) instanceOf(i *ec2types.Instance) fleet.Instance {
	id := aws.ToString(i.InstanceId)
	out := fleet.Instance{
		ID: id, NodeGroup: tagOf(i, batchmeta.NodeGroup), EnvironmentUUID: tagOf(i, batchmeta.ComputeEnvironmentUUID),
		InstanceType: string(i.InstanceType), Token: f.seats.token(tagOf(i, batchmeta.LaunchToken), id), State: fleet.Pending,
	}
	if i.Placement != nil {
		out.ProviderID = providerID(aws.ToString(i.Placement.AvailabilityZone), id)
	}
	out.PricePerHour = f.prices.of(pool{out.InstanceType, zoneOfProviderID(out.ProviderID), capacityOf(i)})
	if i.State != nil && i.State.Name == ec2types.InstanceStateNameRunning {
		out.State = fleet.Running
	}
	return out
}

const providerPrefix = "aws:///"

// providerID is the spec.providerID that the kubelet and the cloud controller of AWS give a node.
func providerID(zone, id string) string { return providerPrefix + zone + "/" + id }

func zoneOfProviderID(id string) string {
	zone, _, _ := strings.Cut(strings.TrimPrefix(id, providerPrefix), "/")
	return zone
}

func capacityOf(i *ec2types.Instance) string {
	if i.InstanceLifecycle == ec2types.InstanceLifecycleTypeSpot {
		return batchmeta.CapacitySpot
	}
	return batchmeta.CapacityOnDemand
}

func isAlive(i *ec2types.Instance) bool {
	if i.State == nil {
		return true
	}
	return i.State.Name != ec2types.InstanceStateNameTerminated && i.State.Name != ec2types.InstanceStateNameShuttingDown
}

func tagOf(i *ec2types.Instance, key string) string {
	for _, t := range i.Tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}
