// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	cfg, args := invocation(os.Args)
	code := cli.Main(ctx, cfg, args)
	stop()
	os.Exit(code)
}

// invocation tells by its name what the program was called as: muster, or one of the two names by which kubectl calls a plugin.
func invocation(argv []string) (cli.Config, []string) {
	name := strings.TrimSuffix(filepath.Base(argv[0]), ".exe")
	cfg := cli.Config{IsPlugin: strings.HasPrefix(name, "kubectl"), Commands: []*cobra.Command{newAdmin()}}
	if name == "kubectl_complete-muster" {
		return cfg, append([]string{cobra.ShellCompRequestCmd}, argv[1:]...)
	}
	return cfg, argv[1:]
}
