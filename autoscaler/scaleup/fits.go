// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"fmt"
	"hash/fnv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// class is nodes that the scheduler's predicates cannot tell apart but by what runs on them.
type class struct {
	signature uint64
	node      *corev1.Node // one of them, or the template
	offer     int          // 1 + index of the offer that the class is of; 0 for nodes that exist
	empty     string       // name of an empty copy in the snapshot; empty while there is none
}

// signatureOf is a hash of what predicates see of a node apart from its name and its pods.
func signatureOf(n *corev1.Node) uint64 {
	var sum uint64 // addition, as labels have no order
	for key, value := range n.Labels {
		if key != corev1.LabelHostname && key != batchmeta.InstanceID {
			sum += hash(key, value)
		}
	}
	for i := range n.Spec.Taints {
		t := &n.Spec.Taints[i]
		sum += hash("taint", t.Key, t.Value, string(t.Effect))
	}
	a := n.Status.Allocatable
	return sum + hash(a.Cpu().String(), a.Memory().String(), a.Pods().String())
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// fitCache remembers for a while which shapes may run on which nodes: predicates cost a hundred times what a look-up does.
type fitCache struct {
	clock   clock.PassiveClock
	known   map[fitKey]bool
	emptied time.Time
}

type fitKey struct {
	shape     string
	signature uint64
}

const (
	fitLifetime = time.Minute
	fitLimit    = 100_000
)

func newFitCache(c clock.PassiveClock) *fitCache {
	return &fitCache{clock: c, known: map[fitKey]bool{}}
}

func (f *fitCache) trim() {
	if len(f.known) > fitLimit || f.clock.Since(f.emptied) > fitLifetime {
		f.known, f.emptied = map[fitKey]bool{}, f.clock.Now()
	}
}

// mayRun is the problem's Fits: the scheduler's predicates on an empty node of the class, and BEST_FIT's rule.
func (b *board) mayRun(p *pack.Part, index int) bool {
	if !b.passes(p, index) {
		return false
	}
	if offer := b.classes[index].offer; offer > 0 {
		return b.isBestFit(p, offer-1) && (!b.offers[offer-1].Narrow || !b.isAdmitted(p, b.problem.Offers[offer-1].Budget))
	}
	return true
}

// isAdmitted reports whether the part's pods may run on nodes of an offer of the budget that is not narrow, bought now or not.
func (b *board) isAdmitted(p *pack.Part, budget int) bool {
	key := admission{p.Key, budget}
	admitted, known := b.admitted[key]
	if known {
		return admitted
	}
	for i := range b.problem.Offers {
		o := &b.problem.Offers[i]
		if o.Budget == budget && !b.offers[i].Narrow && o.Fresh.Fits(p.Request) > 0 && b.passes(p, o.Class) {
			admitted = true
			break
		}
	}
	b.admitted[key] = admitted
	return admitted
}

type admission struct {
	part   string
	budget int
}

func (b *board) passes(p *pack.Part, index int) bool {
	c, part := &b.classes[index], b.parts[p.Key]
	key := fitKey{part.Shape, c.signature}
	ok, known := b.fits.known[key]
	if !known {
		ok = b.prepare(c) == nil && b.snapshot.CheckPredicates(part.Exemplar, c.empty) == nil
		b.fits.known[key] = ok
	}
	return ok
}

// prepare puts an empty node of the class into the fork of the snapshot.
func (b *board) prepare(c *class) error {
	if c.empty != "" {
		return nil
	}
	node := c.node.DeepCopy()
	node.Name = fmt.Sprintf("empty-%x", c.signature)
	if c.offer > 0 {
		node.Name += "-new"
	}
	if err := b.snapshot.AddNodeInfo(framework.NewNodeInfo(node, nil)); err != nil {
		return fmt.Errorf("add empty node to the snapshot: %w", err)
	}
	c.empty = node.Name
	return nil
}

// mayRunOn is the problem's FitsBin: predicates on the node as it is.
func (b *board) mayRunOn(p *pack.Part, bin int) bool {
	return b.snapshot.CheckPredicates(b.parts[p.Key].Exemplar, b.binNodes[bin].Name) == nil
}

// isBestFit reports whether the offer may be bought for the part under BEST_FIT: only the cheapest type that holds it, even
// when there is none to be had.
func (b *board) isBestFit(p *pack.Part, offer int) bool {
	budget := b.problem.Offers[offer].Budget
	if b.markets[budget].Environment.Strategy != computeenv.BestFit {
		return true
	}
	for other := range b.problem.Offers {
		o := &b.problem.Offers[other]
		if o.Budget == budget && b.isCheaper(other, offer) && o.Fresh.Fits(p.Request) > 0 && b.passes(p, o.Class) {
			return false
		}
	}
	return true
}

// isCheaper reports whether an offer goes before another by its cost, or by the environment's list if they cost the same.
func (b *board) isCheaper(one, other int) bool {
	p, q := &b.offers[one], &b.offers[other]
	return p.Cost < q.Cost || p.Cost == q.Cost && p.Rank < q.Rank
}

// score is the problem's Score: price for each CPU that is put to use, or the order of the environment's list where the
// strategy says so. Of equals, fewer nodes.
func (b *board) score(offer, nodes int, helped pack.Vector) float64 {
	o := &b.offers[offer]
	price := float64(nodes) * o.Cost / float64(helped.CPUMillis+helped.Pods)
	price *= 1 + 1e-6*float64(nodes)
	if b.markets[b.problem.Offers[offer].Budget].Environment.Strategy == computeenv.ProgressiveOrdered {
		const dearest = 1e6
		return dearest*float64(o.Rank) + min(price, dearest-1)
	}
	return price
}
