// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/muster-batch/muster/hack/localcluster/pki"
	"github.com/muster-batch/muster/hack/localcluster/toolchain"
)

// configure writes every file that the node's programs read.
func (c Config) configure(n Node, l layout, address string) error {
	for _, dir := range []string{l.certs, l.cni, filepath.Join(l.hosts, "_default")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	authority, err := pki.Open(c.PKI)
	if err != nil {
		return err
	}
	signer := authority.KeepIn(l.certs)
	server, err := signer.Server("server", n.Name, address)
	if err != nil {
		return err
	}
	client, err := signer.Client("client", "system:node:"+n.Name, "system:nodes")
	if err != nil {
		return err
	}
	if err := pki.WriteKubeconfig(l.kubeconfig, c.APIServer, authority.CACert(), client); err != nil {
		return err
	}
	if err := writeJSON(l.kubeletConfig, c.kubeletConfig(n, l, address, authority.CACert(), server)); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(l.cni, "10-pods.conflist"), c.network(n, l)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(l.hosts, "_default", "hosts.toml"), []byte(c.mirrors()), 0o644); err != nil {
		return err
	}
	return c.writeContainerdConfig(l)
}

// kubeletConfig is a KubeletConfiguration.
func (c Config) kubeletConfig(n Node, l layout, address, clientCA string, server pki.Pair) map[string]any {
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",

		"address":           address,
		"port":              c.FirstPort + 2*n.Slot,
		"healthzPort":       c.FirstPort + 2*n.Slot + 1,
		"readOnlyPort":      0,
		"tlsCertFile":       server.Cert,
		"tlsPrivateKeyFile": server.Key,
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": clientCA},
		},
		"authorization": map[string]any{"mode": "Webhook"},

		"containerRuntimeEndpoint": "unix://" + l.socket,
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               c.group(n.Name).path(),
		"providerID":               n.ProviderID,
		"registerWithTaints":       n.Taints,
		"maxPods":                  cmp.Or(n.MaxPods, MaxPods),
		"systemReserved":           n.Reserved,
		"podLogsDir":               l.podLogs,
		"volumePluginDir":          filepath.Join(l.kubelet, "volumeplugins"),
		"clusterDNS":               nameServers(),
		"serializeImagePulls":      false,

		// The machine is shared with its owner: however full its disk is, jobs run; its swap and firewall stay as they are.
		"evictionHard":                map[string]string{"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
		"imageGCHighThresholdPercent": 100,
		"failSwapOn":                  false,
		"makeIPTablesUtilChains":      false,
		"oomScoreAdj":                 0,
	}
}

// nameServers are this machine's: there is no cluster DNS here, and pods that ask for one get these.
func nameServers() []string {
	servers := []string{}
	content, _ := os.ReadFile("/etc/resolv.conf") // Without one, pods resolve what the machine does: nothing.
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" && net.ParseIP(fields[1]) != nil {
			servers = append(servers, fields[1])
		}
	}
	return servers
}

// network is the CNI configuration of pods with an address of their own: a pair of interfaces per pod, which vanishes
// with the pod. Such pods reach this machine and one another where it forwards packets; nothing is masqueraded.
func (c Config) network(n Node, l layout) map[string]any {
	subnet := fmt.Sprintf("10.%d.%d.0/24", c.PodNetwork, n.Slot)
	return map[string]any{
		"cniVersion": "0.4.0",
		"name":       "pods",
		"plugins": []any{map[string]any{
			"type":   "ptp",
			"ipMasq": false,
			"ipam": map[string]any{
				"type":    "host-local",
				"dataDir": l.ipam,
				"ranges":  []any{[]any{map[string]string{"subnet": subnet}}},
				"routes":  []any{map[string]string{"dst": "0.0.0.0/0"}},
			},
		}},
	}
}

func (c Config) sandboxImage() string { return c.Registry + "/pause:local" }

// mirrors sends the pull of an image, whichever host its name begins with, to the local registry. What that does not have
// is not found, at once; with UpstreamImages the host itself is asked next. (containerd 1.6 does not read a file that
// names a server and no host.)
func (c Config) mirrors() string {
	local := "http://" + c.Registry
	hosts := fmt.Sprintf("[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", local)
	if c.UpstreamImages {
		return hosts
	}
	return fmt.Sprintf("server = %q\n", local) + hosts
}

// containerdConfig keeps everything in the node's folder, and leaves out what a node does not use: storage on other file
// systems, and plugins that listen at fixed paths.
var containerdConfig = template.Must(template.New("containerd.toml").Parse(`version = 2
root = "{{.Root}}"
state = "{{.State}}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing",
  "io.containerd.internal.v1.restart", "io.containerd.nri.v1.nri",
]
[grpc]
  address = "{{.Socket}}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{{.Sandbox}}"
  stream_server_port = "0"
  # Without CAP_SYS_RESOURCE, as in many containers and sandboxes, no process may be made less likely to be killed.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "{{.Snapshotter}}"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{{.Plugins}}"
  conf_dir = "{{.CNI}}"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{{.Hosts}}"
`))

func (c Config) writeContainerdConfig(l layout) error {
	var text strings.Builder
	err := containerdConfig.Execute(&text, map[string]string{
		"Root": l.containerd, "State": l.containerdState, "Socket": l.socket, "Sandbox": c.sandboxImage(),
		"Snapshotter": l.snapshotter(), "Plugins": toolchain.CNIFolder(), "CNI": l.cni, "Hosts": l.hosts,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(l.containerdConfig, []byte(text.String()), 0o644)
}

// joinLabels writes labels as the kubelet's flag has them.
func joinLabels(labels map[string]string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, key+"="+labels[key])
	}
	return strings.Join(pairs, ",")
}

func writeJSON(file string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}
