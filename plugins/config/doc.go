// SPDX-License-Identifier: Apache-2.0

// Package config holds the KubeSchedulerConfiguration that batch-scheduler runs with unless it is given another one:
// scheduler.yaml, embedded here and just as good as a file for --config, whole or as a start for one's own.
//
// It knows the configuration's published types only, nothing of kube-scheduler's code.
package config
