// SPDX-License-Identifier: Apache-2.0

// Command ec2fake is Amazon EC2 on this machine (package ec2fake) with machines behind it: an instance that is launched joins a
// cluster, by nothing but its user data, and is gone when it is terminated or reclaimed.
//
//	ec2fake --listen=ADDRESS --cluster=NAME --cluster-endpoint=URL --cluster-ca=FILE --fleet-command=COMMAND
//	ec2fake --listen=ADDRESS --cluster=NAME --cluster-endpoint=URL --cluster-ca=FILE --kubeconfig=FILE
//
// With --fleet-command the machines are real nodes: a containerd and a kubelet each, of hack/localcluster. They offer what
// their type has, however much this machine has, and types that are larger than this machine are not to be had. With
// --kubeconfig they are nodes that KWOK simulates.
//
// Instances are remembered as long as the program runs; when it starts, machines of an earlier run are ended. With --queue,
// what becomes of them is told by a queue of SQS. Below /fake/ it tells its state and takes stock-outs, faults, interruptions and
// reclaims; see ec2fake.WithControl.
package main
