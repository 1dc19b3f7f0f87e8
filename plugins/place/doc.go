// SPDX-License-Identifier: Apache-2.0

// Package place decides how many members of a gang go to which node, by counting: members that are alike are a number and
// a size, nodes are what is free on them and the topology domains they are in. It knows nothing of pods, of Kubernetes or
// of time, and its answer depends on its input alone.
//
// Start with [Problem] and [Solve]. In this order, an answer
//
//  1. seats as many members as there is room for;
//  2. spares the nodes of higher classes (those with resources that the members do not ask for);
//  3. spans as few domains as possible, the widest level first: the gang is kept in the narrowest domain that holds it,
//     and of several the tightest, so that large domains stay whole;
//  4. fills nodes in the order in which they are given, which is how the caller packs.
//
// Domains form a tree: a domain lies within one domain of every wider level. How many domains of each level an answer
// spans is its cost, compared level by level. The cost of a domain's share of the members is found by recursion: the
// domains in use come first, then the largest, and the one that takes the rest is the one where that costs least. For one
// kind of members this is exact but for the choice among equals (exact_test.go prints by how much); for several kinds in
// one gang it is a heuristic, since that is bin packing.
package place
