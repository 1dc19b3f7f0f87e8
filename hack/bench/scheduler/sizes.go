// SPDX-License-Identifier: Apache-2.0

package main

// sizes is how much a run places.
type sizes struct {
	plainNodes, plainPods int
	plainRounds           int // of each side, in turn
	gangNodes             []int
	gangSizes             []int
	gangPods              int // in all gangs of a size together
	peerGangSize          int // of the gangs that coscheduling places, too
	topologyNodes         int
	topologyGangs         int // of a hundred each
	topologyRounds        int
	contendedTimes        int // how often each size of gang has room
	hopelessGangs         int
	refereeNodes          int
	refereePods           int
	refereeGangs          int // of 500 each, on 1,000 nodes
	refereeGangNodes      int
	refereeGangSize       int
}

// full is what the figures are about.
var full = sizes{
	plainNodes: 5000, plainPods: 10_000, plainRounds: 2,
	gangNodes: []int{1000, 5000}, gangSizes: []int{8, 64, 512, 5000}, gangPods: 5120, peerGangSize: 512,
	topologyNodes: 1000, topologyGangs: 40, topologyRounds: 2,
	contendedTimes: 4,
	hopelessGangs:  1000,
	refereeNodes:   5000, refereePods: 10_000,
	refereeGangs: 10, refereeGangSize: 500, refereeGangNodes: 1000,
}

// brief ends within five minutes on two cores. Its ratios are as good as its few seconds of measuring allow.
var brief = sizes{
	plainNodes: 1000, plainPods: 2000, plainRounds: 1,
	gangNodes: []int{1000}, gangSizes: []int{8, 512}, gangPods: 2048, peerGangSize: 512,
	topologyNodes: 500, topologyGangs: 12, topologyRounds: 1,
	contendedTimes: 2,
	hopelessGangs:  1000,
	refereeGangs:   4, refereeGangSize: 500, refereeGangNodes: 500,
}
