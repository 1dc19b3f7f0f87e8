// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupMount = "/sys/fs/cgroup"

// group is a node's cgroup: one folder in each hierarchy. Below it, system holds containerd, the kubelet and the shims;
// beside that the kubelet makes kubepods, which holds the containers.
type group struct {
	parent, name string
}

// path is the group's path below a hierarchy's root.
func (g group) path() string { return filepath.Join("/", g.parent, g.name) }

// hierarchies are the roots of the cgroup hierarchies: the one of version 2, or each controller's of version 1 and, where
// both are mounted, the one of version 2 without controllers that runc uses as well.
func hierarchies() (roots []string, unified bool, err error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(cgroupMount, &stat); err != nil {
		return nil, false, fmt.Errorf("look at %s: %w", cgroupMount, err)
	}
	if stat.Type == unix.CGROUP2_SUPER_MAGIC {
		return []string{cgroupMount}, true, nil
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, false, err
	}
	for line := range bytes.Lines(mounts) {
		if fields := strings.Fields(string(line)); len(fields) > 2 && (fields[2] == "cgroup" || fields[2] == "cgroup2") {
			roots = append(roots, fields[1])
		}
	}
	if len(roots) == 0 {
		return nil, false, errors.New("no cgroup hierarchy is mounted")
	}
	return roots, false, nil
}

// create makes the group's folders and returns those that the node's own programs join.
func (g group) create() (system []string, err error) {
	roots, unified, err := hierarchies()
	if err != nil {
		return nil, err
	}
	for _, root := range roots {
		above := root
		for _, part := range []string{g.parent, g.name, "system"} {
			if unified {
				err = delegate(above)
			}
			folder := filepath.Join(above, part)
			if err = errors.Join(err, os.MkdirAll(folder, 0o755)); err != nil {
				return nil, err
			}
			if !unified {
				if err := inheritCPUs(above, folder); err != nil {
					return nil, err
				}
			}
			above = folder
		}
		system = append(system, above)
	}
	return system, nil
}

// controllers are those of version 2 that the kubelet and runc use.
var controllers = []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids"}

// delegate makes the controllers that folder has (version 2) available below it.
func delegate(folder string) error {
	available, err := os.ReadFile(filepath.Join(folder, "cgroup.controllers"))
	if err != nil {
		return err
	}
	var enable []string
	for controller := range strings.FieldsSeq(string(available)) {
		if slices.Contains(controllers, controller) {
			enable = append(enable, "+"+controller)
		}
	}
	return os.WriteFile(filepath.Join(folder, "cgroup.subtree_control"), []byte(strings.Join(enable, " ")), 0o644)
}

// inheritCPUs copies the CPUs and memory nodes of a cpuset (version 1), which begins empty and takes no process as long as
// it is. Other hierarchies have no such files.
func inheritCPUs(from, to string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// folders are the group's folders and all below them, the deepest first.
func (g group) folders() ([]string, error) {
	roots, _, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, root := range roots {
		err := filepath.WalkDir(filepath.Join(root, g.path()), func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Reverse(folders)
	return folders, nil
}

// patience bounds how long the kernel may take to end killed processes and give up their cgroups, on a slow and busy machine.
const patience = 2 * time.Minute

// kill kills every process in the group until none is left: those killed first may have started others.
func (g group) kill() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		pids, err := g.pids()
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v are still there %v after they were killed", pids, patience)
		}
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("kill process %d: %w", pid, err)
			}
		}
	}
}

// pids are the processes in the group, each once.
func (g group) pids() ([]int, error) {
	folders, err := g.folders()
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, folder := range folders {
		content, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
			return nil, err
		}
		for field := range strings.FieldsSeq(string(content)) {
			// 0 stands for a process that this namespace cannot see.
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// remove removes the group's folders, and the parent's when this was its last child.
func (g group) remove() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		folders, err := g.folders()
		if err != nil {
			return err
		}
		if len(folders) == 0 {
			break
		}
		for _, folder := range folders {
			err = errors.Join(err, os.Remove(folder))
		}
		if err != nil && time.Now().After(deadline) {
			return err
		}
	}
	roots, _, err := hierarchies()
	for _, root := range roots {
		_ = os.Remove(filepath.Join(root, g.parent)) // Refused while it has children.
	}
	return err
}

// members are the names of the nodes that have a cgroup in parent, whether or not their folder is still there.
func members(parent string) ([]string, error) {
	roots, _, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, root := range roots {
		entries, err := os.ReadDir(filepath.Join(root, parent))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, entry := range entries {
			if entry.IsDir() {
				names = append(names, entry.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
