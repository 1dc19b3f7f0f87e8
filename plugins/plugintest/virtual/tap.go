// SPDX-License-Identifier: Apache-2.0

package virtual

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Point is a place in the scheduler where a leader can be made to die: an extension point, once the product's plugins have
// been there, or the request of the Binding.
type Point string

// The points, in the order in which a pod comes to them.
const (
	AtPreEnqueue Point = "PreEnqueue"
	AtPreFilter  Point = "PreFilter"
	AtFilter     Point = "Filter"
	AtReserve    Point = "Reserve"
	AtPermit     Point = "Permit"
	AtPreBind    Point = "PreBind"
	AtBind       Point = "Bind"  // the Binding is sent or is not; that is a matter of chance
	AfterBind    Point = "Bound" // the Binding has taken effect, the answer has not come
	AtPostBind   Point = "PostBind"
	AtUnreserve  Point = "Unreserve"
)

// Points returns all points.
func Points() []Point {
	return []Point{AtPreEnqueue, AtPreFilter, AtFilter, AtReserve, AtPermit, AtPreBind, AtBind, AfterBind, AtPostBind, AtUnreserve}
}

const tapName = "Tap"

// tap is a plugin that lets everything pass and kills the leader when it is told to.
type tap struct {
	fire func()

	mu    sync.Mutex // guards what follows
	point Point
	left  int // how often the point is still to be passed; 0 for never
	fired bool
}

var (
	_ framework.PreEnqueuePlugin = (*tap)(nil)
	_ framework.PreFilterPlugin  = (*tap)(nil)
	_ framework.FilterPlugin     = (*tap)(nil)
	_ framework.ReservePlugin    = (*tap)(nil)
	_ framework.PermitPlugin     = (*tap)(nil)
	_ framework.PreBindPlugin    = (*tap)(nil)
	_ framework.PostBindPlugin   = (*tap)(nil)
)

func newTap(die func()) *tap { return &tap{fire: die} }

func (t *tap) factory(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
	return t, nil
}

// Name returns the plugin's name.
func (*tap) Name() string { return tapName }

// PreEnqueue lets the pod pass.
func (t *tap) PreEnqueue(context.Context, *corev1.Pod) *framework.Status {
	t.pass(AtPreEnqueue)
	return nil
}

// PreFilter lets the pod pass.
func (t *tap) PreFilter(context.Context, *framework.CycleState, *corev1.Pod) (*framework.PreFilterResult, *framework.Status) {
	t.pass(AtPreFilter)
	return nil, nil
}

// PreFilterExtensions returns nil.
func (*tap) PreFilterExtensions() framework.PreFilterExtensions { return nil }

// Filter lets the pod pass.
func (t *tap) Filter(context.Context, *framework.CycleState, *corev1.Pod, *framework.NodeInfo) *framework.Status {
	t.pass(AtFilter)
	return nil
}

// Reserve lets the pod pass.
func (t *tap) Reserve(context.Context, *framework.CycleState, *corev1.Pod, string) *framework.Status {
	t.pass(AtReserve)
	return nil
}

// Unreserve does nothing.
func (t *tap) Unreserve(context.Context, *framework.CycleState, *corev1.Pod, string) {
	t.pass(AtUnreserve)
}

// Permit lets the pod pass.
func (t *tap) Permit(context.Context, *framework.CycleState, *corev1.Pod, string) (*framework.Status, time.Duration) {
	t.pass(AtPermit)
	return nil, 0
}

// PreBind lets the pod pass.
func (t *tap) PreBind(context.Context, *framework.CycleState, *corev1.Pod, string) *framework.Status {
	t.pass(AtPreBind)
	return nil
}

// PostBind does nothing.
func (t *tap) PostBind(context.Context, *framework.CycleState, *corev1.Pod, string) {
	t.pass(AtPostBind)
}

// arm sets when to fire next.
func (t *tap) arm(point Point, nth int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.fired {
		t.point, t.left = point, nth
	}
}

// pass fires if this is the time.
func (t *tap) pass(point Point) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == 0 || t.point != point {
		return
	}
	if t.left--; t.left == 0 {
		t.fired = true
		t.fire()
	}
}
