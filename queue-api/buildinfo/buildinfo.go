// SPDX-License-Identifier: Apache-2.0

package buildinfo

import (
	"cmp"
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

// version and revision are given by the linker (-X) when a release is built, whose checkout Go does not look at.
var version, revision string

// Get reads what the linker left in the program.
var Get = sync.OnceValue(func() Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return Info{Version: "unknown", GoVersion: runtime.Version()}
	}
	info := from(build)
	info.Version, info.Revision = cmp.Or(version, info.Version), cmp.Or(revision, info.Revision)
	return info
})

// String is the version for people: of a build from a checkout the commit, if that is known.
func (i Info) String() string {
	switch {
	case i.Version != devel:
		return i.Version
	case i.Revision != "":
		return i.Revision[:min(len(i.Revision), 12)]
	default:
		return "devel"
	}
}

// devel is what Go calls a build that is of no version.
const devel = "(devel)"

func from(build *debug.BuildInfo) Info {
	info := Info{Version: build.Main.Version, GoVersion: build.GoVersion}
	if info.Version == "" {
		info.Version = devel
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
