// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"strings"
	"testing"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

// The table is made by the program itself: what EC2 and Pricing answer, in the form that is built in.
func TestTypesOfARegionAreATable(t *testing.T) {
	w := newWard(t)
	flags := []string{
		commandTypes, "--batch-endpoint=" + w.options.BatchEndpoint, "--fleet=ec2", "--ec2-cluster=muster",
		"--ec2-region=us-east-1", "--ec2-endpoint=" + w.options.EC2Endpoint,
	}
	var out strings.Builder
	command := func(args ...string) error {
		t.Helper()
		run, o, err := parse(args, &out)
		if err != nil {
			t.Fatal(err)
		}
		return run(t.Context(), o)
	}
	if err := command(flags...); err != nil {
		t.Fatal(err)
	}
	types, err := instancetype.Parse(out.String())
	if err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if len(types) < 5 {
		t.Errorf("%d types:\n%s", len(types), out.String())
	}
	for _, got := range types {
		want, known := instancetype.Builtin().Lookup(got.Name)
		if known && (got.VCPUs != want.VCPUs || got.MemoryMiB != want.MemoryMiB || got.Architecture != want.Architecture) {
			t.Errorf("got %+v, built in is %+v", got, want)
		}
	}
	if err := command(commandTypes, "--fleet=exec", "--fleet-command=/bin/true"); err == nil {
		t.Error("the fleet of a command has instance types")
	}
}
