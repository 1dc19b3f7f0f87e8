// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

// setUpCommands are the commands that set things up and look after them.
func setUpCommands(f *frame) []*cobra.Command {
	return []*cobra.Command{newApply(f), newDelete(f), newAuth(f), newDoctor(f)}
}

// placeCommands are the commands about queues, environments and nodes.
func placeCommands(f *frame) []*cobra.Command {
	return []*cobra.Command{newQueue(f), newEnvironment(f), newDefinition(f), newPolicy(f), newConsumable(f), newNodes(f), newGang(f), newDecisions(f), newEvents(f), newTop(f)}
}
