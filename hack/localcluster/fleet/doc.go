// SPDX-License-Identifier: Apache-2.0

// Package fleet is the command behind batch-autoscaler's exec fleet: its "instances" are real nodes on this machine
// (package node). Start with [Fleet.Run], which carries out one verb:
//
//	instance-types  {"instanceTypes":[…]}                     → {"instanceTypes":[{"name","vcpus","memoryMiB",…}]}
//	launch          {"token","nodeGroup","instanceType",…}    → {"instanceId","providerId"}
//	list                                                      → {"instances":[{"instanceId",…,"state"}]}
//	terminate       {"instanceIds":[…]}                       → {}
//
// Every instance type has this machine's own shape, whatever its name promises; instance-types says so on standard error.
// An instance's identity is the request's, or derived from the launch token, so launching twice with one token is launching
// once. The number of slots bounds the instances there can be at once; a launch beyond it is [ErrOutOfCapacity].
//
// A local cluster is of one user and trusts its caller: there are no accounts and no quotas here.
package fleet
