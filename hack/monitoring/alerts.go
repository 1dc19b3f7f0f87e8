// SPDX-License-Identifier: Apache-2.0

package main

// alert is a rule and its page.
type alert struct {
	Name, Expr, For string
	Severity        string   // page: somebody must act now; ticket: soon
	Summary         string   // what is so, with Prometheus' template for what it is about
	Means           string   // what it means for users
	Look            []string // commands, which succeed on a cluster that is well
	Logs            string   // a command for what only programs that run in the cluster tell
	Do              string
}

const (
	page   = "page"
	ticket = "ticket"
)

// What several pages look at.
const (
	lookLogs  = "kubectl -n muster-system logs deployment/queue-api --since=30m | grep -i error"
	lookScale = "kubectl -n muster-system logs deployment/batch-autoscaler --since=30m"
	lookNodes = "kubectl get nodes -L muster.sh/node-group,muster.sh/capacity-type"
	lookRedis = `redis-cli -u "$MUSTER_REDIS_URL" info memory persistence replication`
)

// alerts are all rules, in the order of the file.
var alerts = []alert{
	{
		Name: "MusterNoLeader", For: "2m", Severity: page, Summary: "No replica of queue-api leads.",
		Expr:  `(sum(muster_is_leader) or vector(0)) < 1`,
		Means: "Jobs are accepted and kept, but none is admitted, and nothing that happens to pods is settled. Pods that run go on. Nothing is lost: the next leader takes it all up.",
		Look:  []string{"kubectl -n muster-system get lease queue-api -o yaml", "kubectl -n muster-system get pods -l app.kubernetes.io/name=queue-api"},
		Logs:  lookLogs,
		Do:    "Without any replica, see why its pods do not start. With some, they cannot reach the API server to renew the Lease, or Redis to begin a leadership: the log names which.",
	},
	{
		Name: "MusterSeveralLeaders", For: "1m", Severity: ticket, Summary: "More than one replica of queue-api thinks that it leads.",
		Expr:  `sum(muster_is_leader) > 1`,
		Means: "One of them has lost its Lease and does not know yet. It can do no harm: the store refuses what an earlier leader writes. If it lasts, clocks or the API server are wrong.",
		Look:  []string{"kubectl -n muster-system get lease queue-api -o yaml"},
		Logs:  lookLogs,
		Do:    "Delete the pod that is not the Lease's holder. Check that the nodes' clocks are right.",
	},
	{
		Name: "MusterAPIErrors", For: "5m", Severity: page, Summary: "More than 1 % of the Batch API's requests fail for reasons of its own.",
		Expr:  `sum(rate(muster_api_requests_total{code=~"5.."}[5m])) / sum(rate(muster_api_requests_total[5m])) > 0.01`,
		Means: "Clients get ServerException. AWS's SDKs try again by themselves; a submission that is repeated makes no second job.",
		Look:  []string{`curl -s http://127.0.0.1:8081/metrics | awk '/^muster_api_requests_total.*code="5/'`, lookRedis},
		Logs:  lookLogs,
		Do:    "The log has the cause of each. Most often Redis does not answer, or the API server cannot be asked who a caller is.",
	},
	{
		Name: "MusterAPISlow", For: "10m", Severity: ticket, Summary: "One in a hundred submissions takes more than half a second.",
		Expr:  `histogram_quantile(0.99, sum by (le) (rate(muster_api_request_duration_seconds_bucket{op="SubmitJob"}[5m]))) > 0.5`,
		Means: "SubmitJob is slow for some. Every submission waits until it is durable, so the disk under Redis is the first suspect.",
		Look:  []string{`redis-cli -u "$MUSTER_REDIS_URL" slowlog get 10`, lookRedis},
		Logs:  "kubectl -n muster-system top pods",
		Do:    "See the panel of Redis on the dashboard of internals. A slow disk needs a faster one, or another durability (docs/redis.md). If Redis is quick, queue-api wants more CPU or another replica.",
	},
	{
		Name: "MusterAPIThrottled", For: "15m", Severity: ticket, Summary: "The Batch API turns requests away because there are too many.",
		Expr:  `sum(rate(muster_api_requests_total{code="429"}[5m])) > 1`,
		Means: "Callers are over the rate that was set for them, or more requests come at once than are answered. SDKs wait and try again, so users see slowness.",
		Look:  []string{`curl -s http://127.0.0.1:8081/metrics | awk '/^muster_api_requests_total.*code="429"/ || /in_flight/'`},
		Logs:  lookLogs,
		Do:    "If one caller alone is to blame, its rate is doing its work. Otherwise raise the limits of queue-api (docs/reference/flags.md), or add replicas.",
	},
	{
		Name: "MusterCallersRefused", For: "15m", Severity: ticket, Summary: "Many requests come without a credential that is known, or nobody can be asked.",
		Expr:  `sum(rate(muster_authn_total{result=~"refused|error"}[5m])) > 1 or sum(rate(muster_authz_denied_total[5m])) > 5`,
		Means: "A client has a wrong or expired key, somebody tries keys, or (result error) the API server cannot be asked whose a token is.",
		Look:  []string{"curl -s http://127.0.0.1:8081/metrics | awk '/^muster_auth[nz]_/'", "muster auth whoami"},
		Logs:  lookLogs,
		Do:    "With result error, look at the API server. Else find the client by its address in the log of the balancer, and give it a credential (docs/security.md).",
	},
	{
		Name: "MusterQueueStuck", For: "15m", Severity: ticket, Summary: "The head of job queue {{ $labels.job_queue }} has waited for more than an hour ({{ $labels.reason }}).",
		Expr:  `max by (job_queue, reason) (muster_queue_head_blocked_seconds) > 3600`,
		Means: "The job at the head does not fit, and holds back those behind it. With environment_full its environments' maxvCpus are in use; with share_reserve what is left is kept for shares that are not active.",
		Look:  []string{`muster queue snapshot "$QUEUE"`, `muster queue snapshot "$QUEUE" -o name | sed -n 1p | xargs -r muster explain`, `kubectl get pods -A -l muster.sh/job-queue="$QUEUE"`},
		Do:    "Its statusReason has the numbers. Raise maxvCpus, end what is stuck, lower the reservation of the scheduling policy, or let small jobs overtake (--backfill).",
	},
	{
		Name: "MusterJobsWaitLong", For: "30m", Severity: ticket, Summary: "In job queue {{ $labels.job_queue }} a job has been RUNNABLE for more than a day.",
		Expr:  `max by (job_queue) (muster_queue_oldest_runnable_age_seconds) > 86400 unless on (job_queue) max by (job_queue) (muster_queue_paused) == 1`,
		Means: "A job was submitted more than a day ago and does not run. The queue may be too small for what is asked of it, or the job can never be placed.",
		Look:  []string{`muster jobs --queue "$QUEUE" --status RUNNABLE`, `muster queue snapshot "$QUEUE" -o name | sed -n 1p | xargs -r muster explain`, "kubectl get events -A --field-selector reason=BatchScaleUpFailed"},
		Do:    "Follow the job's statusReason (docs/explain.md). A time limit of the queue (jobStateTimeLimitActions) cancels such jobs by itself.",
	},
	{
		Name: "MusterQueuePaused", For: "24h", Severity: ticket, Summary: "Job queue {{ $labels.job_queue }} has been paused for a day while jobs wait in it.",
		Expr:  `max by (job_queue) (muster_queue_paused) == 1 and on (job_queue) max by (job_queue) (muster_queue_waiting_jobs) > 0`,
		Means: "Somebody paused the queue: it takes jobs and admits none.",
		Look:  []string{`muster queue get "$QUEUE"`, `muster queue snapshot "$QUEUE"`},
		Do:    "Take the tag muster.sh/paused off the queue, or ask who put it there.",
	},
	{
		Name: "MusterJobsFail", For: "15m", Severity: ticket, Summary: "More than half of the jobs of {{ $labels.job_queue }} fail.",
		Expr: `sum by (job_queue) (rate(muster_jobs_completed_total{result="FAILED",reason!~"cancelled|terminated|dependency_failed"}[15m])) / ` +
			`sum by (job_queue) (rate(muster_jobs_completed_total[15m])) > 0.5 and sum by (job_queue) (increase(muster_jobs_completed_total[15m])) > 20`,
		Means: "Most often the jobs themselves: a new image, an input that is gone. The label reason tells exited from out_of_memory, start_failed, host_terminated and rejected.",
		Look:  []string{`muster jobs --queue "$QUEUE" --status FAILED --since 1h`, `muster jobs --queue "$QUEUE" --status FAILED --limit 1 -o name | xargs -r muster explain`, "kubectl get events -A --field-selector reason=Failed"},
		Do:    "start_failed is an image that cannot be pulled; rejected is a pod that Kubernetes does not take, whose words are in the statusReason; host_terminated is the next page's matter (MusterMachinesLost).",
	},
	{
		Name: "MusterMachinesLost", For: "15m", Severity: ticket, Summary: "More than one in ten attempts ends because its machine goes away.",
		Expr: `sum(rate(muster_job_attempts_total{reason="host_terminated"}[30m])) / sum(rate(muster_job_attempts_total[30m])) > 0.1 ` +
			`and sum(increase(muster_job_attempts_total[30m])) > 20`,
		Means: "Spot instances are being taken back, or nodes break. Jobs with attempts left are tried again; the work that was done is lost and paid for.",
		Look:  []string{lookNodes, "kubectl get events -A --field-selector reason=Reclaimed"},
		Do:    "Let the environment choose among more instance types and zones, or give long jobs an environment of On-Demand ones. Without Spot, look at the nodes' own troubles.",
	},
	{
		Name: "MusterEnvironmentInvalid", For: "10m", Severity: page, Summary: "Compute environment {{ $labels.compute_environment }} is INVALID.",
		Expr:  `max by (compute_environment) (batch_autoscaler_environment_invalid) == 1 or min by (compute_environment) (muster_environment_valid) == 0`,
		Means: "No instance of it can be launched, or none joins the cluster, or its cluster or namespace is not there. Its jobs wait, or go to the next environment of their queue.",
		Look:  []string{"muster ce list", `muster ce get "$ENVIRONMENT"`, "muster decisions"},
		Logs:  "kubectl -n muster-system exec deployment/batch-autoscaler -- batch-autoscaler doctor",
		Do:    "The statusReason names what is wrong. Mend it and update the environment: it is tried anew at once.",
	},
	{
		Name: "MusterLaunchesFail", For: "10m", Severity: ticket, Summary: "Instances of {{ $labels.compute_environment }} are not launched: {{ $labels.reason }}.",
		Expr:  `sum by (compute_environment, reason) (rate(batch_autoscaler_failed_instances_total[10m])) > 0`,
		Means: "OUT_OF_CAPACITY: the provider has no such machines now; others are tried. QUOTA_EXCEEDED: the account may have no more. BAD_REQUEST and ACCESS_DENIED do not go away by themselves.",
		Look:  []string{"muster decisions", "kubectl get events -A --field-selector reason=BatchScaleUpFailed"},
		Logs:  lookScale + " | grep 'Cannot launch'",
		Do:    "For capacity, more instance types and zones; for quotas, ask the provider; for the others, the message says which field or which permission (docs/ec2.md).",
	},
	{
		Name: "MusterInstancesDoNotJoin", For: "5m", Severity: page, Summary: "Instances of {{ $labels.compute_environment }} start and do not become nodes.",
		Expr:  `sum by (compute_environment) (increase(batch_autoscaler_unjoined_instances_total[1h])) > 0`,
		Means: "Machines are paid for and of no use: they are ended and others are tried. Most often their user data, their role or their network does not let them reach the API server.",
		Look:  []string{"muster nodes", "kubectl get csr"},
		Logs:  lookScale,
		Do:    "See the console output of such an instance. docs/ec2.md tells what a machine needs to join.",
	},
	{
		Name: "MusterAutoscalerStuck", For: "5m", Severity: page, Summary: "No batch-autoscaler leads, or its loops fail.",
		Expr:  `(sum(batch_autoscaler_leader) or vector(0)) < 1 or rate(batch_autoscaler_loop_failures_total[10m]) > 0.05`,
		Means: "No nodes are bought and none are given back. Jobs go on being placed on the nodes that there are.",
		Look:  []string{"kubectl -n muster-system get pods -l app.kubernetes.io/name=batch-autoscaler", "curl -s http://127.0.0.1:8085/metrics | awk '/^batch_autoscaler_(leader|loop_failures_total)/'", "muster ce list"},
		Logs:  lookScale,
		Do:    "The log names what a loop failed at: the API server, the Batch API, or the fleet. It goes on by itself once that answers.",
	},
	{
		Name: "MusterNoticesFail", For: "15m", Severity: ticket, Summary: "Announcements of interruptions cannot be read.",
		Expr:  `rate(batch_autoscaler_interruption_failures_total[10m]) > 0`,
		Means: "Spot instances are taken back without warning their pods: the two minutes to stop in are not used.",
		Look:  []string{"curl -s http://127.0.0.1:8085/metrics | awk '/^batch_autoscaler_interruption_(failures|messages)_total/'"},
		Logs:  lookScale + " | grep -i queue",
		Do:    "Check the queue's URL and that the autoscaler's role may receive from it and delete from it.",
	},
	{
		Name: "MusterGangsRolledBack", For: "15m", Severity: ticket, Summary: "Gangs are planned and given up again, more often than they start.",
		Expr:  `sum(rate(muster_gang_returns_total[15m])) > sum(rate(muster_gang_scheduled_total[15m])) and sum(increase(muster_gang_returns_total[15m])) > 10`,
		Means: "Plans do not last until all members have their seats: nodes are taken or go away in between, or other schedulers put pods there. The label cause tells which.",
		Look:  []string{"kubectl get pods -A -l muster.sh/gang -o wide", lookNodes},
		Logs:  "kubectl -n muster-system logs deployment/batch-scheduler --since=15m | grep -i gang",
		Do:    "Keep other schedulers off the environments' nodes (their taint does). With timeout, the API server is slow to bind.",
	},
	{
		Name: "MusterRedisMemory", For: "10m", Severity: page, Summary: "Redis has used more than 85 % of its memory.",
		Expr:  `max(muster_store_memory_bytes) / (max(muster_store_memory_limit_bytes) > 0) > 0.85`,
		Means: "When it is full, submissions are refused. Nothing that is stored is dropped: queue-api runs with noeviction alone.",
		Look:  []string{lookRedis, "muster queue list"},
		Do:    "Raise maxmemory, shorten how long finished jobs are kept (--job-retention), or bound a queue (--max-queue-jobs). docs/redis.md has what a job costs.",
	},
	{
		Name: "MusterRedisNotDurable", For: "1m", Severity: page, Summary: "Redis cannot write its append-only file, or a replica is far behind.",
		Expr:  `min(muster_store_aof_writable) == 0 or max(muster_store_replica_lag_bytes) > 64 * 1024 * 1024`,
		Means: "What is acknowledged now could be lost with the machine. With a full disk Redis refuses writes, and so does the API.",
		Look:  []string{lookRedis},
		Do:    "Make room on the disk (`df -h` where Redis runs) or give it a larger one. For a replica, look at its network and its own disk.",
	},
	{
		Name: "MusterStoreErrors", For: "5m", Severity: page, Summary: "Calls of Redis fail.",
		Expr:  `sum(rate(muster_store_errors_total[5m])) > 0.1`,
		Means: "Requests fail with ServerException, and the leader does its rounds again. A failover of Redis looks like this for some seconds.",
		Look:  []string{`redis-cli -u "$MUSTER_REDIS_URL" ping`, lookRedis},
		Logs:  lookLogs,
		Do:    "If it lasts: is Redis there, is it loading its file, does a network policy stand between?",
	},
	{
		Name: "MusterRoundsFail", For: "10m", Severity: ticket, Summary: "The leader's {{ $labels.loop }} rounds end with errors.",
		Expr:  `sum by (loop) (rate(muster_reconcile_errors_total[10m])) > 0.05`,
		Means: "Each round is done again, so nothing is lost, but what failed is late: dispatch admits, settle follows pods, release frees dependents, resources moves queues and environments along.",
		Look:  []string{"curl -s http://127.0.0.1:8081/metrics | awk '/^muster_reconcile_errors_total/'"},
		Logs:  lookLogs,
		Do:    "The log has each error, with the job or queue that it is about. The API server or Redis is most often behind all of them.",
	},
	{
		Name: "MusterInvariantBroken", For: "0m", Severity: page, Summary: "A rule of the store is broken: {{ $labels.check }}.",
		Expr:  `increase(muster_invariant_violations_total[1h]) > 0`,
		Means: "Redis says two things that cannot both be so: it lost writes, somebody changed keys by hand, or there is a bug. What can be repaired was.",
		Look:  []string{"muster admin fsck"},
		Logs:  lookLogs,
		Do:    "Keep the log and a backup from before (docs/operating.md). Was Redis restored, or did it fail over without its replica having everything? Else report it.",
	},
	{
		Name: "MusterLogsLost", For: "0m", Severity: ticket, Summary: "Logs of jobs were lost or are not complete.",
		Expr:  `increase(muster_log_streams_total{result=~"lost|incomplete"}[1h]) > 0`,
		Means: "incomplete: a machine went away before its logs were read, and the log says so. lost: the archive took nothing for ten minutes.",
		Look:  []string{"curl -s http://127.0.0.1:8081/metrics | awk '/^muster_log_/ && !/bucket/'", lookNodes},
		Logs:  lookLogs,
		Do:    "For lost logs, look at the bucket or the volume of the archive (docs/logs.md).",
	},
	{
		Name: "MusterWebhookBehind", For: "10m", Severity: ticket, Summary: "Webhook {{ $labels.webhook }} is more than ten minutes behind.",
		Expr:  `max by (webhook) (muster_webhook_lag_seconds) > 600`,
		Means: "Its receiver does not answer 2xx. Events wait for it, of each queue the last 10,000; older ones it will not get.",
		Look:  []string{"curl -s http://127.0.0.1:8081/metrics | awk '/^muster_webhook_/'"},
		Logs:  lookLogs + " | grep webhook",
		Do:    "Mend the receiver; delivery goes on by itself, at the latest a minute later.",
	},
	{
		Name: "MusterClusterUnreachable", For: "5m", Severity: ticket, Summary: "Registered cluster {{ $labels.cluster }} does not answer.",
		Expr:  `min by (cluster) (muster_cluster_reachable) == 0`,
		Means: "Its jobs stay as they are, and its environments take no new ones. Queues with other environments go on.",
		Look:  []string{"curl -s http://127.0.0.1:8081/metrics | awk '/^muster_cluster_reachable/'", "muster ce list"},
		Logs:  lookLogs + " | grep -i cluster",
		Do:    "See the network and the cluster's API server; then its kubeconfig (docs/clusters.md).",
	},
}
