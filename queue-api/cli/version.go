// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/cli/output"
)

// Version is the program's: that of the module it was built from, or the commit.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return "devel"
}

// versions is what muster version prints.
type versions struct {
	Version   string `json:"version"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

func newVersion(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "version", Args: cobra.NoArgs, Short: "Print the version of this program",
		Example: "  muster version -o json",
		RunE: func(*cobra.Command, []string) error {
			v := versions{Version: Version(), GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			return f.print(output.View{Object: v, Names: []string{v.Version}, Human: func(*output.Printer) error {
				return f.printf("muster %s, %s, %s\n", v.Version, v.GoVersion, v.Platform)
			}})
		},
	}
}
