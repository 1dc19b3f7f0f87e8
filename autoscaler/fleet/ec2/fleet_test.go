// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/fleet/fleettest"
)

// world is a fleet over a fake cloud, by the SDK's own client.
type world struct {
	*Fleet
	t     *testing.T
	cloud *ec2fake.Cloud
	clock *testingclock.FakeClock
	env   fleet.Resources
	close func() // of the way to the cloud
}

func newWorld(t *testing.T, cfg ec2fake.Config) *world {
	t.Helper()
	w := &world{t: t, cloud: ec2fake.New(cfg), clock: testingclock.NewFakeClock(time.Unix(1000, 0)), close: func() {}}
	w.env = fleet.Resources{Strategy: "BEST_FIT_PROGRESSIVE", Subnets: w.cloud.Subnets(), InstanceRole: "node", SecurityGroups: []string{"sg-1"}}
	w.restart()
	return w
}

// restart makes a fleet that remembers nothing.
func (w *world) restart() {
	w.t.Helper()
	w.connect(w.cloud)
}

// connect makes a fleet that remembers nothing, and reaches the cloud through h.
func (w *world) connect(h http.Handler) {
	w.t.Helper()
	w.close()
	srv := httptest.NewServer(h)
	w.close = sync.OnceFunc(srv.Close)
	w.t.Cleanup(w.close)
	client, err := NewClient(ClientConfig{
		Region: "us-east-1", Endpoint: srv.URL, Retryer: impatient(), HTTP: srv.Client(),
		Credentials: aws.CredentialsProviderFunc(staticCredentials),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.Fleet, err = New(client, client, Config{Cluster: "muster", Clock: w.clock}); err != nil {
		w.t.Fatal(err)
	}
}

// impatient repeats calls at once.
func impatient() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.RateLimiter, o.Retryables = 3, ratelimit.None, append(o.Retryables, BrokenOff)
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
}

func (w *world) harness() fleettest.Harness {
	return fleettest.Harness{Fleet: w.Fleet, Types: []string{"c5.large", "m5.xlarge"}, Resources: w.env}
}

// request asks for instances of c5.large.
func (w *world) request(token string, count int, change ...func(*fleet.LaunchRequest)) fleet.LaunchRequest {
	w.t.Helper()
	h := w.harness()
	r := fleettest.Request(w.t, h, token, count)
	for _, f := range change {
		f(&r)
	}
	return r
}

// launched launches what must succeed.
func (w *world) launched(r fleet.LaunchRequest) []fleet.Instance {
	w.t.Helper()
	got, err := w.Launch(w.t.Context(), r)
	if err != nil || len(got) != r.Count {
		w.t.Fatalf("Launch = %d instances, %v; want %d", len(got), err, r.Count)
	}
	return got
}

func (w *world) listed() []string {
	w.t.Helper()
	got, err := w.List(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, i := range got {
		ids = append(ids, i.ID)
	}
	slices.Sort(ids)
	return ids
}

func (w *world) wantInstances(n int) {
	w.t.Helper()
	if got := w.cloud.Instances(); len(got) != n {
		w.t.Errorf("%d instances, want %d", len(got), n)
	}
}

func TestFleet(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]ec2fake.Config{"in one page": {}, "page by page": {PageSize: 2, Zones: []string{"z-a", "z-b"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fleettest.Run(t, func(t *testing.T) fleettest.Harness {
				t.Helper()
				w := newWorld(t, cfg)
				h := w.harness()
				h.Exhaust = func(instanceType string, n int) { w.cloud.SetStock(ec2fake.Pool{Type: instanceType}, n) }
				return h
			})
		})
	}
}

// Between a launch and the list that shows it, EC2 may take its time.
func TestFleetWhenListsLagBehind(t *testing.T) {
	t.Parallel()
	fleettest.Run(t, func(t *testing.T) fleettest.Harness {
		t.Helper()
		w := newWorld(t, ec2fake.Config{})
		w.cloud.HideNew(1)
		return w.harness()
	})
}
