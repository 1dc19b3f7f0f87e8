// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
)

// Config is what the nodes of a cluster have in common.
type Config struct {
	// Dir is the folder of the nodes' folders, Logs that of their logs.
	Dir, Logs string
	// Cgroup is the name of the cgroup, below the root, that the nodes' cgroups lie in.
	Cgroup string
	// PKI is the folder of the cluster's certificate authority.
	PKI string
	// APIServer is the URL of kube-apiserver.
	APIServer string
	// Kubelet is the kubelet's binary.
	Kubelet string
	// Registry is the host and port of the registry that images come from, under whatever host name a pod gives.
	Registry string
	// UpstreamImages lets images that Registry does not have come from the host they name.
	UpstreamImages bool
	// FirstPort is the first of two ports per slot.
	FirstPort int
	// PodNetwork is the second number of the pods' addresses, 10.PodNetwork.slot.0/24: clusters on one machine differ in it.
	PodNetwork int
}

// Node is one node.
type Node struct {
	// Name is the name of the Kubernetes node, and of its folder.
	Name string `json:"name"`
	// Slot tells nodes of a cluster apart where a small number is needed: ports and addresses.
	Slot       int               `json:"slot"`
	ProviderID string            `json:"providerId"`
	Labels     map[string]string `json:"labels"`
	Taints     []corev1.Taint    `json:"taints"`
	// Reserved is what of the machine the node does not offer to pods, as the kubelet's systemReserved has it: cpu, memory.
	Reserved map[string]string `json:"reserved,omitempty"`
	// MaxPods is how many pods the node takes; the constant of that name if zero.
	MaxPods int `json:"maxPods,omitempty"`
}

// Shape is what a node offers: all of this machine, whatever other nodes there are.
type Shape struct {
	CPUs      int
	MemoryMiB int64
}

// MachineShape is the shape of every node.
func MachineShape() (Shape, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return Shape{}, fmt.Errorf("read memory size: %w", err)
	}
	return Shape{CPUs: runtime.NumCPU(), MemoryMiB: int64(info.Totalram) * int64(info.Unit) >> 20}, nil
}

// MaxPods is how many pods a node takes that does not say otherwise.
const MaxPods = 110

// Folder is where everything of the named node lies.
func (c Config) Folder(name string) string { return filepath.Join(c.Dir, name) }

// daemons are the programs of the named node: boot, containerd and kubelet.
func (c Config) daemons(name string) daemon.Set {
	return daemon.Set{PIDs: filepath.Join(c.Folder(name), "pids"), Logs: filepath.Join(c.Logs, name)}
}

func (c Config) group(name string) group { return group{parent: c.Cgroup, name: name} }

// Start makes the node's cgroup and starts Boot, by running this executable with bootArgs. It does not wait for the node.
// lock is what keeps others from starting and destroying nodes meanwhile.
func (c Config) Start(name string, bootArgs []string, lock *os.File) error {
	if err := os.MkdirAll(c.Folder(name), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	cgroups, err := c.group(name).create()
	if err != nil {
		return fmt.Errorf("make cgroup: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = c.daemons(name).Start(daemon.Program{
		Name: "boot", Path: self, Args: bootArgs, Cgroups: cgroups, PrivateMounts: true, Hold: lock,
	})
	return err
}

// State is what a node's processes say about it.
type State string

// The states, in life order.
const (
	Pending State = "pending" // on its way up
	Running State = "running" // its kubelet runs
	Dead    State = "dead"    // nothing of it runs: it failed to come up, was killed, or the machine was restarted
)

// State looks at the node's processes.
func (c Config) State(name string) State {
	daemons := c.daemons(name)
	if _, ok := daemons.Find("kubelet"); ok {
		return Running
	}
	for _, program := range []string{"boot", "containerd"} {
		if _, ok := daemons.Find(program); ok {
			return Pending
		}
	}
	return Dead
}

// Destroy ends the node as pulling its plug would, and removes every trace but the logs. A node that is not there is no
// error.
func (c Config) Destroy(name string) error {
	if err := c.group(name).kill(); err != nil {
		return fmt.Errorf("end node %s: %w", name, err)
	}
	if err := c.group(name).remove(); err != nil {
		return fmt.Errorf("remove cgroup of node %s: %w", name, err)
	}
	if err := os.RemoveAll(c.Folder(name)); err != nil {
		return fmt.Errorf("remove folder of node %s: %w", name, err)
	}
	return nil
}
