// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
)

// bootVerb boots an instance. It is not of the fleet's contract: launch starts it in a process of its own.
const bootVerb = "boot"

// runFleet carries out a verb of the exec fleet.
func runFleet(ctx context.Context, at paths, args []string) error {
	if len(args) == 0 {
		return errors.New("fleet: name a verb")
	}
	c, err := openCluster(at)
	if err != nil {
		return err
	}
	if args[0] != bootVerb {
		return c.fleet().Run(args[0], os.Stdin, os.Stdout, os.Stderr)
	}
	if len(args) != 2 {
		return errors.New("fleet boot: name an instance")
	}
	instance, err := c.fleet().Instance(args[1])
	if err != nil {
		return err
	}
	return c.fleet().Nodes.Boot(ctx, instance.Node)
}
