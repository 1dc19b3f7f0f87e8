// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const help = `Usage of x:
      --dev               Keep everything in memory.
      --dir string        Folder of data. (default "/tmp/x")
      --many strings      Several of them,
                          as here. (default [a])
  -v, --v Level           Verbosity.
  -h, --help              help for x

Secure serving flags:

      --port int          The port. (default 80)
`
	want := []section{
		{Flags: []flagRow{
			{Name: "dev", Kind: "bool", Text: "Keep everything in memory."},
			{Name: "dir", Kind: "string", Default: "/tmp/x", Text: "Folder of data."},
			{Name: "many", Kind: "strings", Text: "Several of them,"},
			{Name: "v", Kind: "Level", Text: "Verbosity."},
		}},
		{Title: "Secure serving", Flags: []flagRow{{Name: "port", Kind: "int", Default: "80", Text: "The port."}}},
	}
	if diff := cmp.Diff(want, parse(help)); diff != "" {
		t.Errorf("sections mismatch (-want +got):\n%s", diff)
	}
}
