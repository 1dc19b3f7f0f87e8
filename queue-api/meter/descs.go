// SPDX-License-Identifier: Apache-2.0

package meter

import "github.com/prometheus/client_golang/prometheus"

// descs are the metrics of a State.
type descs struct {
	jobs, waiting, attempts, paused, oldest *prometheus.Desc
	shareWeight, shareUsage, shareTarget    *prometheus.Desc
	environmentVCPUs, environmentValid      *prometheus.Desc
	memory, memoryLimit                     *prometheus.Desc
	replicas, replicaLag                    *prometheus.Desc
	aofWritable, delayedFsyncs              *prometheus.Desc
}

func newDescs() descs {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return descs{
		jobs:        desc("muster_jobs", "Jobs that are kept, by status. An array is one job, PENDING until it ends.", "job_queue", "status"),
		waiting:     desc("muster_queue_waiting_jobs", "What waits for admission: jobs, children that are retried, and arrays as one each.", "job_queue"),
		attempts:    desc("muster_queue_attempts", "Attempts under way, of jobs and of children: admitted and not ended.", "job_queue"),
		paused:      desc("muster_queue_paused", "1 if the queue admits nothing because somebody paused it.", "job_queue"),
		oldest:      desc("muster_queue_oldest_runnable_age_seconds", "Age, from its submission, of the oldest job that is RUNNABLE; 0 if there is none.", "job_queue"),
		shareWeight: desc("muster_share_weight", "Weight factor of a share that is in use or waits; a lower one gets more.", "job_queue", "share"),
		shareUsage:  desc("muster_share_usage_vcpus", "vCPUs that the attempts under way of a share hold.", "job_queue", "share"),
		shareTarget: desc("muster_share_target_vcpus", "The share's part, by weight, of what its queue holds.", "job_queue", "share"),
		environmentVCPUs: desc("muster_environment_vcpus",
			"vCPUs of a compute environment: min and max as configured, admitted by the queues, desired as the autoscaler says.", "compute_environment", "kind"),
		environmentValid: desc("muster_environment_valid", "0 if the compute environment is INVALID.", "compute_environment"),
		memory:           desc("muster_store_memory_bytes", "Memory of the Redis server that has the least left."),
		memoryLimit:      desc("muster_store_memory_limit_bytes", "Its maxmemory; 0 for none."),
		replicas:         desc("muster_store_replicas", "Connected replicas of the Redis master that has the fewest."),
		replicaLag:       desc("muster_store_replica_lag_bytes", "By how much the Redis replica that is furthest behind is."),
		aofWritable:      desc("muster_store_aof_writable", "0 while a Redis server cannot write its append-only file."),
		delayedFsyncs:    desc("muster_store_aof_delayed_fsyncs_total", "How often Redis waited for a sync of its append-only file, since it started."),
	}
}

func (d *descs) all() []*prometheus.Desc {
	return []*prometheus.Desc{
		d.jobs, d.waiting, d.attempts, d.paused, d.oldest, d.shareWeight, d.shareUsage, d.shareTarget, d.environmentVCPUs, d.environmentValid,
		d.memory, d.memoryLimit, d.replicas, d.replicaLag, d.aofWritable, d.delayedFsyncs,
	}
}
