// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// vacate takes pods off the simulation's nodes, as if they had ended. The pods are given by their node's index.
func (s *simulation) vacate(ctx context.Context, gone map[int][]*framework.PodInfo) error {
	for node, pods := range gone {
		copied := s.infos[node].Snapshot()
		for _, info := range pods {
			if err := copied.RemovePod(klog.FromContext(ctx), info.Pod); err != nil {
				return fmt.Errorf("vacate node %s: %w", copied.Node().Name, err)
			}
			s.gone = append(s.gone, seated{info: info, node: node})
		}
		s.infos[node] = copied
	}
	return nil
}

// forgetGone tells the plugins, which look at the snapshot, of the pods that are taken to have ended.
func (s *simulation) forgetGone(ctx context.Context, state *framework.CycleState, pod *corev1.Pod) *framework.Status {
	for _, gone := range s.gone {
		status := s.g.fwk.RunPreFilterExtensionRemovePod(ctx, state, pod, gone.info, s.infos[gone.node])
		if !status.IsSuccess() {
			return status
		}
	}
	return nil
}
