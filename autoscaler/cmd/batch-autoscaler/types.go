// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	fleetec2 "github.com/muster-batch/muster/autoscaler/fleet/ec2"
	"github.com/muster-batch/muster/autoscaler/instancetype"
)

// commandTypes is the argument before the flags that has the region's instance types printed as the built-in table has them.
const commandTypes = "instance-types"

// printTypes is the command instance-types.
func printTypes(ctx context.Context, o *options, out io.Writer) error {
	machines, _, err := newFleet(ctx, o, nil)
	if err != nil {
		return err
	}
	f, ok := machines.(*fleetec2.Fleet)
	if !ok {
		return fmt.Errorf("--fleet is %s: only that of EC2 has instance types to print", o.Fleet)
	}
	types, err := f.Region(ctx)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, instancetype.Format(types, o.EC2Region, time.Now()))
	return err
}
