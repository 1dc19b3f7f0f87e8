// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"
)

// Supported says why this machine cannot run nodes, whatever is installed on it; nil if it can.
func Supported() error {
	if os.Geteuid() != 0 {
		return errors.New("containers need root")
	}
	// Root in a container often may not make control groups; trying is the only way to know.
	probe := group{parent: "muster-probe", name: strconv.Itoa(os.Getpid())}
	_, err := probe.create()
	if err = errors.Join(err, probe.remove()); err != nil {
		return fmt.Errorf("make a control group: %w", err)
	}
	_, err = Address()
	return err
}

// DestroyAll destroys every node of which anything is left, a folder or a cgroup, and returns how many those were.
func (c Config) DestroyAll() (int, error) {
	names := map[string]bool{}
	folders, err := filepath.Glob(c.Folder("*"))
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			names[filepath.Base(folder)] = true
		}
	}
	groups, err := members(c.Cgroup)
	if err != nil && os.Geteuid() == 0 {
		return 0, err
	}
	for _, name := range groups {
		names[name] = true
	}
	var group errgroup.Group
	for name := range names {
		group.Go(func() error { return c.Destroy(name) })
	}
	return len(names), group.Wait()
}
