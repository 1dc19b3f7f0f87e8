// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
)

// Boot is what an instance's user data makes of it, if it joins the cluster that this cloud tells of.
func (c *Cloud) Boot(i *Instance) (*Kubelet, error) {
	k, err := KubeletOf(i.UserData)
	if err != nil {
		return nil, fmt.Errorf("read user data of %s: %w", i.ID, err)
	}
	if k.Cluster != c.cfg.Cluster || k.Endpoint != c.cfg.Endpoint || k.CertificateAuthority != c.cfg.CertificateAuthority {
		return nil, fmt.Errorf("boot %s: it is to join cluster %q at %s, which is not there", i.ID, k.Cluster, k.Endpoint)
	}
	return k, nil
}

// NodeOf is the node that an instance becomes: what its user data says, on a machine of its type. What it does not say, such
// as whose the node is, the node does not have.
func (c *Cloud) NodeOf(i *Instance) (*corev1.Node, error) {
	k, err := c.Boot(i)
	if err != nil {
		return nil, err
	}
	t, _ := c.typeOf(i.Type)
	return k.Node(i, t), nil
}

// Node is the node of an instance of the type, with all that the kubelet and the cloud controller of AWS give it.
func (k *Kubelet) Node(i *Instance, t instancetype.Type) *corev1.Node {
	drawn := nodetemplate.Node(i.NodeName(), &nodetemplate.Spec{Type: t})
	node := &corev1.Node{Status: drawn.Status}
	node.Name, node.Labels = drawn.Name, i.CloudLabels()
	for _, key := range []string{corev1.LabelHostname, corev1.LabelOSStable, corev1.LabelArchStable} {
		node.Labels[key] = drawn.Labels[key]
	}
	maps.Copy(node.Labels, k.Labels)
	node.Spec.ProviderID = i.ProviderID()
	node.Spec.Taints = k.Taints
	return node
}

// NodeName is the name that the instance's node has where nobody gives it another. Like AWS's, it is not the instance's id.
func (i *Instance) NodeName() string { return "ip-" + strings.TrimPrefix(i.ID, "i-") }

// ProviderID is the spec.providerID of the instance's node.
func (i *Instance) ProviderID() string { return "aws:///" + i.Zone + "/" + i.ID }

// CloudLabels are those that the cloud controller of AWS gives to the instance's node.
func (i *Instance) CloudLabels() map[string]string {
	return map[string]string{corev1.LabelInstanceTypeStable: i.Type, corev1.LabelTopologyZone: i.Zone}
}
