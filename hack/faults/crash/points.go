// SPDX-License-Identifier: Apache-2.0

package crash

import "github.com/muster-batch/muster/queue-api/crashpoint"

// Points are all writes, by the program that makes them.
var Points = map[string][]crashpoint.Point{
	"queue-api": {
		// jobs
		"redis/submit", "redis/transition", "redis/child", "redis/settle", "redis/unsettle", "redis/depend", "redis/forget-dependent",
		"redis/take", "redis/give-back", "redis/retire", "redis/retire-children",
		// queues and what else the admin makes
		"redis/compare-and-set", "redis/register", "redis/deregister", "redis/set-consumable", "redis/delete-consumable",
		"redis/number-queue", "redis/change-view", "redis/close-queue", "redis/delete-queue", "redis/forget-queue", "redis/forget-deleted",
		// the leader's own
		"redis/lead", "redis/seal", "redis/claim", "redis/save-ledger", "redis/forget-share", "redis/set-cursor",
		"redis/audit", "redis/mend", "redis/pulse",
		"pods/create", "pods/withdraw", "pods/withdraw-unbound", "pods/stop", "pods/stop-within", "pods/nudge", "pods/release",
		"configmaps/announce",
	},
	"batch-scheduler": {
		"pods/bind", "pods/mark-disrupted", "pods/evict", "nodes/claim",
	},
	"batch-autoscaler": {
		"launches/open", "launches/create", "launches/record", "launches/forget",
		"fleet/launch", "fleet/terminate", "fleet/end-stopped", "fleet/give-back",
		"kwok/launch", "kwok/terminate", "exec/launch", "exec/terminate",
		"ec2/create-template", "ec2/create-fleet", "ec2/terminate",
		"nodes/label", "nodes/reserve", "nodes/taint", "nodes/mark", "nodes/delete", "notices/delete",
		"reports/create", "reports/change", "reports/delete",
	},
}
