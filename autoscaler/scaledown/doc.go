// SPDX-License-Identifier: Apache-2.0

// Package scaledown says which nodes may go. Start with Busy, the rule that all of it hangs on: a node with an unfinished
// pod stays.
//
// The rule is asked twice: by cluster-autoscaler's planner, of its cache (Rule), and once more by the provider, of the API
// server, after the node was tainted and before its instance ends (Cluster). Candidates and Floor keep scale-down from
// acting on old knowledge and from going below minvCpus. Drainer empties the nodes that an infrastructure update replaces.
package scaledown
