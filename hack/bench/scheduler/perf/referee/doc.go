// SPDX-License-Identifier: Apache-2.0

// Package referee is Kubernetes' own scheduler_perf harness with this project's plugins and coscheduling compiled in. It
// holds no workload: it runs the configuration file that it is given.
package referee
