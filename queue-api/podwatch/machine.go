// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// What an attempt costs is decided by the machine that its pod is bound to: its type, its price as the autoscaler reports it then,
// and the pod's part of it. All of it is noted with the attempt in the write that says that it is bound. What was not known then,
// as while the node had not been seen yet, is added when it is.

// Machine is what is known of a node's machine.
type Machine struct {
	InstanceType string
	CapacityType string         // batchmeta.CapacityOnDemand or CapacitySpot
	Has          batch.Requests // what pods may ask of it together
}

const gpuResource corev1.ResourceName = "nvidia.com/gpu"

// Machine implements Pods.
func (c *Cluster) Machine(node string) Machine {
	obj, ok, err := c.nodes.GetStore().GetByKey(node)
	if err != nil || !ok {
		return Machine{}
	}
	n := obj.(*corev1.Node)
	m := Machine{InstanceType: n.Labels[corev1.LabelInstanceTypeStable], Has: requestsOf(n.Status.Allocatable)}
	switch n.Labels[batchmeta.CapacityType] {
	case batchmeta.CapacityOnDemand:
		m.CapacityType = "ON_DEMAND"
	case batchmeta.CapacitySpot:
		m.CapacityType = "SPOT"
	}
	return m
}

// allocatableOf keeps of what a node has what jobs ask for.
func allocatableOf(node *corev1.Node) corev1.ResourceList {
	kept := corev1.ResourceList{}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, gpuResource} {
		if amount, ok := node.Status.Allocatable[name]; ok {
			kept[name] = amount
		}
	}
	return kept
}

func requestsOf(list corev1.ResourceList) batch.Requests {
	gpus := list[gpuResource]
	return batch.Requests{MilliVCPU: list.Cpu().MilliValue(), MemoryMiB: list.Memory().Value() >> 20, GPU: gpus.Value()}
}

// requestsKept is the annotation, in the cache alone, of a gang's pod that says what it asks for.
const requestsKept = "requests"

const requestsFormat = "%d %d %d"

func formatRequests(list corev1.ResourceList) string {
	r := requestsOf(list)
	return fmt.Sprintf(requestsFormat, r.MilliVCPU, r.MemoryMiB, r.GPU)
}

// asksOf is what a pod of the job asks for; zero if it is not known.
func asksOf(job *batch.Job, pod *corev1.Pod) batch.Requests {
	if !job.IsMultiNode() {
		return job.Requests
	}
	if len(pod.Spec.Containers) > 0 { // it is as the API server has it
		return requestsOf(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}))
	}
	var r batch.Requests
	if _, err := fmt.Sscanf(pod.Annotations[requestsKept], requestsFormat, &r.MilliVCPU, &r.MemoryMiB, &r.GPU); err != nil {
		return batch.Requests{}
	}
	return r
}

// host is what is to be noted of the machine that a pod of the current attempt is on; nil for nothing, or nothing more.
func (w *Watcher) host(ctx context.Context, job batch.Job, m member) (*batch.Host, error) {
	node := m.pod.Spec.NodeName
	if node == "" || nodeOf(job, m.node).Host != nil {
		return nil, nil
	}
	machine := w.pods.Machine(node)
	if machine == (Machine{}) {
		return nil, nil
	}
	host := &batch.Host{
		InstanceType: machine.InstanceType, CapacityType: machine.CapacityType, BoundAt: boundAt(m.pod),
		Share: batch.ShareOf(asksOf(&job, m.pod), machine.Has),
	}
	var err error
	host.PricePerHour, err = w.prices.of(ctx, w, job.Current.ComputeEnvironment, machine.InstanceType)
	return host, err
}

// boundAt is when the pod was bound; zero if it does not say.
func boundAt(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.UTC()
		}
	}
	return time.Time{}
}

// pricesFor is how long prices count that were read. They change by the day, on Spot by the hour.
const pricesFor = 10 * time.Second

// prices are those of instance types by environment, as the autoscaler reported them. Its zero value is ready.
type prices struct {
	mu     sync.Mutex // guards what follows
	readAt time.Time
	byName map[string]map[string]float64
}

// of is what a machine costs an hour in an environment; 0 if that is not known.
func (p *prices) of(ctx context.Context, w *Watcher, environment, instanceType string) (float64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := w.cfg.Clock.Now()
	if p.byName == nil || now.Sub(p.readAt) >= pricesFor {
		environments, err := w.store.Environments(ctx)
		if err != nil {
			return 0, fmt.Errorf("read prices: %w", err)
		}
		p.readAt, p.byName = now, make(map[string]map[string]float64, len(environments))
		for i := range environments {
			p.byName[environments[i].Name] = offersOf(&environments[i])
		}
	}
	return p.byName[environment][instanceType], nil
}

func offersOf(e *batch.ComputeEnvironment) map[string]float64 {
	if e.Report == nil {
		return nil
	}
	out := map[string]float64{}
	for _, o := range batchmeta.ParseOffers(e.Report.InstanceTypes) {
		out[o.InstanceType] = o.PricePerHour
	}
	return out
}
