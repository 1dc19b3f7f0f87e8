// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"cmp"
	"html/template"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Node is a thing of a Graph, such as a job.
type Node struct {
	ID    string
	Label string
	Note  string // below the label, such as a status
	Class string // as of Part
	Href  string
}

// Edge leads from one node to another, by their IDs.
type Edge struct{ From, To string }

const (
	maxNodes = 200
	maxEdges = 1000

	nodeWidth  = 168
	nodeHeight = 44
	layerGap   = 56
	nodeGap    = 16
	margin     = 8
	// sweeps is how often each layer is ordered by its neighbours.
	sweeps = 4
	// maxInNode is how many characters of a label a node has room for.
	maxInNode = 22
)

// graph is a graph while it is laid out. Nodes are known by their place in nodes.
type graph struct {
	nodes    []Node
	edges    [][2]int
	layer    []int
	rank     []float64 // place of a node within its layer
	layers   [][]int
	from, to [][]int // neighbours before and after each node
}

// Graph draws nodes in layers from left to right, each to the right of all that lead to it. Edges that would close a circle are
// drawn, but move nothing. Of many nodes the first 200 are drawn.
func Graph(title string, nodes []Node, edges []Edge) template.HTML {
	left := len(nodes) - min(len(nodes), maxNodes)
	g := newGraph(nodes[:len(nodes)-left], edges)
	g.assign()
	g.order()
	tallest := 0
	for _, l := range g.layers {
		tallest = max(tallest, len(l))
	}
	width := max(len(g.layers), 1)*(nodeWidth+layerGap) - layerGap + 2*margin
	height := max(tallest, 1)*(nodeHeight+nodeGap) - nodeGap + 2*margin
	desc := ""
	if left > 0 {
		desc = strconv.Itoa(left) + " more are not drawn"
	}
	var s svg
	s.openGroup("graph", title, desc, "width", strconv.Itoa(width), "height", strconv.Itoa(height), "viewBox", "0 0 "+strconv.Itoa(width)+" "+strconv.Itoa(height))
	for _, e := range g.edges {
		s.edge(g.at(e[0], tallest), g.at(e[1], tallest))
	}
	for i, n := range g.nodes {
		s.node(n, g.at(i, tallest))
	}
	return s.close()
}

// newGraph takes the edges whose ends are there, each once.
func newGraph(nodes []Node, edges []Edge) *graph {
	g := &graph{
		rank: make([]float64, len(nodes)), from: make([][]int, len(nodes)), to: make([][]int, len(nodes)),
	}
	index := make(map[string]int, len(nodes))
	for _, n := range nodes {
		if _, ok := index[n.ID]; !ok {
			index[n.ID] = len(g.nodes)
			g.nodes = append(g.nodes, n)
		}
	}
	g.layer = make([]int, len(g.nodes))
	seen := map[[2]int]bool{}
	for _, e := range edges {
		a, okA := index[e.From]
		b, okB := index[e.To]
		if !okA || !okB || a == b || seen[[2]int{a, b}] || len(g.edges) == maxEdges {
			continue
		}
		seen[[2]int{a, b}] = true
		g.edges = append(g.edges, [2]int{a, b})
		g.to[a], g.from[b] = append(g.to[a], b), append(g.from[b], a)
	}
	return g
}

// assign gives each node the layer after the last of those that lead to it.
func (g *graph) assign() {
	const (
		unseen = iota
		open   // on the way that is being followed: an edge to it closes a circle
		done
	)
	state := make([]int, len(g.nodes))
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		for _, p := range g.from[i] {
			if state[p] == unseen {
				visit(p)
			}
			if state[p] == done {
				g.layer[i] = max(g.layer[i], g.layer[p]+1)
			}
		}
		state[i] = done
	}
	for i := range g.nodes {
		if state[i] == unseen {
			visit(i)
		}
	}
	for i, l := range g.layer {
		for len(g.layers) <= l {
			g.layers = append(g.layers, nil)
		}
		g.rank[i] = float64(len(g.layers[l]))
		g.layers[l] = append(g.layers[l], i)
	}
}

// order moves the nodes of each layer towards the middle of their neighbours, forth and back, so that fewer edges cross.
func (g *graph) order() {
	for sweep := range sweeps {
		neighbours := g.from
		if sweep%2 == 1 {
			neighbours = g.to
		}
		for l := range g.layers {
			if sweep%2 == 1 {
				l = len(g.layers) - 1 - l
			}
			g.orderLayer(g.layers[l], neighbours)
		}
	}
}

func (g *graph) orderLayer(layer []int, neighbours [][]int) {
	middle := make(map[int]float64, len(layer))
	for _, i := range layer {
		middle[i] = g.rank[i]
		if near := neighbours[i]; len(near) > 0 {
			total := 0.0
			for _, n := range near {
				total += g.rank[n]
			}
			middle[i] = total / float64(len(near))
		}
	}
	slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(middle[a], middle[b]) })
	for place, i := range layer {
		g.rank[i] = float64(place)
	}
}

// at is a node's upper left corner. Layers are centred.
func (g *graph) at(i, tallest int) [2]int {
	free := tallest - len(g.layers[g.layer[i]])
	return [2]int{
		margin + g.layer[i]*(nodeWidth+layerGap),
		margin + int(g.rank[i])*(nodeHeight+nodeGap) + free*(nodeHeight+nodeGap)/2,
	}
}

func (s *svg) edge(a, b [2]int) {
	x1, y1 := a[0]+nodeWidth, a[1]+nodeHeight/2
	x2, y2 := b[0], b[1]+nodeHeight/2
	bend := layerGap / 2
	n := strconv.Itoa
	s.element("path", "", "class", "edge", "fill", "none",
		"d", "M"+n(x1)+" "+n(y1)+"C"+n(x1+bend)+" "+n(y1)+" "+n(x2-bend)+" "+n(y2)+" "+n(x2)+" "+n(y2))
	// An arrow head of its own, since a marker needs an id, of which a page has but one.
	s.element("path", "", "class", "head", "d", "M"+n(x2)+" "+n(y2)+"l-7-4v8z")
}

func (s *svg) node(n Node, at [2]int) {
	whole := "" // where the label has no room
	if utf8.RuneCountInString(n.Label) > maxInNode || utf8.RuneCountInString(n.Note) > maxInNode+2 {
		whole = n.Label + ": " + n.Note
	}
	end := s.link(n.Href)
	x, y := strconv.Itoa(at[0]), strconv.Itoa(at[1])
	s.element("rect", whole, "class", "node"+classOf(n.Class), "x", x, "y", y, "width", strconv.Itoa(nodeWidth), "height", strconv.Itoa(nodeHeight), "rx", "4")
	s.raw(`<text class="label" x="`, strconv.Itoa(at[0]+10), `" y="`, strconv.Itoa(at[1]+18), `">`, shown(n.Label, maxInNode), "</text> ")
	s.raw(`<text class="note" x="`, strconv.Itoa(at[0]+10), `" y="`, strconv.Itoa(at[1]+35), `">`, shown(n.Note, maxInNode+2), "</text>")
	end()
}
