// SPDX-License-Identifier: Apache-2.0

package logs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/logs/logstest"
)

// TestDirIsAStore holds a directory to what a map does, with what a crash may leave beside the objects.
func TestDirIsAStore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		root := filepath.Join(t.TempDir(), "a", "b")
		dir, err := logs.OpenDir(root)
		if err != nil {
			rt.Fatal(err)
		}
		logstest.CheckStore(rt, dir, map[string]func(*rapid.T, logstest.Objects){
			"crash": func(rt *rapid.T, _ logstest.Objects) {
				if err := os.WriteFile(filepath.Join(anyFolder(rt, root), ".new-1"), nil, 0o600); err != nil {
					rt.Fatal(err)
				}
			},
		})
	})
}

// anyFolder is one of the folders below root, or root itself.
func anyFolder(rt *rapid.T, root string) string {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil {
		rt.Fatal(err)
	}
	return rapid.SampledFrom(folders).Draw(rt, "folder")
}
