// SPDX-License-Identifier: Apache-2.0

package fleettest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Harness is a fleet to be tested, empty.
type Harness struct {
	Fleet fleet.Fleet
	Types []string // at least two exact names that it knows
	// Resources are of the environment that instances are launched for.
	Resources fleet.Resources
	// Exhaust lets n more instances of a type be launched and no more; nil for a fleet that never runs out.
	Exhaust func(instanceType string, n int)
}

// Run runs the suite; each case gets a harness of its own.
func Run(t *testing.T, harness func(*testing.T) Harness) {
	t.Helper()
	cases := map[string]func(*testing.T, Harness){
		"types are told in the order asked":                testTypes,
		"an unknown type is an error":                      testUnknownType,
		"a launch returns what it started":                 testLaunch,
		"a launch of several starts several":               testLaunchSeveral,
		"a repeated launch starts nothing":                 testRepeat,
		"what was launched is listed with its group":       testList,
		"terminated instances are gone":                    testTerminate,
		"to terminate what is unknown or gone is no error": testTerminateUnknown,
		"a cancelled launch fails":                         testCancelled,
	}
	if harness(t).Exhaust != nil {
		cases["a fleet that runs out gives what it has and says so"] = testExhausted
		cases["a launch that must be whole is all or nothing"] = testWhole
		cases["of several types there is one"] = testSeveralTypes
		cases["of several types there is none"] = testNoneOfSeveralTypes
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, harness(t))
		})
	}
}

// Request asks for instances the way the provider does.
func Request(t *testing.T, h Harness, token string, count int) fleet.LaunchRequest {
	t.Helper()
	types, err := h.Fleet.InstanceTypes(t.Context(), h.Types[:1])
	if err != nil || len(types) == 0 {
		t.Fatalf("InstanceTypes(%s) = %v, %v", h.Types[0], types, err)
	}
	spec := nodetemplate.Spec{
		Group:           "env." + types[0].Name + ".on-demand",
		EnvironmentUUID: "11111111-2222-3333-4444-555555555555",
		CapacityType:    batchmeta.CapacityOnDemand,
		Type:            types[0],
	}
	return fleet.LaunchRequest{
		Token: token, Count: count, NodeGroup: spec.Group,
		Environment: fleet.Environment{Name: "env", UUID: spec.EnvironmentUUID, Resources: h.Resources},
		Type:        types[0], CapacityType: spec.CapacityType,
		Labels: spec.Labels(), Taints: nodetemplate.Taints(spec.EnvironmentUUID),
	}
}

func testTypes(t *testing.T, h Harness) {
	t.Helper()
	types, err := h.Fleet.InstanceTypes(t.Context(), h.Types)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, ty := range types {
		names = append(names, ty.Name)
		if ty.VCPUs <= 0 || ty.MemoryMiB <= 0 {
			t.Errorf("%s has %d vCPUs and %d MiB", ty.Name, ty.VCPUs, ty.MemoryMiB)
		}
	}
	if diff := gocmp.Diff(h.Types, names); diff != "" {
		t.Errorf("types mismatch (-want +got):\n%s", diff)
	}
}

func testUnknownType(t *testing.T, h Harness) {
	t.Helper()
	if types, err := h.Fleet.InstanceTypes(t.Context(), []string{"x0.nosuch"}); err == nil {
		t.Errorf("InstanceTypes = %v, want an error", types)
	}
}

func testLaunch(t *testing.T, h Harness) {
	t.Helper()
	r := Request(t, h, "token-a", 1)
	got := launch(t, h, r)
	if got[0].ID == "" || got[0].ProviderID == "" {
		t.Errorf("instance without id: %+v", got[0])
	}
}

func testLaunchSeveral(t *testing.T, h Harness) {
	t.Helper()
	got := launch(t, h, Request(t, h, "token-a", 5))
	ids, providerIDs := map[string]bool{}, map[string]bool{}
	for _, i := range got {
		ids[i.ID], providerIDs[i.ProviderID] = true, true
	}
	if len(ids) != 5 || len(providerIDs) != 5 {
		t.Errorf("5 instances have %d ids and %d provider ids", len(ids), len(providerIDs))
	}
}

func testRepeat(t *testing.T, h Harness) {
	t.Helper()
	r := Request(t, h, "token-a", 3)
	first, second := launch(t, h, r), launch(t, h, r)
	if diff := gocmp.Diff(providerIDs(first), providerIDs(second)); diff != "" {
		t.Errorf("repeated launch mismatch (-first +second):\n%s", diff)
	}
	if listed := list(t, h); len(listed) != 3 {
		t.Errorf("listed %d instances, want 3", len(listed))
	}
}

func testList(t *testing.T, h Harness) {
	t.Helper()
	r := Request(t, h, "token-a", 2)
	launched := launch(t, h, r)
	listed := list(t, h)
	if diff := gocmp.Diff(providerIDs(launched), providerIDs(listed)); diff != "" {
		t.Errorf("listed mismatch (-launched +listed):\n%s", diff)
	}
	tokens := map[string]bool{}
	for _, i := range listed {
		tokens[i.Token] = true
		if i.NodeGroup != r.NodeGroup || i.EnvironmentUUID != r.Environment.UUID || i.InstanceType != r.Type.Name {
			t.Errorf("listed %+v for request %+v", i, r)
		}
		if i.State != fleet.Pending && i.State != fleet.Running {
			t.Errorf("state = %q", i.State)
		}
	}
	if !tokens[fleet.InstanceToken("token-a", 0)] || !tokens[fleet.InstanceToken("token-a", 1)] {
		t.Errorf("tokens = %v", tokens)
	}
}

