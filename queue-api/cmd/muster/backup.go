// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/backup"
)

func newBackup(o *storeOptions) *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Args: cobra.ExactArgs(1), Short: "Write all that Redis holds at this moment to an RDB file; - is standard output",
		Example: "  muster admin backup muster.rdb --redis-url redis://127.0.0.1:6379",
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := o.open()
			if err != nil {
				return err
			}
			defer client.Close()
			from, err := server(client)
			if err != nil {
				return err
			}
			if args[0] == "-" {
				_, err := backup.Save(cmd.Context(), from, cmd.OutOrStdout())
				return err
			}
			n, err := saveTo(cmd.Context(), from, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Saved %d bytes to %s\n", n, args[0])
			return nil
		},
	}
}

// saveTo writes a file whole or not at all, for nobody but its owner: it has all that jobs were given.
func saveTo(ctx context.Context, from backup.Server, path string) (n int64, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return 0, err
	}
	defer func() {
		_ = file.Close()
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	if n, err = backup.Save(ctx, from, file); err != nil {
		return n, err
	}
	if err := file.Sync(); err != nil {
		return n, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return n, err
	}
	if _, err := backup.Check(file); err != nil {
		return n, err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return n, err
	}
	return n, syncFolder(filepath.Dir(path))
}

// syncFolder makes a file's name as durable as its content.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
