// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// layout is where things lie in a node's folder.
type layout struct {
	dir string
	// socket is containerd's. Its name is short: the kernel allows a socket's path 107 bytes.
	socket                             string
	containerd, containerdState        string
	containerdConfig, hosts, cni, ipam string
	kubelet, kubeletConfig, kubeconfig string
	certs, podLogs                     string
	host                               string
}

func layoutOf(dir string) layout {
	in := func(name string) string { return filepath.Join(dir, name) }
	return layout{
		dir: dir, socket: in("c.sock"),
		containerd: in("containerd"), containerdState: in("run"),
		containerdConfig: in("containerd.toml"), hosts: in("hosts"), cni: in("cni"), ipam: in("ipam"),
		kubelet: in("kubelet"), kubeletConfig: in("kubelet.json"), kubeconfig: in("kubeconfig"),
		certs: in("certs"), podLogs: in("pods"),
		host: in("host"),
	}
}

// hostFolders are the paths outside of its own folders that containerd, its shims, the network plugins and the kubelet
// write to.
var hostFolders = []string{"/run/containerd", "/var/log", "/var/lib/cni"}

// hostSettings are the kernel settings that the kubelet and the network plugins change. A local cluster has no business
// making a laptop restart ten seconds after a kernel error.
var hostSettings = []string{
	"/proc/sys/vm/overcommit_memory",
	"/proc/sys/vm/panic_on_oom",
	"/proc/sys/kernel/panic",
	"/proc/sys/kernel/panic_on_oops",
	"/proc/sys/kernel/keys/root_maxkeys",
	"/proc/sys/kernel/keys/root_maxbytes",
	"/proc/sys/net/ipv4/ip_forward",
}

// isolate puts, in this process's mount namespace, folders and files of the node's own over hostFolders and hostSettings.
func (l layout) isolate() error {
	for _, folder := range hostFolders {
		own := filepath.Join(l.host, folder)
		for _, dir := range []string{folder, own} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
		if err := bind(own, folder); err != nil {
			return err
		}
	}
	for _, setting := range hostSettings {
		value, err := os.ReadFile(setting)
		if err != nil {
			continue // This kernel does not have it.
		}
		own := filepath.Join(l.host, setting)
		if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(own, value, 0o644); err != nil {
			return err
		}
		if err := bind(own, setting); err != nil {
			return err
		}
	}
	// Containers may ask to share mounts with their host, which is this namespace.
	if err := unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("share mounts: %w", err)
	}
	return nil
}

func bind(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", to, err)
	}
	return nil
}

// snapshotter is overlayfs, or native copies where the node's folder lies on an overlay itself, as in a container.
func (l layout) snapshotter() string {
	var stat unix.Statfs_t
	if err := unix.Statfs(l.dir, &stat); err == nil && stat.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return "native"
	}
	return "overlayfs"
}