func testTerminate(t *testing.T, h Harness) {
	t.Helper()
	got := launch(t, h, Request(t, h, "token-a", 3))
	if err := h.Fleet.Terminate(t.Context(), []string{got[0].ID, got[2].ID}); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{got[1].ProviderID}, providerIDs(list(t, h))); diff != "" {
		t.Errorf("listed mismatch (-want +got):\n%s", diff)
	}
}

func testTerminateUnknown(t *testing.T, h Harness) {
	t.Helper()
	got := launch(t, h, Request(t, h, "token-a", 1))
	ids := []string{"i-00000000000000000", got[0].ID}
	for range 2 {
		if err := h.Fleet.Terminate(t.Context(), ids); err != nil {
			t.Errorf("Terminate: %v", err)
		}
	}
	if listed := list(t, h); len(listed) != 0 {
		t.Errorf("listed %+v, want none", listed)
	}
}

func testExhausted(t *testing.T, h Harness) {
	t.Helper()
	got, err := launchTooMany(t, h, false)
	if len(got) != 2 || !fleet.IsOutOfCapacity(err) {
		t.Errorf("Launch = %d instances, %v; want 2 and a capacity error", len(got), err)
	}
	if listed := list(t, h); len(listed) != 2 {
		t.Errorf("listed %d instances, want 2", len(listed))
	}
}

func testWhole(t *testing.T, h Harness) {
	t.Helper()
	got, err := launchTooMany(t, h, true)
	if len(got) != 0 || !fleet.IsOutOfCapacity(err) {
		t.Errorf("Launch = %d instances, %v; want none and a capacity error", len(got), err)
	}
	if listed := list(t, h); len(listed) != 0 {
		t.Errorf("listed %d instances, want none", len(listed))
	}
}

func launchTooMany(t *testing.T, h Harness, whole bool) ([]fleet.Instance, error) {
	t.Helper()
	h.Exhaust(h.Types[0], 2)
	r := Request(t, h, "token-a", 4)
	r.Whole = whole
	return h.Fleet.Launch(t.Context(), r)
}

// several asks for instances of any of the types.
func several(t *testing.T, h Harness, token string, count int) fleet.LaunchRequest {
	t.Helper()
	types, err := h.Fleet.InstanceTypes(t.Context(), h.Types)
	if err != nil {
		t.Fatal(err)
	}
	r := Request(t, h, token, count)
	r.Type.Name, r.Types = "4vcpu-4gib", types
	delete(r.Labels, corev1.LabelInstanceTypeStable)
	return r
}

func testSeveralTypes(t *testing.T, h Harness) {
	t.Helper()
	for _, name := range h.Types {
		h.Exhaust(name, 0)
	}
	last := h.Types[len(h.Types)-1]
	h.Exhaust(last, 3)
	r := several(t, h, "token-a", 2)
	first, second := launch(t, h, r), launch(t, h, r)
	if diff := gocmp.Diff(providerIDs(first), providerIDs(second)); diff != "" {
		t.Errorf("repeated launch mismatch (-first +second):\n%s", diff)
	}
	for _, i := range append(first, list(t, h)...) {
		if i.InstanceType != last || i.NodeGroup != r.NodeGroup {
			t.Errorf("%+v, want it to be of type %s", i, last)
		}
	}
}

func testNoneOfSeveralTypes(t *testing.T, h Harness) {
	t.Helper()
	for _, name := range h.Types {
		h.Exhaust(name, 0)
	}
	got, err := h.Fleet.Launch(t.Context(), several(t, h, "token-a", 2))
	short := (*fleet.CapacityError)(nil)
	if len(got) != 0 || !errors.As(err, &short) || short.InstanceType != strings.Join(h.Types, ", ") {
		t.Errorf("Launch = %d instances, %v; want none and a capacity error of all types", len(got), err)
	}
}

func testCancelled(t *testing.T, h Harness) {
	t.Helper()
	r := Request(t, h, "token-a", 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := h.Fleet.Launch(ctx, r); err == nil {
		t.Errorf("Launch = %v, want an error", got)
	}
}

func launch(t *testing.T, h Harness, r fleet.LaunchRequest) []fleet.Instance {
	t.Helper()
	got, err := h.Fleet.Launch(t.Context(), r)
	if err != nil || len(got) != r.Count {
		t.Fatalf("Launch = %d instances, %v; want %d", len(got), err, r.Count)
	}
	slices.SortFunc(got, func(a, b fleet.Instance) int { return cmp.Compare(a.ProviderID, b.ProviderID) })
	return got
}

func list(t *testing.T, h Harness) []fleet.Instance {
	t.Helper()
	got, err := h.Fleet.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func providerIDs(instances []fleet.Instance) []string {
	var ids []string
	for _, i := range instances {
		ids = append(ids, i.ProviderID)
	}
	slices.Sort(ids)
	return ids
}
