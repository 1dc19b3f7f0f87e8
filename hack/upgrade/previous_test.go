// SPDX-License-Identifier: Apache-2.0

//go:build integration && upgrade

package upgrade

import (
	"bytes"
	_ "embed" // previous
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed previous
var recorded string

const root = "../.."

// version is a version of queue-api and what is applied with it.
type version struct {
	name      string // for messages
	program   string
	manifests string
}

// current builds the version of the checkout as it stands.
func current(t *testing.T) version {
	t.Helper()
	v := version{name: "this", program: filepath.Join(t.TempDir(), "queue-api"), manifests: filepath.Join(root, "manifests", "overlays", "ha")}
	run(t, root, "go", "build", "-tags=kwok", "-o="+v.program, "./queue-api/cmd/queue-api")
	return v
}

// previous builds the version before, once for each commit: its source is in the cache of tools.
func previous(t *testing.T) version {
	t.Helper()
	commit := previousCommit(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if other := os.Getenv("MUSTER_CACHE"); other != "" {
		cache = other
	}
	dir := filepath.Join(cache, "muster", "previous", commit)
	v := version{name: "previous", program: filepath.Join(dir, "queue-api.bin"), manifests: filepath.Join(dir, "manifests", "overlays", "ha")}
	if _, err := os.Stat(v.program); err == nil {
		return v
	}
	export(t, commit, dir)
	run(t, dir, "go", "build", "-tags=kwok", "-buildvcs=false", "-o="+v.program+".new", "./queue-api/cmd/queue-api")
	if err := os.Rename(v.program+".new", v.program); err != nil {
		t.Fatal(err)
	}
	return v
}

// previousCommit finds the commit, and fetches it where the clone has no history.
func previousCommit(t *testing.T) string {
	t.Helper()
	name := strings.TrimSpace(recorded)
	if tag, err := output(root, "git", "describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^"); err == nil {
		name = tag
	}
	if named := os.Getenv("MUSTER_PREVIOUS"); named != "" {
		name = named
	}
	commit, err := output(root, "git", "rev-parse", "--verify", "--quiet", name+"^{commit}")
	if err == nil {
		return commit
	}
	if out, err := output(root, "git", "fetch", "--quiet", "--depth=1", "origin", name); err != nil {
		t.Fatalf("the previous version, %s, is not in this clone and cannot be fetched: %v\n%s", name, err, out)
	}
	commit, err = output(root, "git", "rev-parse", "--verify", "FETCH_HEAD^{commit}")
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// export writes the files of a commit into a directory.
func export(t *testing.T, commit, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "source.tar")
	run(t, root, "git", "archive", "--output="+archive, commit)
	run(t, dir, "tar", "--extract", "--file="+archive)
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	if out, err := output(dir, name, args...); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func output(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}
