// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWatchesAreRaisedAndNeverLowered(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]string{"128\n": "1024", "1024\n": "1024\n", "8192\n": "8192\n", "?": "?"} {
		setting := filepath.Join(t.TempDir(), "max_user_instances")
		if err := os.WriteFile(setting, []byte(before), 0o644); err != nil {
			t.Fatal(err)
		}
		raiseWatches(setting)
		if got, err := os.ReadFile(setting); err != nil || string(got) != want {
			t.Errorf("%q became %q, %v; want %q", before, got, err, want)
		}
	}
	raiseWatches(filepath.Join(t.TempDir(), "absent")) // another kernel
}
