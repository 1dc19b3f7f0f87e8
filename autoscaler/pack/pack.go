// SPDX-License-Identifier: Apache-2.0

package pack

// Problem is one question to Solve. Demands are served in their order.
type Problem struct {
	Bins    []Bin
	Offers  []Offer
	Budgets []Budget
	Demands []Demand
	Holds   []Hold
	// Fits reports whether the part's pods may run on nodes of a class, resources aside.
	Fits func(p *Part, class int) bool
	// FitsBin is asked instead for parts that are Alone, as what runs on the node matters to them.
	FitsBin func(p *Part, bin int) bool
	// Domain is the value that a label has on a node, and Together reports whether all nodes of one purchase of an offer will
	// have the same; both are asked for demands with a Topology alone.
	Domain   func(topology string, bin int) string
	Together func(topology string, offer int) bool
	// Score rates the purchase of nodes of an offer that would hold the helped pods; the lowest is bought.
	Score func(offer, nodes int, helped Vector) float64
}

// Bin is a node that exists or is on its way.
type Bin struct {
	Name  string // tells the node from all others, from before it comes; empty if nothing does
	Class int    // nodes of one class differ in nothing but what is free on them
	Group string // node group; matches Offer.Group
	Free  Vector
	// Coming nodes are on their way. Of Unsure ones it is not even known yet whether they come.
	Coming, Unsure bool
	// Budget that pods on the node count against, if that is a Sole one; negative for none.
	Budget int
	// Shared nodes have pods: what is free there may be taken by others before nodes that are bought have come.
	Shared bool
}

// Offer is a node group of which nodes can be bought.
type Offer struct {
	Class  int
	Group  string
	Budget int
	Fresh  Vector // free on a new node
	VCPUs  int
	// Closed offers are not bought now, but may be later: they tell a pod that must wait from one that can never run.
	Closed bool
	// Failed is how often in a row a purchase of it has failed of late.
	Failed int
}

// LeastSole is what a pod counts at least against a Sole budget, in thousandths of a vCPU. AWS Fargate: 0.25 vCPU.
const LeastSole = 250

// Budget is how many vCPUs an environment may have, and has. Invariant: Solve never lets Used exceed Max, but by Stretch.
type Budget struct {
	Max, Used int // in thousandths of a vCPU if Sole
	// Sole: a node holds one pod, and what the pods ask for counts, not what their nodes have. Its nodes' Free.Pods is 1 or 0.
	Sole bool
	// Stretch allows one instance beyond Max, as AWS Batch does, for pods that no instance within Max could ever hold.
	Stretch bool
}

// Demand is pods to be placed: all or none of them if Whole.
type Demand struct {
	Whole bool
	// Topology is the node label under one value of which all of a Whole demand must be; empty if it may be anywhere.
	Topology string
	Parts    []Part
}

// Part is a number of equal pods.
type Part struct {
	Key     string // unique in the Problem; the same from one Problem to the next
	Request Vector
	Count   int
	// Alone pods are placed one a node at a time, since where one may go depends on the others.
	Alone bool
}

// Content is what part of a Purchase or Hold a part has.
type Content struct {
	Key   string
	Count int
}

// Hold is a promise of an earlier Solve: a node came, or is on its way, for Contents.
type Hold struct {
	Node string // the Bin's name; empty for one that is bought now
	// Bought is the place of the Purchase that the node is of, from 1, in the Solution that made the hold; 0 for a node that was
	// there. Whoever makes the purchase knows the names of its nodes, and is to put one in.
	Bought   int
	Contents []Content // that of the demand that had the node first comes first
}

// Purchase is nodes to buy.
type Purchase struct {
	Offer int
	Nodes int
	Whole bool // useless unless all the nodes come
	// Topology is a label under one value of which they must all be, too; empty if there is none.
	Topology string
	// Later purchases are decided, and their vCPUs spoken for, but not to be made before others of their demand have come.
	Later    bool
	Contents []Content // of all the nodes together
}

// Why says why pods were left without a place.
type Why int

// The reasons, gravest first.
const (
	// NoType: no node group could ever hold the pod.
	NoType Why = iota + 1
	// TooWide: the whole demand is more than the environment may ever have.
	TooWide
	// Closed: the node groups that could hold it are not buying now.
	Closed
	// NoRoom: the environment has no vCPUs left.
	NoRoom
)

// Leftover is pods without a place.
type Leftover struct {
	Demand, Part int
	Count        int
	Why          Why
}

// Solution is what Solve decided.
type Solution struct {
	Purchases []Purchase
	Used      []Vector // per Bin: what was put there
	Left      []Leftover
	Holds     []Hold // for the next Problem
}

// Solve places demands and buys nodes for what has no place.
func Solve(p Problem) Solution {
	s := newSolver(&p)
	s.reserve()
	for d := range p.Demands {
		switch demand := &p.Demands[d]; {
		case demand.Whole && demand.Topology != "":
			s.placeTogether(d)
		case demand.Whole:
			s.placeWhole(d)
		default:
			s.placeLoose(d, true)
		}
	}
	s.buyLoose()
	return s.solution()
}
