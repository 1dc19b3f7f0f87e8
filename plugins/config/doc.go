// SPDX-License-Identifier: Apache-2.0

// Package config holds the KubeSchedulerConfiguration that batch-scheduler runs with unless it is given another one:
// scheduler.yaml, embedded here and just as good as a file for --config, whole or as a start for one's own.
//
// The plugins' own arguments are typed here, too: [GangFitArgs]. The package knows the published types of the
// configuration only, nothing of kube-scheduler's code.
package config

//go:generate cp scheduler.yaml ../../manifests/base/scheduler/scheduler.yaml
