// SPDX-License-Identifier: Apache-2.0

// Package gangfit is the plugin that places a gang wholly or not at all. It carries out what the ledger of package gang
// decides, at these extension points of kube-scheduler:
//
//	PreEnqueue   holds a gang's members outside the queue, but for the leader when the gang has its turn and for the members
//	             of a plan (Gate)
//	PreFilter    the leader's cycle plans the whole gang on the snapshot, every Filter plugin honoured;
//	             the others' cycles are pinned to their planned nodes
//	Filter       keeps a pinned pod to its node even when it was nominated for another one, and others off kept room
//	PostFilter   plans what is open of the plan once more when a pinned member's cycle fails, else gives it up
//	Reserve      marks the member's seat as held; Unreserve gives the plan up
//	Permit       waits until every seat of the plan is held, then lets all members be bound
//
// A gang that does not fit holds nothing, and whoever is behind it goes on; what is like it there, or does not fit either, is
// refused with it (refuse.go). The members hear why from conditions.go, beside the scheduling loop. When a planned node is
// taken meanwhile, the open seats are planned once more; failing that the gang goes back whole.
//
// Whoever is held at PreEnqueue comes in by activation only (activate.go). An informer feeds the ledger, and hints.go judges
// for all refused gangs which an event may help: how many more members each resource that became free may take, added up
// until it is as many as were short.
//
// A plan is made in one of two ways. A tally counts: it stands in for the Filter plugins when only node objects and room
// decide where members fit, which the PreFilter plugins tell, and package place finds the nodes, near each other and so that
// others empty out. What depends on node objects alone is remembered from plan to plan (memory). Members whose fit depends
// on other pods, or on volumes, are tried one by one with all Filter and Score plugins (trial). Both seat as many members
// where both can (TestCountingAgreesWithTrial).
//
// Who asks for it may have lower-ranked work ended (preempt.go): a contest is what could make room on the snapshot, package
// preempt chooses, and the choice must stand a plan on the snapshot without the victims before anybody is harmed. The room
// is held while the victims end, and room that is being freed anyway is waited for first.
//
// Room may be kept from who sorts after its holder (room.go): the seats of an open plan, room that preemption made, and, so
// that small work does not starve a large gang, the room of the gang that is next (keeper.go). That one is foretold by
// package room from when running work ends, and bounded in time; work that is over before then may use it meanwhile. The
// keeper runs beside the cycles and takes the time from its clock. While nothing is kept, no pod pays for it.
//
// A pod of no gang passes through untouched, with one exception (nodeless.go): the scheduler itself sends a pod that finds
// no node in the whole cluster into a backoff that no event ends. A pod's second attempt is therefore held at PreEnqueue
// until there is a node, so that a cluster that grows from zero nodes does not wait.
//
// Start with [GangFit] and simulation. The plugin may not touch the API server or the clock in its decisions.
package gangfit
