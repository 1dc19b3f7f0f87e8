// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// smallPod is the CPU that scheduler_perf's pod asks for.
const smallPod = "100m"

// plain compares pods of no gang.
func (b *bench) plain(ctx context.Context) error {
	nodes := b.sizes.plainNodes
	c, err := b.startControlPlane(ctx, nodesOf(nodes))
	if err != nil {
		return err
	}
	defer c.stop()
	w := workload{gangs: gangs(1, b.sizes.plainPods), single: true, cpu: smallPod}
	var mine, theirs placements
	for round := range b.sizes.plainRounds {
		order := []side{stock, ours} // each side goes first as often as the other
		if round%2 == 1 {
			order = []side{ours, stock}
		}
		for _, s := range order {
			p, err := b.place(ctx, c, s, nodes, w)
			if err != nil {
				return err
			}
			if s.name == ours.name {
				mine = append(mine, p)
			} else {
				theirs = append(theirs, p)
			}
		}
	}
	what := fmt.Sprintf("%d pods on %d nodes, of stock", b.sizes.plainPods, nodes)
	b.results.Add("plain rate", what, mine.rate()/theirs.rate(), "%.0f to %.0f pods/s", mine.rate(), theirs.rate())
	b.results.Add("plain CPU", what, mine.cpuPerPod()/theirs.cpuPerPod(), "%.2f to %.2f ms a pod", mine.cpuPerPod(), theirs.cpuPerPod())
	return nil
}

// gangs compares gangs that all fit with the same pods placed one by one by the stock scheduler.
func (b *bench) gangs(ctx context.Context) error {
	for _, nodes := range b.sizes.gangNodes {
		if err := b.gangsOn(ctx, nodes); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) gangsOn(ctx context.Context, nodes int) error {
	c, err := b.startControlPlane(ctx, nodesOf(nodes))
	if err != nil {
		return err
	}
	defer c.stop()
	single := workload{gangs: gangs(1, b.sizes.gangPods), single: true, cpu: smallPod}
	mine := map[int]placement{}
	var theirs placements
	first, err := b.place(ctx, c, stock, nodes, single)
	if err != nil {
		return err
	}
	for _, size := range b.sizes.gangSizes {
		if mine[size], err = b.place(ctx, c, ours, nodes, b.gangsOfSize(size)); err != nil {
			return err
		}
	}
	peer, err := b.place(ctx, c, coscheduling, nodes, b.gangsOfSize(b.sizes.peerGangSize))
	if err != nil {
		return err
	}
	last, err := b.place(ctx, c, stock, nodes, single) // the machine may have changed meanwhile
	if err != nil {
		return err
	}
	theirs = placements{first, last}
	for _, size := range b.sizes.gangSizes {
		b.compareGangs(nodes, size, placements{mine[size]}, theirs)
	}
	what := fmt.Sprintf("coscheduling's gangs of %d on %d nodes, of stock", b.sizes.peerGangSize, nodes)
	b.results.Info(what+": rate", peer.rate/theirs.rate(), "%.0f pods/s", peer.rate)
	b.results.Info(what+": CPU", peer.cpuPerPod()/theirs.cpuPerPod(), "%.2f ms a pod", peer.cpuPerPod())
	return nil
}

func (b *bench) gangsOfSize(size int) workload {
	return workload{gangs: gangs(max(1, b.sizes.gangPods/size), size), cpu: smallPod}
}

func (b *bench) compareGangs(nodes, size int, mine, theirs placements) {
	what := fmt.Sprintf("gangs of %d on %d nodes, of stock", size, nodes)
	b.results.Add("gang rate", what, mine.rate()/theirs.rate(), "%.0f to %.0f pods/s", mine.rate(), theirs.rate())
	cpu, algorithm := mine.cpuPerPod()/theirs.cpuPerPod(), mine.algorithm()/theirs.algorithm()
	cpuNote := fmt.Sprintf("%.2f to %.2f ms a pod", mine.cpuPerPod(), theirs.cpuPerPod())
	algorithmNote := fmt.Sprintf("mean %.3f to %.3f ms", mine.algorithm()*1000, theirs.algorithm()*1000)
	if nodes >= 5000 {
		b.results.Add("gang CPU", what, cpu, "%s", cpuNote)
		b.results.Add("gang algorithm", what, algorithm, "%s", algorithmNote)
	} else {
		b.results.Info("gang CPU: "+what, cpu, "%s", cpuNote)
		b.results.Info("gang algorithm: "+what, algorithm, "%s", algorithmNote)
	}
	if size >= 5000 {
		plan := mine[0].plans.mean()
		b.results.Add("gang plan", fmt.Sprintf("%d members on %d nodes, s", size, nodes), plan, "%.0f plans", mine[0].plans.count)
	}
}

// topology compares gangs that must be in one zone with the same gangs that may be anywhere.
func (b *bench) topology(ctx context.Context) error {
	const zones, size = 10, 100
	nodes := b.sizes.topologyNodes
	c, err := b.startControlPlane(ctx, nodesIn(nodes, zones))
	if err != nil {
		return err
	}
	defer c.stop()
	free := workload{gangs: gangs(b.sizes.topologyGangs, size), cpu: smallPod}
	bound := workload{gangs: gangs(b.sizes.topologyGangs, size), cpu: smallPod}
	for i := range bound.gangs {
		bound.gangs[i].topology = corev1.LabelTopologyZone
	}
	var with, without placements
	for range b.sizes.topologyRounds {
		p, err := b.place(ctx, c, ours, nodes, free)
		if err != nil {
			return err
		}
		without = append(without, p)
		if p, err = b.place(ctx, c, ours, nodes, bound); err != nil {
			return err
		}
		with = append(with, p)
	}
	b.results.Add("topology rate", fmt.Sprintf("gangs of %d on %d nodes, each in one of %d zones, of the same without", size, nodes, zones),
		with.rate()/without.rate(), "%.0f to %.0f pods/s", with.rate(), without.rate())
	return nil
}

// placements of the same workload by the same side.
type placements []placement

func (p placements) mean(of func(placement) float64) float64 {
	sum := 0.0
	for _, one := range p {
		sum += of(one)
	}
	return sum / float64(len(p))
}

func (p placements) rate() float64 { return p.mean(func(one placement) float64 { return one.rate }) }

func (p placements) cpuPerPod() float64 { return p.mean(placement.cpuPerPod) }

func (p placements) algorithm() float64 {
	return p.mean(func(one placement) float64 { return one.algorithm.mean() })
}
