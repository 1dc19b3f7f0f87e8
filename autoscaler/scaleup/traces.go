// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/jobtrace"
)

// podsPerTrace bounds the pods of one launch whose traces are told of it.
const podsPerTrace = 50

// Traces tells the traces of jobs of the nodes that were bought for them. A nil Traces tells nothing.
type Traces struct {
	tracer *jobtrace.Tracer
	index  *demand.Index
}

// NewTraces makes a Traces; nil without a tracer.
func NewTraces(tracer *jobtrace.Tracer, index *demand.Index) *Traces {
	if tracer == nil {
		return nil
	}
	return &Traces{tracer: tracer, index: index}
}

// Launched is told of a launch that was answered.
func (t *Traces) Launched(l provider.Launched) {
	failure := ""
	if l.Err != nil {
		failure = l.Err.Error()
	}
	t.tell("launch", l, l.Since, failure)
}

// Joined is told of an instance that became a node.
func (t *Traces) Joined(l provider.Launched) { t.tell("node wait", l, l.Since, "") }

func (t *Traces) tell(name string, l provider.Launched, since time.Time, failure string) {
	if t == nil {
		return
	}
	left := podsPerTrace
	for _, key := range l.Demands {
		for _, pod := range t.index.Pods(key, left) {
			left--
			t.tracer.SendOfPod(pod, name, since, l.Until, failure, attribute.String("muster.node_group", l.NodeGroup))
		}
	}
}
