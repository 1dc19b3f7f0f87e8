// SPDX-License-Identifier: Apache-2.0

// Batch-scheduler is kube-scheduler with Muster's gang plugins compiled in. It schedules the pods whose spec.schedulerName
// is batch-scheduler, beside the cluster's own scheduler.
//
// On a cluster it needs no flag; elsewhere --kubeconfig alone is enough. It is kube-scheduler otherwise: all flags of
// kube-scheduler v1.33 are there (--help), with these differences:
//
//	--kubeconfig FILE     how to reach the API server; without it, the pod's service account. Not deprecated here, and
//	                      honoured together with --config too
//	--config FILE         a KubeSchedulerConfiguration; without it, the built-in one (package config): the profile
//	                      batch-scheduler, leader election by the Lease muster-system/batch-scheduler
//	--secure-port 10359   serves /healthz, /livez, /readyz and /metrics over TLS to anybody, and the profiles under
//	                      /debug/pprof to whom the API server authorizes (kube-scheduler: 10259)
//	--authorization-always-allow-paths /healthz,/readyz,/livez,/metrics
//	--authentication-skip-lookup true   so that the configmap extension-apiserver-authentication is not needed
//	--authentication-kubeconfig, --authorization-kubeconfig   outside a cluster, who may read those profiles is asked only
//	                      with these
//	--leader-elect=false  for a single copy that should take over at once after a crash
//	-v, --logging-format  as in all of Kubernetes
//
// A leader that stood still until its Lease ran out ends instead of going on, before it binds or evicts another pod; and Events
// about a job's pod have the job's labels.
//
// The other flags that kube-scheduler calls deprecated (--kube-api-qps and the like) have no effect: a configuration is
// always read. --write-config-to FILE shows the one in use.
package main
