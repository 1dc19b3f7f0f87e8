// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	cacontext "k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/processors/nodeinfosprovider"
	"k8s.io/autoscaler/cluster-autoscaler/simulator"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	caerrors "k8s.io/autoscaler/cluster-autoscaler/utils/errors"
	"k8s.io/autoscaler/cluster-autoscaler/utils/taints"
	"k8s.io/klog/v2"
)

// Templates draws the nodes of all groups for core, DaemonSet pods included. Core's own way prefers a copy of a living node,
// kept for years, and lets one group's error end the loop for all.
type Templates struct{}

var _ nodeinfosprovider.TemplateNodeInfoProvider = Templates{}

// Process implements nodeinfosprovider.TemplateNodeInfoProvider. A group that cannot be drawn is left out: nothing is bought
// of it, and its nodes can still go.
func (Templates) Process(
	ctx *cacontext.AutoscalingContext, _ []*corev1.Node, daemonSets []*appsv1.DaemonSet, config taints.TaintConfig, _ time.Time,
) (map[string]*framework.NodeInfo, caerrors.AutoscalerError) {
	out := map[string]*framework.NodeInfo{}
	for _, g := range ctx.CloudProvider.NodeGroups() {
		info, err := simulator.SanitizedTemplateNodeInfoFromNodeGroup(g, daemonSets, config)
		if err != nil {
			klog.Background().V(4).Info("Cannot draw the nodes of a group", "nodeGroup", g.Id(), "err", err)
			continue
		}
		out[g.Id()] = info
	}
	return out, nil
}

// CleanUp implements nodeinfosprovider.TemplateNodeInfoProvider.
func (Templates) CleanUp() {}
