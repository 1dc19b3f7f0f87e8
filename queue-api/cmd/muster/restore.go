// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/backup"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

func newRestore(o *storeOptions) *cobra.Command {
	var replace bool
	var host string
	cmd := &cobra.Command{
		Use: "restore FILE", Args: cobra.ExactArgs(1), Short: "Replace all that Redis holds by an RDB file",
		Long: `Replace all that Redis holds by an RDB file, whole or not at all.

Redis reads the file from this program, as a replica does from its master: it must be able to connect to this machine. The
leader of queue-api begins anew afterwards: it adopts the pods that are there before it makes any. See docs/operating.md.`,
		Example: "  muster admin restore muster.rdb --replace --redis-url redis://127.0.0.1:6379",
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := o.open()
			if err != nil {
				return err
			}
			defer client.Close()
			return restore(cmd.Context(), cmd.OutOrStdout(), client, restoreOptions{file: args[0], replace: replace, host: host})
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "Replace what a Redis holds that is not empty.")
	cmd.Flags().StringVar(&host, "host", "", "Address of this machine for Redis to connect to. Default the one from which this program reaches Redis.")
	return cmd
}

type restoreOptions struct {
	file    string
	replace bool
	host    string
}

var errNotEmpty = errors.New("redis is not empty; --replace gives up all that it holds")

func restore(ctx context.Context, out io.Writer, client redis.UniversalClient, o restoreOptions) error {
	to, err := server(client)
	if err != nil {
		return err
	}
	open := func() (io.ReadCloser, error) { return os.Open(o.file) }
	length, err := checkFile(open)
	if err != nil {
		return fmt.Errorf("%s: %w", o.file, err)
	}
	keys, err := client.DBSize(ctx).Result()
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	if keys > 0 && !o.replace {
		return fmt.Errorf("%w (%d keys)", errNotEmpty, keys)
	}
	store := redisstore.New(client, redisstore.Config{})
	epoch, err := store.Epoch(ctx)
	if err != nil {
		return err
	}
	if err := backup.Load(ctx, to, o.host, length, open); err != nil {
		return err
	}
	// Whoever leads now knows what is no more so; it must begin anew.
	if err := store.Refence(ctx, epoch); err != nil {
		return fmt.Errorf("end the present leadership: %w", err)
	}
	fmt.Fprintf(out, "Restored %d bytes from %s\n", length, o.file)
	return check(ctx, out, store, false)
}

func checkFile(open func() (io.ReadCloser, error)) (int64, error) {
	file, err := open()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return backup.Check(file)
}
