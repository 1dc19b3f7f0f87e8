// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/plugins/plugintest/virtual"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// shape is what one member of a random gang asks for.
type shape struct {
	cpus, gpus int
	zone       string // empty for any
}

// owner keeps one gang as the queue API or a user's controller does: it creates the members, makes up for those that are
// lost, and ends the gang. A pod of no gang has an owner too.
type owner struct {
	name     string
	single   bool // its one pod is in no gang
	size     int
	least    int
	shapes   []shape // by member
	restarts bool    // when a member of a running gang is lost, all start again; else the member alone
	onLoss   string  // what the scheduler is asked to do then
	together bool    // all must be in one zone
	life     time.Duration

	generation int
	pods       []slot
	started    bool      // a member of this generation was bound
	firstBound time.Time // when the number of bound members last left 0
	shortSince time.Time // since when it is bound, but with fewer than its min
	lost       bool      // a member of this generation was lost
	disturbed  bool      // a member was lost or a Binding failed since then
	runsSince  time.Time // since when enough members are bound
	ended      bool
}

// slot is one member's place: the pod that has it now.
type slot struct {
	pod     string
	from    time.Time // when the pod is to be created
	created bool
}

// newOwner returns the owner of a random gang.
func newOwner(name string, rng *rand.Rand) *owner {
	o := &owner{
		name:     name,
		size:     randomSize(rng),
		restarts: rng.IntN(2) == 0,
		onLoss:   []string{"", batchmeta.MemberLossRestart, batchmeta.MemberLossReplace}[rng.IntN(3)],
		together: rng.IntN(8) == 0,
		life:     time.Duration(10+rng.IntN(120)) * time.Second,
	}
	o.single = o.size == 1 && rng.IntN(2) == 0
	o.least = o.size
	if o.size > 1 && rng.IntN(5) == 0 {
		o.least = 1 + rng.IntN(o.size)
	}
	one := shape{cpus: []int{1, 1, 1, 2, 2, 4}[rng.IntN(6)]}
	switch rng.IntN(8) {
	case 0:
		one.gpus = 1
	case 1:
		one.zone = randomZone(rng)
	}
	for range o.size {
		o.shapes = append(o.shapes, one)
	}
	if rng.IntN(6) == 0 {
		o.shapes[0].cpus = 8 // the main node
	}
	return o
}

func randomSize(rng *rand.Rand) int {
	switch n := rng.IntN(20); {
	case n < 8:
		return 1 + rng.IntN(4)
	case n < 15:
		return 5 + rng.IntN(12)
	case n < 19:
		return 17 + rng.IntN(24)
	default:
		return 41 + rng.IntN(24)
	}
}

var zones = []string{"a", "b", "c"}

func randomZone(rng *rand.Rand) string { return zones[rng.IntN(len(zones))] }

// recruit begins a new generation, whose members come within the time, in random order.
func (o *owner) recruit(now time.Time, within time.Duration, rng *rand.Rand) {
	o.generation++
	o.pods = make([]slot, o.size)
	for i := range o.pods {
		o.pods[i] = slot{pod: fmt.Sprintf("%s-%d-%02d", o.name, o.generation, i), from: now.Add(durationUpTo(rng, within))}
	}
	o.started, o.lost, o.disturbed = false, false, false
	o.firstBound, o.runsSince, o.shortSince = time.Time{}, time.Time{}, time.Time{}
}

// pod returns the pod for a slot.
func (o *owner) pod(i int) *corev1.Pod {
	s := o.shapes[i]
	pod := plugintest.Pod(o.pods[i].pod, s.cpus)
	pod.CreationTimestamp.Reset()
	if s.gpus > 0 {
		pod.Spec.Containers[0].Resources.Requests["nvidia.com/gpu"] = *resource.NewQuantity(int64(s.gpus), resource.DecimalSI)
		pod.Spec.Tolerations = []corev1.Toleration{{Key: "nvidia.com/gpu", Operator: corev1.TolerationOpExists}}
	}
	if s.zone != "" {
		pod.Spec.NodeSelector = map[string]string{corev1.LabelTopologyZone: s.zone}
	}
	if !o.single {
		pod.Labels = map[string]string{batchmeta.Gang: o.name}
		pod.Annotations = map[string]string{
			batchmeta.GangSize: strconv.Itoa(o.size),
			batchmeta.GangMin:  strconv.Itoa(o.least),
		}
		if o.onLoss != "" {
			pod.Annotations[batchmeta.GangOnMemberLoss] = o.onLoss
		}
		if o.together {
			pod.Annotations[batchmeta.GangTopologyRequired] = corev1.LabelTopologyZone
		}
	}
	return pod
}

// members returns the live pods of the gang, and those of them that are bound.
func (o *owner) members(c *virtual.Cluster) (live, bound []*corev1.Pod) {
	for _, s := range o.pods {
		pod := c.Pod(s.pod)
		if pod == nil || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		live = append(live, pod)
		if pod.Spec.NodeName != "" {
			bound = append(bound, pod)
		}
	}
	return live, bound
}

// tick does what the owner has to do now.
func (o *owner) tick(c *virtual.Cluster, now time.Time, rng *rand.Rand) {
	if o.ended {
		return
	}
	for i := range o.pods {
		if s := &o.pods[i]; !s.created && !now.Before(s.from) {
			s.created = true
			c.AddPods(o.pod(i))
		}
	}
	o.repair(c, now, rng)
	o.note(c, now)
}

// repair makes up for members that are lost.
func (o *owner) repair(c *virtual.Cluster, now time.Time, rng *rand.Rand) {
	var lost []int
	for i, s := range o.pods {
		if !s.created {
			continue
		}
		if pod := c.Pod(s.pod); pod == nil || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed {
			lost = append(lost, i)
		}
	}
	if len(lost) == 0 {
		return
	}
	o.lost, o.disturbed = true, true
	if o.started && o.restarts {
		o.deleteAll(c)
		o.recruit(now, 5*time.Second, rng)
		return
	}
	for _, i := range lost {
		c.Delete(o.pods[i].pod)
		o.generation++
		o.pods[i] = slot{pod: fmt.Sprintf("%s-%d-%02d", o.name, o.generation, i), from: now.Add(durationUpTo(rng, 5*time.Second))}
	}
}

// note keeps up with how many members are bound.
func (o *owner) note(c *virtual.Cluster, now time.Time) {
	_, bound := o.members(c)
	switch {
	case len(bound) == 0:
		o.firstBound, o.runsSince, o.shortSince = time.Time{}, time.Time{}, time.Time{}
		return
	case o.firstBound.IsZero():
		o.firstBound = now
	}
	o.started = true
	if len(bound) >= o.least {
		o.shortSince = time.Time{}
		if o.runsSince.IsZero() {
			o.runsSince, o.disturbed = now, false
		}
		return
	}
	o.runsSince = time.Time{}
	if o.shortSince.IsZero() {
		o.shortSince = now
	}
}

// isDone reports whether the gang has run long enough.
func (o *owner) isDone(now time.Time) bool {
	return !o.ended && !o.runsSince.IsZero() && now.Sub(o.runsSince) >= o.life
}

// end ends the gang: its bound members have succeeded.
func (o *owner) end(c *virtual.Cluster) {
	o.ended = true
	_, bound := o.members(c)
	for _, pod := range bound {
		c.Finish(pod.Name, corev1.PodSucceeded, "")
	}
	o.deleteAll(c)
}

func (o *owner) deleteAll(c *virtual.Cluster) {
	for _, s := range o.pods {
		c.Delete(s.pod)
	}
}

func durationUpTo(rng *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(limit) + 1))
}
