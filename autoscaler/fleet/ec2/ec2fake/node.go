// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/autoscaler/nodetemplate"
)

// nodeConfig is what nodeadm reads of user data.
type nodeConfig struct {
	Spec struct {
		Cluster struct {
			Name, APIServerEndpoint string
		}
		Kubelet struct {
			Config struct {
				RegisterWithTaints []corev1.Taint
			}
			Flags []string
		}
	}
}

// NodeOf is the node that an instance becomes: what its user data says, as nodeadm would read it, on a machine of its type.
// What it does not say, such as whose the node is, the node does not have.
func (c *Cloud) NodeOf(i *Instance) (*corev1.Node, error) {
	config, err := readNodeConfig(i.UserData)
	if err != nil {
		return nil, fmt.Errorf("read user data of %s: %w", i.ID, err)
	}
	if name := config.Spec.Cluster.Name; name != c.cfg.Cluster || config.Spec.Cluster.APIServerEndpoint == "" {
		return nil, fmt.Errorf("boot %s: it is to join cluster %q", i.ID, name)
	}
	t, _ := c.typeOf(i.Type)
	name := "ip-" + strings.TrimPrefix(i.ID, "i-")
	drawn := nodetemplate.Node(name, &nodetemplate.Spec{Type: t, Zone: i.Zone})
	node := &corev1.Node{Status: drawn.Status}
	node.Name, node.Labels = name, map[string]string{}
	for _, key := range []string{
		corev1.LabelHostname, corev1.LabelOSStable, corev1.LabelArchStable, corev1.LabelInstanceTypeStable, corev1.LabelTopologyZone,
	} {
		node.Labels[key] = drawn.Labels[key]
	}
	for _, flag := range config.Spec.Kubelet.Flags {
		list, _ := strings.CutPrefix(flag, "--node-labels=")
		for label := range strings.SplitSeq(list, ",") {
			key, value, _ := strings.Cut(label, "=")
			node.Labels[key] = value
		}
	}
	node.Spec.ProviderID = "aws:///" + i.Zone + "/" + i.ID
	node.Spec.Taints = config.Spec.Kubelet.Config.RegisterWithTaints
	return node, nil
}

func readNodeConfig(userData string) (*nodeConfig, error) {
	message, err := mail.ReadMessage(strings.NewReader(userData))
	if err != nil {
		return nil, err
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	for r := multipart.NewReader(message.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err != nil {
			return nil, fmt.Errorf("find NodeConfig: %w", err)
		}
		if p.Header.Get("Content-Type") != "application/node.eks.aws" {
			continue
		}
		doc, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		config := &nodeConfig{}
		return config, yaml.Unmarshal(doc, config)
	}
}
