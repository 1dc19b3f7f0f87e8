// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
	"github.com/muster-batch/muster/hack/localcluster/toolchain"
)

// bootTimeout bounds how long a node may take to have its kubelet started, when many do so on a slow and busy machine.
const bootTimeout = 3 * time.Minute

// Boot brings the node up and returns when its kubelet has been started. It runs in the process that [Config.Start]
// started, in the node's cgroup and mount namespace. After an error nothing of the node runs.
func (c Config) Boot(ctx context.Context, n Node) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	err := c.boot(ctx, n)
	if err != nil {
		_ = c.daemons(n.Name).Kill("kubelet")
		_ = c.daemons(n.Name).Kill("containerd")
		return fmt.Errorf("boot node %s: %w", n.Name, err)
	}
	return nil
}

func (c Config) boot(ctx context.Context, n Node) error {
	raiseWatches(inotifySetting)
	l := layoutOf(c.Folder(n.Name))
	if err := l.isolate(); err != nil {
		return fmt.Errorf("isolate mounts: %w", err)
	}
	address, err := Address()
	if err != nil {
		return err
	}
	if err := c.configure(n, l, address); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	containerd := daemon.Program{
		Name: "containerd", Path: toolchain.LookPath("containerd"), Args: []string{"--config", l.containerdConfig},
	}
	if _, err := c.daemons(n.Name).Start(containerd); err != nil {
		return err
	}
	if err := waitForSocket(ctx, l.socket); err != nil {
		return fmt.Errorf("wait for containerd: %w", err)
	}
	if _, err := c.daemons(n.Name).Start(c.kubelet(n, l, address)); err != nil {
		return err
	}
	// The kubelet takes a second to register: time enough to fetch what its first pod needs.
	return c.pullSandboxImage(ctx, l)
}

func (c Config) kubelet(n Node, l layout, address string) daemon.Program {
	return daemon.Program{Name: "kubelet", Path: c.Kubelet, Args: []string{
		"--config=" + l.kubeletConfig,
		"--kubeconfig=" + l.kubeconfig,
		"--root-dir=" + l.kubelet,
		"--cert-dir=" + l.certs,
		"--hostname-override=" + n.Name,
		"--node-ip=" + address,
		"--node-labels=" + joinLabels(n.Labels),
	}}
}

func waitForSocket(ctx context.Context, socket string) error {
	for {
		connection, err := net.Dial("unix", socket)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// pullSandboxImage fetches the image of every pod's sandbox, so that the first pod need not wait for it.
func (c Config) pullSandboxImage(ctx context.Context, l layout) error {
	pull := exec.CommandContext(ctx, toolchain.LookPath("ctr"), "--address", l.socket, "--namespace", "k8s.io",
		"images", "pull", "--snapshotter", l.snapshotter(), "--hosts-dir", l.hosts, c.sandboxImage())
	pull.Env = os.Environ()
	if output, err := pull.CombinedOutput(); err != nil {
		return fmt.Errorf("pull sandbox image: %w: %s", err, output)
	}
	return nil
}

// Address is the address that nodes give as theirs: the one this machine would send from. A kubelet refuses loopback's.
func Address() (string, error) {
	// Connecting a datagram socket sends nothing; it asks the kernel for the route.
	if connection, err := net.Dial("udp4", "192.0.2.1:9"); err == nil {
		defer connection.Close()
		if local := connection.LocalAddr().(*net.UDPAddr).IP; !local.IsLoopback() {
			return local.String(), nil
		}
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("list addresses: %w", err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String(), nil
		}
	}
	return "", errors.New("no network interface has an IPv4 address besides loopback, and a kubelet needs one")
}
