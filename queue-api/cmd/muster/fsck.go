// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

func newFsck(o *storeOptions) *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use: "fsck", Args: cobra.NoArgs, Short: "Hold every record in Redis against every index",
		Long: `Hold every record in Redis against every index, both ways, while queue-api is at work or not. The leader of queue-api does the
same all the time. It fails if something is broken and not repaired. See docs/operating.md for what each finding means.`,
		Example: "  muster admin fsck --repair --redis-url redis://127.0.0.1:6379",
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := o.open()
			if err != nil {
				return err
			}
			defer client.Close()
			return check(cmd.Context(), cmd.OutOrStdout(), redisstore.New(client, redisstore.Config{}), repair)
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "Repair what can be repaired.")
	return cmd
}

// passes are two: what is only counted must be off in both.
const passes = 2

var errBroken = errors.New("broken rules are left")

// check prints what is broken, a line each, and fails if any of it is left.
func check(ctx context.Context, out io.Writer, store *redisstore.Store, repair bool) error {
	left, mended, records := map[string]bool{}, 0, 0
	for range passes {
		clear(left)
		n, err := store.Audit(ctx, repair, func(f batch.Finding) {
			if f.Mended {
				mended++
				fmt.Fprintln(out, f)
				return
			}
			left[f.String()] = true
		}, func(ctx context.Context) error { return ctx.Err() })
		if err != nil {
			return err
		}
		records = n
	}
	for _, line := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintf(out, "Checked %d records: %d broken rules repaired, %d left\n", records, mended, len(left))
	if len(left) > 0 {
		return errBroken
	}
	return nil
}
