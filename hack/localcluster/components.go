// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strconv"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
	"github.com/muster-batch/muster/hack/localcluster/toolchain"
)

// component is a program of the cluster.
type component struct {
	daemon.Program
	// address is where it listens; another program's there is told before this one is started.
	address string
	// after names the steps that must be done before it is started.
	after []string
	ready probe
	// durable programs are asked to end, and not just killed, when the cluster goes down.
	durable bool
}

// Steps that are no component.
const (
	stepBuild     = "build of the programs"
	stepManifests = "manifests"
)

// components are what the cluster runs besides nodes.
func (c *cluster) components() []component {
	all := []component{c.redis(), c.etcd(), c.apiServer(), c.controllerManager()}
	switch c.Nodes {
	case nodesKwok:
		all = append(all, c.kwok())
	case nodesReal:
		all = append(all, c.registry())
	}
	if c.Fleet == fleetEC2 {
		all = append(all, c.ec2())
	}
	if !c.WithoutPrograms {
		all = append(all, c.queueAPI(), c.batchScheduler(), c.batchAutoscaler())
	}
	for i := range all {
		all[i].Args = slices.Concat(all[i].Args, c.Flags[all[i].Name])
	}
	return all
}

func (c *cluster) component(name string) (component, bool) {
	all := c.components()
	i := slices.IndexFunc(all, func(known component) bool { return known.Name == name })
	if i < 0 {
		return component{}, false
	}
	return all[i], true
}

func (c *cluster) redis() component {
	address := c.address(portRedis)
	return component{
		Program: daemon.Program{Name: "redis", Path: toolchain.LookPath("redis-server"), Args: []string{
			"--bind", "127.0.0.1", "--port", portOf(address), "--dir", c.at.in("redis"),
			"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
		}},
		address: address, ready: pongs(address), durable: true,
	}
}

func (c *cluster) registry() component {
	address := c.address(portRegistry)
	return component{
		Program: daemon.Program{Name: "registry", Path: c.tools.Binary(toolchain.Registry, "registry"), Args: []string{
			"--listen=" + address, "--busybox=" + toolchain.Busybox(), "--pause=" + c.tools.Binary(toolchain.Registry, "pause"),
		}},
		address: address, ready: c.answers("http://" + address + "/readyz"),
	}
}

func (c *cluster) etcd() component {
	address, peer := c.address(portEtcd), c.address(portEtcdPeer)
	return component{
		Program: daemon.Program{Name: "etcd", Path: c.tools.Binary(toolchain.Etcd, "etcd"), Args: []string{
			"--data-dir=" + c.at.in("etcd"), "--log-level=warn",
			"--listen-client-urls=http://" + address, "--advertise-client-urls=http://" + address,
			"--listen-peer-urls=http://" + peer, "--initial-advertise-peer-urls=http://" + peer,
			"--initial-cluster=default=http://" + peer,
		}},
		address: address, ready: c.answers("http://" + address + "/health"),
	}
}

func (c *cluster) apiServer() component {
	address := c.address(portAPIServer)
	key := func(name string) string { return c.at.in("pki/" + name) }
	return component{
		Program: daemon.Program{Name: "kube-apiserver", Path: c.kubernetes("kube-apiserver"), Args: []string{
			"--etcd-servers=http://" + c.address(portEtcd),
			"--bind-address=127.0.0.1", "--secure-port=" + portOf(address),
			"--tls-cert-file=" + key("server.crt"), "--tls-private-key-file=" + key("server.key"),
			"--client-ca-file=" + key("ca.crt"),
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file=" + key("service-accounts.crt"),
			"--service-account-signing-key-file=" + key("service-accounts.key"),
			"--service-cluster-ip-range=10.0.0.0/16",
			"--endpoint-reconciler-type=none",
			"--kubelet-client-certificate=" + key("kubelet-client.crt"), "--kubelet-client-key=" + key("kubelet-client.key"),
			"--kubelet-certificate-authority=" + key("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
			"--allow-privileged=true",
		}},
		address: address, after: []string{"etcd"}, ready: c.answers(c.apiServerURL() + "/readyz"),
	}
}

func (c *cluster) controllerManager() component {
	address := c.address(portControllerManager)
	return component{
		Program: daemon.Program{Name: "kube-controller-manager", Path: c.kubernetes("kube-controller-manager"), Args: []string{
			"--kubeconfig=" + c.kubeconfigOf("kube-controller-manager"),
			"--bind-address=127.0.0.1", "--secure-port=" + portOf(address),
			"--tls-cert-file=" + c.at.in("pki/server.crt"), "--tls-private-key-file=" + c.at.in("pki/server.key"),
			"--root-ca-file=" + c.at.in("pki/ca.crt"),
			"--service-account-private-key-file=" + c.at.in("pki/service-accounts.key"),
			"--controllers=*,-nodeipam", "--leader-elect=false",
		}},
		address: address, after: []string{"kube-apiserver"}, ready: c.answers("https://" + address + "/healthz"),
	}
}

// ec2 is the fake of EC2. Its instances are made as those of the fleet of the nodes' own kind are.
func (c *cluster) ec2() component {
	address := c.address(portEC2)
	args := []string{
		"--listen=" + address, "--cluster=" + eksCluster, "--cluster-endpoint=" + c.apiServerURL(), "--cluster-ca=" + c.at.in("pki/ca.crt"),
		"--queue=" + interruptionQueue,
	}
	if c.simulated() {
		args = append(args, "--kubeconfig="+c.kubeconfigOf("kwok"))
	} else {
		args = append(args, "--fleet-command="+c.at.fleet(), "--machines="+strconv.Itoa(c.Slots))
	}
	return component{
		Program: daemon.Program{Name: "ec2", Path: c.programPath(toolchain.EC2Fake), Args: args},
		address: address, after: []string{stepBuild, "kube-apiserver"}, ready: c.answers(c.ec2URL() + "/fake/state"),
	}
}

func (c *cluster) kwok() component {
	address := c.address(portKwok)
	return component{
		Program: daemon.Program{Name: "kwok", Path: c.tools.Binary(toolchain.Kwok, "kwok"), Args: []string{
			"--kubeconfig=" + c.kubeconfigOf("kwok"), "--config=" + c.at.in("work/kwok.yaml"),
			"--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
			"--node-lease-duration-seconds=40", "--server-address=" + address,
		}},
		address: address, after: []string{"kube-apiserver"}, ready: c.answers("http://" + address + "/healthz"),
	}
}
