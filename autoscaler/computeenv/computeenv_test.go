// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/queue-api/batch"
)

// server answers DescribeComputeEnvironments page by page, or fails.
type server struct {
	mu     sync.Mutex // guards all below
	pages  []string
	broken bool
}

func (s *server) set(broken bool, pages ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.pages = broken, pages
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct {
		NextToken string `json:"nextToken"`
	}
	if s.broken || r.URL.Path != "/v1/describecomputeenvironments" || json.NewDecoder(r.Body).Decode(&in) != nil {
		http.Error(w, `{"message":"broken"}`, http.StatusInternalServerError)
		return
	}
	page := 0
	if in.NextToken == "2" {
		page = 1
	}
	next := ""
	if page+1 < len(s.pages) {
		next = `,"nextToken":"2"`
	}
	_, _ = w.Write([]byte(`{"computeEnvironments":[` + s.pages[page] + `]` + next + `}`))
}

const detail = `{"computeEnvironmentName":"ce","computeEnvironmentArn":"arn:aws:batch:us-east-1:123456789012:compute-environment/ce",
	"uuid":"u-1","type":"MANAGED","state":"ENABLED","status":"VALID","computeResources":{"type":"SPOT","minvCpus":2,"maxvCpus":64,
	"allocationStrategy":"SPOT_CAPACITY_OPTIMIZED","instanceTypes":["c5.large"],"subnets":["s"],"scalingPolicy":{"minScaleDownDelayMinutes":20}}}`

func newReader(t *testing.T, s *server, f *fake.Fleet, cfg Config) *Reader {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return New(NewClient(ClientConfig{Endpoint: srv.URL, Region: "us-east-1"}), f, cfg)
}

func TestReadMakesASnapshotOfAllPages(t *testing.T) {
	t.Parallel()
	s := &server{pages: []string{
		detail,
		`{"computeEnvironmentName":"own","uuid":"u-2","type":"UNMANAGED","state":"ENABLED","status":"VALID"},
		{"computeEnvironmentName":"serverless","uuid":"u-3","type":"MANAGED","computeResources":{"type":"FARGATE","maxvCpus":4}},
		{"computeEnvironmentName":"plain","uuid":"u-4","type":"MANAGED","state":"DISABLED","status":"VALID","computeResources":{"type":"EC2","maxvCpus":4,"instanceTypes":["p3"]}}`,
	}}
	r := newReader(t, s, fake.New(fake.Config{}), Config{})
	if r.Snapshot() != nil {
		t.Error("a snapshot before the first answer")
	}
	if err := r.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := r.Snapshot().All()
	if len(got) != 3 || got[0].Name != "ce" || got[1].Name != "plain" || got[2].Name != "serverless" {
		t.Fatalf("environments = %+v", got)
	}
	ce := *got[0]
	if len(ce.Types) != 1 || ce.Types[0].VCPUs != 2 {
		t.Errorf("types = %+v", ce.Types)
	}
	ce.Types = nil
	want := Environment{
		Name: "ce", UUID: "u-1", State: batch.Enabled, Status: batch.ResourceValid, MinvCPUs: 2, MaxvCPUs: 64,
		Strategy: "SPOT_CAPACITY_OPTIMIZED", CapacityType: "spot", InstanceTypes: []string{"c5.large"}, ScaleDownDelay: 20 * time.Minute,
		UpdateGrace: 30 * time.Minute,
		Resources:   fleet.Resources{Strategy: "SPOT_CAPACITY_OPTIMIZED", Subnets: []string{"s"}},
	}
	if diff := cmp.Diff(want, ce); diff != "" {
		t.Errorf("environment mismatch (-want +got):\n%s", diff)
	}
	if got[1].Strategy != BestFit || got[1].CapacityType != "on-demand" || len(got[1].Types) != 3 {
		t.Errorf("environment = %+v", got[1])
	}
}

func TestFargateEnvironmentsHaveANodeForEachPod(t *testing.T) {
	t.Parallel()
	s := &server{pages: []string{
		`{"computeEnvironmentName":"a","uuid":"u-1","type":"MANAGED","computeResources":{"type":"FARGATE","maxvCpus":4,"subnets":["s"]}},
		{"computeEnvironmentName":"b","uuid":"u-2","type":"MANAGED","computeResources":{"type":"FARGATE_SPOT","maxvCpus":4,"subnets":["s"]}},
		{"computeEnvironmentName":"c","uuid":"u-3","type":"MANAGED","computeResources":{"type":"EC2","maxvCpus":4,"instanceTypes":["c5"]}}`,
	}}
	r := newReader(t, s, fake.New(fake.Config{}), Config{})
	if err := r.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := r.Snapshot().All()
	architectures := map[string]bool{}
	for _, ty := range got[0].Types {
		architectures[ty.Architecture] = true
		if ty.VCPUs > 32 || ty.GPUs > 0 {
			t.Errorf("%s is offered, which no task needs", ty.Name)
		}
	}
	if !architectures["amd64"] || !architectures["arm64"] {
		t.Errorf("architectures %v", architectures)
	}
	for i, want := range []struct {
		strategy, capacityType string
		sole                   bool
		budget                 pack.Budget
	}{
		{"BEST_FIT_PROGRESSIVE", "on-demand", true, pack.Budget{Max: 4000, Sole: true}},
		{"SPOT_PRICE_CAPACITY_OPTIMIZED", "spot", true, pack.Budget{Max: 4000, Sole: true}},
		{"BEST_FIT", "on-demand", false, pack.Budget{Max: 4, Used: 3}},
	} {
		e := got[i]
		if e.Strategy != want.strategy || e.Resources.Strategy != want.strategy || e.CapacityType != want.capacityType || e.SoleTenant != want.sole {
			t.Errorf("environment %+v, want %+v", e, want)
		}
		if diff := cmp.Diff(want.budget, e.Budget(3)); diff != "" {
			t.Errorf("budget mismatch (-want +got):\n%s", diff)
		}
	}
}

