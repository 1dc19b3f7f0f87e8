// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/redisstore"
)

func newFailLost(o *storeOptions) *cobra.Command {
	return &cobra.Command{
		Use: "fail-lost ID:INDEX...", Args: cobra.MinimumNArgs(1), Short: "Fail children of arrays whose records are lost, so that the arrays can end",
		Long: `Fail children of arrays whose records are lost, so that the arrays can end. fsck names them: "its array has it, its record is
lost". Whether such a child has run nobody can tell. Give its pod, if there is one, a minute to bring it back first.`,
		Example: "  muster admin fail-lost 00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee:7",
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := o.open()
			if err != nil {
				return err
			}
			defer client.Close()
			store := redisstore.New(client, redisstore.Config{})
			for _, id := range args {
				if err := store.FailLost(cmd.Context(), id); err != nil {
					return fmt.Errorf("lost child %s: %w", id, err)
				}
			}
			return nil
		},
	}
}
