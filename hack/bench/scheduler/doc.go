// SPDX-License-Identifier: Apache-2.0

// Command scheduler measures what batch-scheduler must reach, beside the stock kube-scheduler and beside scheduler-plugins'
// coscheduling in the same run. It prints each figure with its bound (ranges.yaml) and fails when one is missed.
package main
