// SPDX-License-Identifier: Apache-2.0

// Command scheduler measures what batch-scheduler must reach, beside the stock kube-scheduler and beside scheduler-plugins'
// coscheduling in the same run. It prints each figure with its bound (ranges.yaml) and fails when one is missed;
// `make bench-scheduler` builds what it needs and runs it. A ratio is to the stock scheduler placing the same pods without
// gangs, unless the figure says otherwise.
//
// There are two ways of measuring, both with real etcd:
//
//   - The referee is Kubernetes' own scheduler_perf (perf/referee): API server, scheduler and load in one process. Its
//     SchedulingThroughput counts. It cannot say what the scheduler alone costs.
//   - Everything else runs against an API server in a process of its own, the same one for all sides in turn, with
//     scheduler_perf's nodes, pods, number of creators and client limits. The scheduler is a process of its own, too, so
//     its CPU time is exactly what the kernel counts for it, from the first pod's creation until it is at rest: decoding
//     what it watches, deciding, binding, writing events, collecting garbage.
//
// The sides: stock and coscheduling are one program (perf/peers), with kube-scheduler's default configuration and with
// the one in coscheduling's README; ours is the batch-scheduler that is shipped, with its built-in configuration.
//
//	plain      pods of no gang
//	gangs      gangs of 8 to 5,000 that all fit
//	topology   gangs that must be in one zone, beside the same gangs that need not
//	contended  gangs of 8 to 512 for twice the room there is: when the last gang that has room is placed, and at each
//	           second how many pods have room in the scheduler's eyes whose gang is not whole soon after
//	hopeless   a gang that fits, behind 1,000 that cannot: while they wait, and when something happens that wakes gangs
//
// perf is a module of its own, so that nothing else has to compile Kubernetes' test packages.
package main
