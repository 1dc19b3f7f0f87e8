// SPDX-License-Identifier: Apache-2.0

// Command localcluster runs the whole of Muster on this machine, on loopback: Redis, an image registry, etcd,
// kube-apiserver, kube-controller-manager, the three programs, and nodes, real (package node) or simulated by kwok.
//
//	localcluster [--dir DIR] up [--nodes real|kwok|auto|none] [--fleet local|ec2] [--port-base N] [--listen ADDRESS] …
//	localcluster [--dir DIR] down
//	localcluster [--dir DIR] start|stop|kill NAME…   one program: queue-api, redis, …; kill is kill -9
//	localcluster [--dir DIR] status [--json]
//	localcluster [--dir DIR] env [--json]            what a shell needs to use the cluster
//	localcluster [--dir DIR] fleet VERB              the command of batch-autoscaler's exec fleet
//	localcluster build [NAME…]                       builds the tools that are missing
//	localcluster which NAME                          where a built tool's program is: kubectl, etcd, …
//	localcluster packages                            installs the Debian packages that are missing
//
// Everything of a cluster lies in its one folder: configuration, data, logs, pid files, certificates. Clusters with
// different folders and ports run at once. up starts whatever does not run, so it also mends a cluster of which something
// was killed; down ends everything, however far up had come or whatever has been killed since, and touches no process
// that it did not start. Both hold the folder's lock. MUSTER_DIR names the folder where --dir does not, MUSTER_PORT_BASE and
// MUSTER_LISTEN say where a new cluster listens.
//
// Reading order: main.go, cluster.go (what a cluster is), up.go, components.go and programs.go (what it runs).
package main
