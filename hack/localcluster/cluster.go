// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
	"github.com/muster-batch/muster/hack/localcluster/fleet"
	"github.com/muster-batch/muster/hack/localcluster/node"
	"github.com/muster-batch/muster/hack/localcluster/pki"
	"github.com/muster-batch/muster/hack/localcluster/toolchain"
)

// cluster is a cluster in its folder.
type cluster struct {
	config
	at      paths
	tools   toolchain.Toolchain
	daemons daemon.Set
	// lock is held by a verb that changes what runs.
	lock *os.File
	// api speaks to everything that serves over TLS here, as the administrator.
	api *http.Client
}

func newCluster(at paths, c config) *cluster {
	return &cluster{
		config:  c,
		at:      at,
		tools:   toolchain.Toolchain{Source: c.Source, Cache: toolCache()},
		daemons: at.daemons(),
	}
}

// credentials are the client certificates that programs authenticate to kube-apiserver with, by the name of their
// kubeconfig. The three programs are the service accounts of the manifests: they can do here what they can do there.
var credentials = map[string]struct {
	user   string
	groups []string
}{
	// Its own role leaves most of the work to one service account per controller.
	"kube-controller-manager": {user: "system:kube-controller-manager", groups: []string{"system:masters"}},
	"kwok":                    {user: "kwok", groups: []string{"system:masters"}},
	"queue-api":               {user: serviceAccount("queue-api"), groups: serviceAccountGroups},
	"batch-scheduler":         {user: serviceAccount("batch-scheduler"), groups: serviceAccountGroups},
	"batch-autoscaler":        {user: serviceAccount("batch-autoscaler"), groups: serviceAccountGroups},
}

// Namespaces: of the three programs, and of jobs.
const (
	systemNamespace = "muster-system"
	jobNamespace    = "muster-jobs"
)

var serviceAccountGroups = []string{"system:serviceaccounts", "system:serviceaccounts:" + systemNamespace}

func serviceAccount(name string) string {
	return "system:serviceaccount:" + systemNamespace + ":" + name
}

// prepare makes the folders, certificates, kubeconfigs and scripts that the cluster's programs need.
func (c *cluster) prepare() error {
	for _, dir := range []string{c.at.logs(), c.at.programs(), c.at.in("redis"), c.at.in("work"), c.at.nodes()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	authority, err := pki.Open(c.at.pki())
	if err != nil {
		return err
	}
	// 10.0.0.1 is the API server's address inside the cluster.
	if _, err := authority.Server("server", "127.0.0.1", "localhost", "10.0.0.1", "kubernetes.default.svc"); err != nil {
		return err
	}
	if _, err := authority.Key("service-accounts"); err != nil {
		return err
	}
	if _, err := authority.Client("kubelet-client", "kube-apiserver", "system:masters"); err != nil {
		return err
	}
	for name, who := range credentials {
		client, err := authority.Client(name, who.user, who.groups...)
		if err != nil {
			return err
		}
		if err := pki.WriteKubeconfig(c.kubeconfigOf(name), c.apiServerURL(), authority.CACert(), client); err != nil {
			return err
		}
	}
	if err := c.prepareAdministrator(authority); err != nil {
		return err
	}
	return c.prepareFiles()
}

// prepareAdministrator makes the kubeconfig that people use, and this program's own client.
func (c *cluster) prepareAdministrator(authority *pki.Authority) error {
	admin, err := authority.Client("admin", "admin", "system:masters")
	if err != nil {
		return err
	}
	if err := pki.WriteKubeconfig(c.at.kubeconfig(), c.apiServerURL(), authority.CACert(), admin); err != nil {
		return err
	}
	c.api, err = httpClient(authority.CACert(), admin)
	return err
}

// prepareFiles makes kwok's configuration and the fleet's command.
func (c *cluster) prepareFiles() error {
	if err := installSelf(c.at.self()); err != nil {
		return fmt.Errorf("install %s: %w", c.at.self(), err)
	}
	if err := replaceFile(c.at.in("work/kwok.yaml"), kwokStages, 0o644); err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' --dir '%s' fleet \"$@\"\n", c.at.self(), c.at.dir)
	return replaceFile(c.at.fleet(), []byte(script), 0o755)
}

// installSelf copies this program to file, which may be this very file.
func installSelf(file string) error {
	self, err := os.Executable()
	if err != nil || self == file {
		return err
	}
	content, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return replaceFile(file, content, 0o755)
}

func (c *cluster) kubeconfigOf(name string) string { return c.at.in("work/" + name + ".kubeconfig") }

func (c *cluster) kubernetes(name string) string { return c.tools.Binary(toolchain.Kubernetes, name) }

// fleet is the real nodes.
func (c *cluster) fleet() fleet.Fleet {
	id, _ := strconv.ParseUint(c.at.id(), 16, 32)
	base := c.PortBase
	if base == 0 {
		base = defaultPortBase
	}
	return fleet.Fleet{
		Nodes: node.Config{
			Dir:            c.at.nodes(),
			Logs:           c.at.logs(),
			Cgroup:         "muster-" + c.at.id(),
			PKI:            c.at.pki(),
			APIServer:      c.apiServerURL(),
			Kubelet:        c.kubernetes("kubelet"),
			Registry:       c.address(portRegistry),
			UpstreamImages: c.UpstreamImages,
			FirstPort:      base + portNodes,
			PodNetwork:     128 + int(id%64),
		},
		Slots:    c.Slots,
		BootArgs: func(id string) []string { return []string{"--dir", c.at.dir, "fleet", bootVerb, id} },
		IsOpen: func() bool {
			_, err := loadConfig(c.at)
			return err == nil
		},
	}
}
