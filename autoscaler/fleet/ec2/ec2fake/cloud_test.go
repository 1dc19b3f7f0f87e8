// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"context"
	"errors"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/sdktest"
)

// connect is the SDK's own client of a cloud, without retries.
func connect(t *testing.T, c *Cloud) *ec2.Client {
	t.Helper()
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	client := ec2.New(ec2.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(srv.URL), Retryer: sdktest.Once(), HTTPClient: srv.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
	})
	if _, err := client.CreateLaunchTemplate(t.Context(), &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String("template"), LaunchTemplateData: &types.RequestLaunchTemplateData{ImageId: aws.String("ami-1")},
	}); err != nil {
		t.Fatal(err)
	}
	return client
}

// spotFleet asks for Spot instances of c5.large in two zones.
func spotFleet(token string, count int32) *ec2.CreateFleetInput {
	overrides := []types.FleetLaunchTemplateOverridesRequest{}
	for _, zone := range []string{"us-east-1a", "us-east-1b"} {
		overrides = append(overrides, types.FleetLaunchTemplateOverridesRequest{
			InstanceType: types.InstanceTypeC5Large, AvailabilityZone: aws.String(zone), SubnetId: aws.String("subnet-" + zone),
		})
	}
	return &ec2.CreateFleetInput{
		ClientToken: aws.String(token), Type: types.FleetTypeInstant,
		LaunchTemplateConfigs: []types.FleetLaunchTemplateConfigRequest{{
			LaunchTemplateSpecification: &types.FleetLaunchTemplateSpecificationRequest{
				LaunchTemplateName: aws.String("template"), Version: aws.String("1"),
			},
			Overrides: overrides,
		}},
		TargetCapacitySpecification: &types.TargetCapacitySpecificationRequest{
			TotalTargetCapacity: aws.Int32(count), DefaultTargetCapacityType: types.DefaultTargetCapacityTypeSpot,
		},
	}
}

// buy creates a fleet and returns how many instances it got, and the zones that gave none.
func buy(t *testing.T, client *ec2.Client, in *ec2.CreateFleetInput) (got int, short []string) {
	t.Helper()
	out, err := client.CreateFleet(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range out.Instances {
		got += len(set.InstanceIds)
	}
	for i := range out.Errors {
		short = append(short, aws.ToString(out.Errors[i].LaunchTemplateAndOverrides.Overrides.AvailabilityZone))
	}
	return got, short
}

func TestOutageComesAndGoes(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	c.Plan(Outage{Pool: Pool{Type: "c5.large", Capacity: "spot"}, From: 1, Until: 2})
	c.Plan(Outage{Pool: Pool{Zone: "us-east-1a"}, From: 3})
	client := connect(t, c)
	type bought struct {
		Got   int
		Short []string
	}
	var got []bought
	for call := range 4 {
		n, short := buy(t, client, spotFleet(strconv.Itoa(call), 1))
		got = append(got, bought{n, short})
	}
	want := []bought{{1, nil}, {0, []string{"us-east-1a", "us-east-1b"}}, {1, nil}, {1, []string{"us-east-1a"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what each call got (-want +got):\n%s", diff)
	}
}

func TestOutageByChanceStrikesAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	c := New(Config{Seed: 7})
	c.Plan(Outage{Chance: 0.3})
	client := connect(t, c)
	const calls = 500
	struck := 0
	for call := range calls {
		_, short := buy(t, client, spotFleet(strconv.Itoa(call), 2))
		struck += len(short)
	}
	// The second zone is asked only when the first gave nothing: 0.3 + 0.3² of the calls.
	if share := float64(struck) / calls; share < 0.33 || share > 0.45 {
		t.Errorf("%.2f outages a call, want about 0.39", share)
	}
}

func TestRepeatedCallMeetsTheOutageOfTheFirst(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	c.Plan(Outage{From: 0, Until: 1})
	client := connect(t, c)
	for range 2 {
		if got, _ := buy(t, client, spotFleet("same", 1)); got != 0 {
			t.Errorf("%d instances, want none", got)
		}
	}
	if got, _ := buy(t, client, spotFleet("next", 1)); got != 1 {
		t.Errorf("%d instances after the outage, want 1", got)
	}
}

func TestEveryThirdCallIsThrottled(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	client := connect(t, c)
	c.Break(Fault{Action: "DescribeInstances", Every: 3, Code: "RequestLimitExceeded", Message: "Request limit exceeded."})
	var got []bool
	for range 6 {
		_, err := client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
		e := smithy.APIError(nil)
		got = append(got, errors.As(err, &e) && e.ErrorCode() == "RequestLimitExceeded")
	}
	if diff := cmp.Diff([]bool{false, false, true, false, false, true}, got); diff != "" {
		t.Errorf("throttled calls (-want +got):\n%s", diff)
	}
}

func TestFaultOfALaterPage(t *testing.T) {
	t.Parallel()
	c := New(Config{PageSize: 2})
	client := connect(t, c)
	buy(t, client, spotFleet("token", 5))
	c.Break(Fault{Action: "DescribeInstances", Paged: true, Code: "InvalidNextToken", Message: "The token has expired."})
	pages := ec2.NewDescribeInstancesPaginator(client, &ec2.DescribeInstancesInput{})
	if _, err := pages.NextPage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := pages.NextPage(t.Context()); err == nil {
		t.Error("the second page arrived")
	}
}

func TestHungCallIsDone(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	client := connect(t, c)
	c.Break(Fault{Action: "CreateFleet", Hung: true})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := client.CreateFleet(ctx, spotFleet("token", 1))
		failed <- err
	}()
	for len(c.Instances()) == 0 && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("CreateFleet: %v, want no answer", err)
	}
}

func TestInstanceShutsDownBeforeItIsTerminated(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	client := connect(t, c)
	buy(t, client, spotFleet("token", 1))
	c.Reclaim(c.Instances()[0].ID)
	if n := len(c.Instances()); n != 0 {
		t.Errorf("%d instances cost money, want none", n)
	}
	var got []types.InstanceStateName
	for range 3 {
		out, err := client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, out.Reservations[0].Instances[0].State.Name)
	}
	want := []types.InstanceStateName{types.InstanceStateNameShuttingDown, types.InstanceStateNameTerminated, types.InstanceStateNameTerminated}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}
