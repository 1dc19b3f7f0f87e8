// SPDX-License-Identifier: Apache-2.0

package buildinfo

import (
	"runtime"
	"runtime/debug"
	"sync"
)

// MetricName and MetricHelp are the metric that every program has: it is 1, and its labels are Labels.
const (
	MetricName = "muster_build_info"
	MetricHelp = "What the program was built from. Always 1."
)

// Labels are those of MetricName.
func Labels() []string { return []string{"program", "version", "revision", "go_version"} }

// Info is what a program was built from.
type Info struct {
	Version   string // of the module; (devel) for a build from a checkout
	Revision  string // of the checkout, with +dirty if it had changes; empty if that is not known
	GoVersion string
}

// Values are those of Labels.
func (i Info) Values(program string) []string {
	return []string{program, i.Version, i.Revision, i.GoVersion}
}

// Get reads what the linker left in the program.
var Get = sync.OnceValue(func() Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return Info{Version: "unknown", GoVersion: runtime.Version()}
	}
	return from(build)
})

func from(build *debug.BuildInfo) Info {
	info := Info{Version: build.Main.Version, GoVersion: build.GoVersion}
	if info.Version == "" {
		info.Version = "(devel)"
	}
	dirty := ""
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			info.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if info.Revision != "" {
		info.Revision += dirty
	}
	return info
}
