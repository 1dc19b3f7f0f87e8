// SPDX-License-Identifier: Apache-2.0

// Package sim runs a whole cluster in one process and in virtual time: the real control plane, dispatcher, watcher, releaser and
// client-go over a store and an API server that fail and lag, the real scheduler with our plugins, kubelets that run pods, and a
// cloud that has no machines, delivers them late and takes them back. Leaders of both programs die in the midst of their work.
//
// The tests hold what must always hold at every step, and at rest after all is well again. What goes wrong is drawn from a
// seed; a seed that fails is printed and can be played again.
//
// The autoscaler's decisions have a simulation of their own, in its main package, and so does what is bought here not come from
// them: nodes are bought by the simplest rule there is.
package sim
