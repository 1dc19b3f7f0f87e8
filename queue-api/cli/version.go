// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/buildinfo"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Version is the program's: that of the release or module it was built from, or the commit.
func Version() string { return buildinfo.Get().String() }

// versions is what muster version prints.
type versions struct {
	Version   string         `json:"version"`
	GoVersion string         `json:"goVersion"`
	Platform  string         `json:"platform"`
	Server    *serverVersion `json:"server,omitzero"`
}

// serverVersion is the server's, or why it is not known.
type serverVersion struct {
	Endpoint string `json:"endpoint"`
	Version  string `json:"version,omitzero"`
	Error    string `json:"error,omitzero"`
}

func newVersion(f *frame) *cobra.Command {
	var isAlone bool
	cmd := &cobra.Command{
		Use: "version", Args: cobra.NoArgs, Short: "Print the versions of this program and of the server",
		Example: "  muster version\n  muster version --client -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{Version: Version(), GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if !isAlone {
				v.Server = f.serverVersion(cmd.Context())
			}
			return f.print(output.View{Object: v, Names: []string{v.Version}, Human: func(*output.Printer) error { return f.printVersions(&v) }})
		},
	}
	cmd.Flags().BoolVar(&isAlone, "client", false, "That of this program alone; nothing is asked of the server.")
	return cmd
}

func (f *frame) serverVersion(ctx context.Context) *serverVersion {
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	c, err := f.connect(ctx)
	if err != nil {
		return &serverVersion{Error: err.Error()}
	}
	v := &serverVersion{Endpoint: c.Endpoint()}
	var status viewapi.Status
	switch err := c.Get(ctx, viewapi.PathStatus, nil, &status); {
	case client.IsUnknownOperation(err):
		v.Error = "it does not say"
	case errors.Is(err, client.ErrUnreachable):
		v.Error = "not reached"
	case err != nil:
		v.Error = err.Error()
	}
	v.Version = status.Version
	return v
}

func (f *frame) printVersions(v *versions) error {
	if err := f.printf("muster %s, %s, %s\n", v.Version, v.GoVersion, v.Platform); err != nil || v.Server == nil {
		return err
	}
	if v.Server.Error != "" {
		return f.printf("server %s: %s\n", v.Server.Endpoint, v.Server.Error)
	}
	return f.printf("server %s: %s\n", v.Server.Endpoint, v.Server.Version)
}
