// SPDX-License-Identifier: Apache-2.0

// Command nodes measures what batch-autoscaler must reach. It prints each figure with its bound (ranges.yaml) and fails when
// one is missed; `make bench-nodes` builds what it needs and runs it.
//
// The parts:
//
//	trace    In virtual time, over the fake EC2 at the wire: traces of gangs and single jobs with stock-outs, each played with
//	         our autoscaler and with cluster-autoscaler's own demand, estimator and orchestrator over the same provider, with
//	         the same settings. Stranded node-seconds are those between a node's readiness and its first pod, or its end.
//	         Machines take 40 s to boot, a call of EC2 one second; the scheduler starts gangs whole and keeps the room of the
//	         one that is next, for both. Mis-bought nodes never had a pod. No trace reaches maxvCpus, as queue-api admits no more
//	         than that; several traces are added up, as one alone says little: the same logic strands several times as much in
//	         one as in another.
//	sweep    The same machinery: traces with stock-outs of 0 to 50 %, and what may never happen counted.
//	decide   One look at 10,000 pending pods of 20 environments, in this machine's time.
//	latency  A local cluster with every program real but the nodes, which KWOK simulates behind the fake EC2 and which are ready
//	         at once: how long from SubmitJob to the CreateFleet call, and from a node's readiness to the binding of the pod
//	         it was bought for; one job after the other.
//	queued   The same cluster: the autoscaler's loop without and with 1,000,000 jobs queued.
//
// -only=trace,sweep,decide,cluster takes some of them: cluster is the last two.
//
// The simulations and their jobs are tests of autoscaler/cmd/batch-autoscaler, since they take its engine apart; this program
// runs their test binary.
package main