func TestUpdatesAreTakenOver(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		give           string
		wantGeneration int
		wantGrace      time.Duration
	}{
		"nothing said":              {``, 0, 30 * time.Minute},
		"a later generation":        {`"tags":{"aws:muster:generation":"3","aws:muster:image-generation":"3","a":"b"},`, 3, 30 * time.Minute},
		"not a generation":          {`"tags":{"aws:muster:generation":"x"},`, 0, 30 * time.Minute},
		"jobs end at once":          {`"updatePolicy":{"terminateJobsOnUpdate":true,"jobExecutionTimeoutMinutes":5},`, 0, 0},
		"jobs have their time":      {`"updatePolicy":{"terminateJobsOnUpdate":false,"jobExecutionTimeoutMinutes":7200},`, 0, 120 * time.Hour},
		"jobs have AWS's own time":  {`"updatePolicy":{"terminateJobsOnUpdate":false},`, 0, 30 * time.Minute},
		"an empty policy is no one": {`"updatePolicy":{},`, 0, 30 * time.Minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{pages: []string{`{"computeEnvironmentName":"ce","uuid":"u-1","type":"MANAGED",` + tc.give +
				`"computeResources":{"type":"EC2","maxvCpus":4,"instanceTypes":["c5"]}}`}}
			r := newReader(t, s, fake.New(fake.Config{}), Config{})
			if err := r.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := r.Snapshot().Environment("u-1"); got.Generation != tc.wantGeneration || got.Resources.ImageGeneration != tc.wantGeneration || got.UpdateGrace != tc.wantGrace {
				t.Errorf("generation %d, of the image %d, grace %v", got.Generation, got.Resources.ImageGeneration, got.UpdateGrace)
			}
		})
	}
}

func TestResourcesAreTakenOver(t *testing.T) {
	t.Parallel()
	s := &server{pages: []string{`{"computeEnvironmentName":"ce","uuid":"u-1","type":"MANAGED","computeResources":{"type":"EC2","maxvCpus":4,
		"allocationStrategy":"BEST_FIT_PROGRESSIVE","instanceTypes":["c5"],"subnets":["a","b"],"securityGroupIds":["sg"],"instanceRole":"role",
		"ec2KeyPair":"key","placementGroup":"pg","bidPercentage":60,"tags":{"k":"v"},"imageId":"ami-0",
		"ec2Configuration":[{"imageType":"EKS_AL2023","imageIdOverride":"ami-1","imageKubernetesVersion":"1.33"}],
		"launchTemplate":{"launchTemplateName":"lt","version":"3","userdataType":"EKS_NODEADM",
			"overrides":[{"launchTemplateId":"lt-1","targetInstanceTypes":["c5.large"]}]}}}`}}
	r := newReader(t, s, fake.New(fake.Config{}), Config{})
	if err := r.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := fleet.Resources{
		Strategy: "BEST_FIT_PROGRESSIVE", Subnets: []string{"a", "b"}, SecurityGroups: []string{"sg"}, InstanceRole: "role",
		KeyPair: "key", PlacementGroup: "pg", BidPercentage: 60, Tags: map[string]string{"k": "v"}, ImageID: "ami-0",
		Images: []fleet.Image{{Type: "EKS_AL2023", ID: "ami-1", KubernetesVersion: "1.33"}},
		Templates: []fleet.LaunchTemplate{
			{ID: "lt-1", InstanceTypes: []string{"c5.large"}},
			{Name: "lt", Version: "3", UserdataType: "EKS_NODEADM"},
		},
	}
	if diff := cmp.Diff(want, r.Snapshot().Environment("u-1").Resources); diff != "" {
		t.Errorf("resources mismatch (-want +got):\n%s", diff)
	}
}

func TestSilenceKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	c := testingclock.NewFakeClock(time.Unix(1000, 0))
	s := &server{pages: []string{detail}}
	changes := 0
	r := newReader(t, s, fake.New(fake.Config{}), Config{Clock: c, Changed: func() { changes++ }})
	read := func(wantErr bool) {
		t.Helper()
		c.Step(time.Second)
		if err := r.Read(t.Context()); (err != nil) != wantErr {
			t.Fatalf("Read: %v", err)
		}
	}
	read(false)
	read(false)
	s.set(true)
	read(true)
	if got := r.ReadAt(); got.Unix() != 1002 {
		t.Errorf("ReadAt = %v, want 1002", got.Unix())
	}
	if r.Snapshot().Environment("u-1") == nil || changes != 1 {
		t.Errorf("snapshot lost its environment, or %d changes told instead of 1", changes)
	}
	s.set(false, "")
	read(false)
	if len(r.Snapshot().All()) != 0 || changes != 2 {
		t.Errorf("an environment that is gone stays, or %d changes told instead of 2", changes)
	}
}

func TestTypesOfAnEnvironment(t *testing.T) {
	t.Parallel()
	c := testingclock.NewFakeClock(time.Unix(1000, 0))
	f := fake.New(fake.Config{})
	r := newReader(t, &server{pages: []string{detail}}, f, Config{Clock: c})
	read := func(step time.Duration) *Environment {
		t.Helper()
		c.Step(step)
		if err := r.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.Snapshot().Environment("u-1")
	}
	f.Fail(errors.New("no such command"))
	if e := read(0); len(e.Types) != 0 || e.TypesError != "no such command" {
		t.Errorf("with a broken fleet: %+v", e)
	}
	f.Fail(nil)
	if e := read(time.Second); e.TypesError == "" {
		t.Error("asked again at once")
	}
	if e := read(typesRetryAfter); len(e.Types) != 1 || e.TypesError != "" {
		t.Errorf("after the fleet recovered: %+v", e)
	}
	f.Fail(errors.New("gone again"))
	if e := read(typesLifetime + time.Second); len(e.Types) != 1 || e.TypesError != "" {
		t.Errorf("types were forgotten: %+v", e)
	}
}

func TestRunReadsWhenPoked(t *testing.T) {
	t.Parallel()
	changed := make(chan struct{}, 10)
	s := &server{pages: []string{detail}}
	r := newReader(t, s, fake.New(fake.Config{}), Config{Interval: time.Hour, Changed: func() { changed <- struct{}{} }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	<-changed
	s.set(false, "")
	r.Poke()
	<-changed
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestRulesOfStates(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		give        Environment
		wantAccepts bool
		wantLeaving bool
		wantFloor   int
	}{
		"enabled and valid": {give: Environment{State: batch.Enabled, Status: batch.ResourceValid}, wantAccepts: true, wantFloor: 8},
		"updating":          {give: Environment{State: batch.Enabled, Status: batch.ResourceUpdating}, wantAccepts: true, wantFloor: 8},
		"disabled":          {give: Environment{State: batch.Disabled, Status: batch.ResourceValid}, wantFloor: 8},
		"invalid":           {give: Environment{State: batch.Enabled, Status: batch.ResourceInvalid}, wantFloor: 8},
		"creating":          {give: Environment{State: batch.Enabled, Status: batch.ResourceCreating}, wantFloor: 8},
		"deleting":          {give: Environment{State: batch.Disabled, Status: batch.ResourceDeleting}, wantLeaving: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := tc.give
			e.MinvCPUs = 8
			if e.AcceptsJobs() != tc.wantAccepts || e.IsLeaving() != tc.wantLeaving || e.Floor() != tc.wantFloor {
				t.Errorf("accepts %v, leaving %v, floor %d", e.AcceptsJobs(), e.IsLeaving(), e.Floor())
			}
		})
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		strategy string
		want     pack.Budget
	}{
		"BEST_FIT never exceeds maxvCpus": {strategy: BestFit, want: pack.Budget{Max: 16, Used: 4}},
		"other strategies may":            {strategy: "SPOT_CAPACITY_OPTIMIZED", want: pack.Budget{Max: 16, Used: 4, Stretch: true}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := Environment{MaxvCPUs: 16, Strategy: tc.strategy}
			if diff := cmp.Diff(tc.want, e.Budget(4)); diff != "" {
				t.Errorf("budget mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRankIsThePlaceInTheList(t *testing.T) {
	t.Parallel()
	types, err := instancetype.Builtin().Resolve([]string{"c5", "m5.large", "optimal"})
	if err != nil {
		t.Fatal(err)
	}
	e := &Environment{InstanceTypes: []string{"c5", "m5.large", "c5.4xlarge", "optimal"}, Types: append(types, instancetype.Type{Name: "rack"})}
	for name, want := range map[string]int{"c5.large": 0, "c5.9xlarge": 0, "m5.large": 1, "c5.4xlarge": 2, "r6i.large": 3, "m6i.large": 3} {
		i := slices.IndexFunc(e.Types, func(ty instancetype.Type) bool { return ty.Name == name })
		if got := e.Rank(&e.Types[i]); got != want {
			t.Errorf("rank of %s = %d, want %d", name, got, want)
		}
	}
	e.InstanceTypes = []string{"machines"} // a name of a fleet's own
	if first, last := e.Rank(&e.Types[0]), e.Rank(&e.Types[len(e.Types)-1]); first != 1 || last != len(e.Types) {
		t.Errorf("ranks = %d and %d, want the fleet's order", first, last)
	}
}
