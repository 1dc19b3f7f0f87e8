// SPDX-License-Identifier: Apache-2.0

// Package interruption acts on what a cloud announces of single instances: that a Spot instance is taken back, that it is
// likely to be, that an instance is stopped or ended, or will be for maintenance. Start with Watcher, which reads a queue of
// messages, and Marker, which writes on an instance's node what was announced.
//
//	announced                        the node                                      its pods
//	rebalance, scheduled change ──►  taint muster.sh/interruption:NoSchedule       go on; no more come
//	Spot interruption           ──►  taint muster.sh/interruption:NoExecute,       Kubernetes stops them; queue-api ends
//	stopping, shutting-down          annotation muster.sh/interruption-deadline    their jobs' attempts as "Host EC2 …"
//	stopped, terminated         ──►  taint node.kubernetes.io/out-of-service,      queue-api ends them at once
//	                                 then the Node object goes
//
// A message is deleted only after what it asks for is written, and everything may be done twice: a crash in between brings the
// message again and changes nothing more. Pods are never deleted here.
package interruption
