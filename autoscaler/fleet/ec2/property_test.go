// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// drawFaults breaks calls of a launch: they are throttled, answered in disorder, or done without an answer.
func drawFaults(t *rapid.T, c *ec2fake.Cloud) {
	for range rapid.IntRange(0, 4).Draw(t, "faults") {
		f := ec2fake.Fault{
			Action: rapid.SampledFrom([]string{"CreateFleet", "CreateFleet", "CreateLaunchTemplate", "DescribeInstances", "DescribeSubnets"}).Draw(t, "action"),
			Skip:   rapid.IntRange(0, 2).Draw(t, "skip"),
			Times:  rapid.IntRange(1, 4).Draw(t, "times"),
		}
		if f.Code = rapid.SampledFrom([]string{"", "RequestLimitExceeded", "InternalError", "UnauthorizedOperation"}).Draw(t, "code"); f.Code == "" {
			f.Lost = true
		}
		c.Break(f)
	}
}

// twoTypes keep the answers of a cloud short that is asked often.
func twoTypes(t *testing.T) []instancetype.Type {
	t.Helper()
	types, err := instancetype.Builtin().Resolve([]string{"c5.large", "m5.xlarge"})
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// ofLaunch counts the instances of a launch.
func ofLaunch(c *ec2fake.Cloud, token string) int {
	n := 0
	for _, i := range c.Instances() {
		if i.Tags[batchmeta.LaunchToken] == token {
			n++
		}
	}
	return n
}

func TestNoLaunchBringsMoreThanItAskedFor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, ec2fake.Config{PageSize: rapid.IntRange(0, 3).Draw(rt, "page"), Zones: []string{"z-a", "z-b"}, Types: twoTypes(t)})
		for _, zone := range []string{"z-a", "z-b"} {
			w.cloud.SetStock(ec2fake.Pool{Type: "c5.large", Zone: zone}, rapid.IntRange(0, 8).Draw(rt, "stock"))
		}
		for n := range rapid.IntRange(1, 3).Draw(rt, "launches") {
			r := w.request(fmt.Sprintf("token-%d", n), rapid.IntRange(1, 8).Draw(rt, "count"))
			r.Whole = rapid.Bool().Draw(rt, "whole")
			drawFaults(rt, w.cloud)
			for range rapid.IntRange(1, 3).Draw(rt, "repeats") {
				got, err := w.Launch(t.Context(), r)
				switch alive := ofLaunch(w.cloud, r.Token); {
				case alive > r.Count || len(got) > alive:
					rt.Fatalf("%d instances, %d told, of a launch of %d", alive, len(got), r.Count)
				case r.Whole && alive != 0 && alive != r.Count:
					rt.Fatalf("%d instances of a whole launch of %d", alive, r.Count)
				case err == nil && len(got) != r.Count:
					rt.Fatalf("%d instances told of a launch of %d without an error", len(got), r.Count)
				case fleet.IsOutOfCapacity(err) && len(got) != alive:
					rt.Fatalf("%d of %d instances told beside %v", len(got), alive, err)
				}
				if rapid.Bool().Draw(rt, "crash") {
					w.restart()
				}
			}
		}
		checkList(t, rt, w)
	})
}

// checkList makes sure that the fleet, made anew, lists all that is there, and each instance under a token of its own.
func checkList(t *testing.T, rt *rapid.T, w *world) {
	t.Helper()
	w.restart()
	var listed []fleet.Instance
	for range 100 { // until no fault is left
		got, err := w.List(t.Context())
		if err == nil {
			listed = got
		}
	}
	tokens := map[string]bool{}
	for _, i := range listed {
		tokens[i.Token] = true
	}
	if there := len(w.cloud.Instances()); len(listed) != there || len(tokens) != there {
		rt.Fatalf("%d instances listed under %d tokens, want %d", len(listed), len(tokens), there)
	}
}
