// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// maxUserData is EC2's limit, before encoding.
const maxUserData = 16 << 10

// nodeSpec is what a machine has to know to become the node that was asked for.
type nodeSpec struct {
	cluster Cluster
	labels  map[string]string
	taints  []corev1.Taint
}

// userData makes a machine the node, after what the user's own launch template lets it do. It is encoded for EC2.
func userData(kind bootstrap, n *nodeSpec, own string) (string, error) {
	var data string
	var err error
	switch kind {
	case bottlerocket:
		data, err = withSettings(own, settings(n))
	case bootstrapSh:
		data, err = withPart(own, part{"text/x-shellscript; charset=\"us-ascii\"", script(n)})
	case nodeadm:
		var config string
		if config, err = nodeConfig(n); err == nil {
			data, err = withPart(own, part{"application/node.eks.aws", config})
		}
	}
	if err != nil {
		return "", err
	}
	if len(data) > maxUserData {
		return "", invalid("user data is %d bytes long, and EC2 takes %d", len(data), maxUserData)
	}
	return base64.StdEncoding.EncodeToString([]byte(data)), nil
}

// nodeConfig is the NodeConfig that nodeadm reads.
func nodeConfig(n *nodeSpec) (string, error) {
	doc, err := yaml.Marshal(map[string]any{
		"apiVersion": "node.eks.aws/v1alpha1",
		"kind":       "NodeConfig",
		"spec": map[string]any{
			"cluster": map[string]any{
				"name": n.cluster.Name, "apiServerEndpoint": n.cluster.Endpoint,
				"certificateAuthority": n.cluster.CertificateAuthority, "cidr": n.cluster.ServiceCIDR,
			},
			"kubelet": map[string]any{
				"config": map[string]any{"registerWithTaints": n.taints},
				"flags":  []string{"--node-labels=" + n.labelFlag()},
			},
		},
	})
	if err != nil {
		return "", fmt.Errorf("encode NodeConfig: %w", err)
	}
	return string(doc), nil
}

// script runs the bootstrap script of images of Amazon Linux 2 and of many of users' own.
func script(n *nodeSpec) string {
	var taints []string
	for _, t := range n.taints {
		taints = append(taints, fmt.Sprintf("%s=%s:%s", t.Key, t.Value, t.Effect))
	}
	extra := "--node-labels=" + n.labelFlag() + " --register-with-taints=" + strings.Join(taints, ",")
	return "#!/bin/bash\nset -o errexit\n/etc/eks/bootstrap.sh " + shell(n.cluster.Name) +
		" --apiserver-endpoint " + shell(n.cluster.Endpoint) + " --b64-cluster-ca " + shell(n.cluster.CertificateAuthority) +
		" --kubelet-extra-args " + shell(extra) + "\n"
}

// shell quotes a word for the shell.
func shell(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// settings are those of Bottlerocket.
func settings(n *nodeSpec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[settings.kubernetes]\napi-server = %s\ncluster-certificate = %s\ncluster-name = %s\n",
		strconv.Quote(n.cluster.Endpoint), strconv.Quote(n.cluster.CertificateAuthority), strconv.Quote(n.cluster.Name))
	b.WriteString("\n[settings.kubernetes.node-labels]\n")
	for _, key := range slices.Sorted(maps.Keys(n.labels)) {
		fmt.Fprintf(&b, "%s = %s\n", strconv.Quote(key), strconv.Quote(n.labels[key]))
	}
	taints := map[string][]string{}
	for _, t := range n.taints {
		taints[t.Key] = append(taints[t.Key], strconv.Quote(t.Value+":"+string(t.Effect)))
	}
	b.WriteString("\n[settings.kubernetes.node-taints]\n")
	for _, key := range slices.Sorted(maps.Keys(taints)) {
		fmt.Fprintf(&b, "%s = [%s]\n", strconv.Quote(key), strings.Join(taints[key], ", "))
	}
	return b.String()
}

// withSettings puts settings after the user's. TOML knows a table once, so the user's may not have ours.
func withSettings(own, ours string) (string, error) {
	for line := range strings.Lines(own) {
		if header := strings.TrimSpace(line); strings.HasPrefix(header, "[settings.kubernetes]") ||
			strings.HasPrefix(header, "[settings.kubernetes.node-") || strings.HasPrefix(header, "settings.kubernetes.") {
			return "", invalid("the launch template's user data has %s, which the compute environment sets", header)
		}
	}
	if own != "" {
		own = strings.TrimRight(own, "\n") + "\n\n"
	}
	return own + ours, nil
}

// labelFlag are the labels as the kubelet's flag has them.
func (n *nodeSpec) labelFlag() string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(n.labels)) {
		out = append(out, key+"="+n.labels[key])
	}
	return strings.Join(out, ",")
}
