// SPDX-License-Identifier: Apache-2.0

package main

// board is a dashboard.
type board struct {
	file, title, about string
	perQueue           bool // whether it has a choice of queues
	rows               []row
}

// row is a heading and its panels, side by side.
type row struct {
	title  string
	panels []panel
}

// panel is a chart, or a number if it has a stat.
type panel struct {
	title, unit string
	stat        bool
	queries     []query
}

type query struct{ expr, legend string }

func chart(title, unit string, queries ...query) panel {
	return panel{title: title, unit: unit, queries: queries}
}

func stat(title, unit, expr string) panel {
	return panel{title: title, unit: unit, stat: true, queries: []query{{expr, ""}}}
}

// quantiles are those of a histogram, by a label or for all together.
func quantiles(histogram, by, selector string) []query {
	group, legend := "le", ""
	if by != "" {
		group, legend = "le, "+by, " {{"+by+"}}"
	}
	var out []query
	for _, q := range []string{"0.5", "0.95", "0.99"} {
		out = append(out, query{
			"histogram_quantile(" + q + ", sum by (" + group + ") (rate(" + histogram + "_bucket" + selector + "[$__rate_interval])))", "p" + q[2:] + legend,
		})
	}
	return out
}

const chosen = `{job_queue=~"$job_queue"}`

var boards = []board{
	{
		file: "overview", title: "Muster / Overview", about: "Is it well, and what does it do?",
		rows: []row{
			{"Now", []panel{
				stat("Running jobs", "short", `sum(muster_jobs{status="RUNNING"})`),
				stat("Attempts under way", "short", `sum(muster_queue_attempts)`),
				stat("Waiting for admission", "short", `sum(muster_queue_waiting_jobs)`),
				stat("Oldest RUNNABLE", "s", `max(muster_queue_oldest_runnable_age_seconds)`),
				stat("Cost an hour", "currencyUSD", `sum(batch_autoscaler_price_per_hour)`),
				stat("Broken rules", "short", `sum(muster_invariant_violations_total)`),
			}},
			{"Jobs", []panel{
				chart("Jobs by status", "short", query{`sum by (status) (muster_jobs{status!~"SUCCEEDED|FAILED"})`, "{{status}}"}),
				chart("Ended a second", "ops", query{`sum by (result, reason) (rate(muster_jobs_completed_total[$__rate_interval]))`, "{{result}} {{reason}}"}),
				chart("vCPUs", "short",
					query{`sum(muster_environment_vcpus{kind="admitted"})`, "admitted"}, query{`sum(muster_environment_vcpus{kind="desired"})`, "desired"},
					query{`sum(muster_environment_vcpus{kind="max"})`, "max"}),
			}},
			{"The Batch API", []panel{
				chart("Requests a second", "reqps", query{`sum by (code) (rate(muster_api_requests_total[$__rate_interval]))`, "{{code}}"}),
				chart("SubmitJob", "s", quantiles("muster_api_request_duration_seconds", "", `{op="SubmitJob"}`)...),
				chart("Requests in flight", "short", query{`sum(muster_api_requests_in_flight)`, "in flight"}),
			}},
			{"Programs", []panel{
				chart("Who leads", "short", query{`sum(muster_is_leader)`, "queue-api"}, query{`sum(batch_autoscaler_leader)`, "batch-autoscaler"}),
				chart("Versions", "short", query{`count by (program, version, revision) (muster_build_info)`, "{{program}} {{version}} {{revision}}"}),
				chart("Environments that are INVALID", "short", query{`sum by (compute_environment) (1 - muster_environment_valid)`, "{{compute_environment}}"}),
			}},
		},
	},
	{
		file: "queues", title: "Muster / Queues", about: "What waits, why, and who uses what.", perQueue: true,
		rows: []row{
			{"Depth", []panel{
				chart("Jobs by status", "short", query{`sum by (job_queue, status) (muster_jobs{job_queue=~"$job_queue",status!~"SUCCEEDED|FAILED"})`, "{{job_queue}} {{status}}"}),
				chart("Waiting for admission", "short", query{`sum by (job_queue) (muster_queue_waiting_jobs` + chosen + `)`, "{{job_queue}}"}),
				chart("Attempts under way", "short", query{`sum by (job_queue) (muster_queue_attempts` + chosen + `)`, "{{job_queue}}"}),
			}},
			{"Waiting", []panel{
				chart("Oldest RUNNABLE", "s", query{`max by (job_queue) (muster_queue_oldest_runnable_age_seconds` + chosen + `)`, "{{job_queue}}"}),
				chart("Head that waits for room", "s", query{`max by (job_queue, reason) (muster_queue_head_blocked_seconds` + chosen + `)`, "{{job_queue}} {{reason}}"}),
				chart("Why jobs do not run", "short", query{`sum by (reason) (muster_pending_jobs{job_queue=~"$job_queue",reason!="ARRAY:CHILDREN"})`, "{{reason}}"}),
				chart("Paused", "short", query{`max by (job_queue) (muster_queue_paused` + chosen + `)`, "{{job_queue}}"}),
			}},
			{"Times", []panel{
				chart("Until admission", "s", quantiles("muster_job_wait_seconds", "", chosen)...),
				chart("From admission until it runs", "s", quantiles("muster_job_start_latency_seconds", "", chosen)...),
				chart("Running", "s", quantiles("muster_job_run_seconds", "", chosen)...),
			}},
			{"Flow", []panel{
				chart("Admitted a second", "ops", query{`sum by (job_queue) (rate(muster_dispatch_admitted_total` + chosen + `[$__rate_interval]))`, "{{job_queue}}"}),
				chart("Changes of status a second", "ops", query{`sum by (from, to) (rate(muster_job_transitions_total` + chosen + `[$__rate_interval]))`, "{{from}} → {{to}}"}),
				chart("How attempts end", "ops", query{`sum by (reason) (rate(muster_job_attempts_total` + chosen + `[$__rate_interval]))`, "{{reason}}"}),
			}},
			{"Use", []panel{
				chart("vCPU-hours an hour, of what ended", "short", query{`sum by (job_queue) (rate(muster_job_vcpu_seconds_total` + chosen + `[1h]))`, "{{job_queue}}"}),
				chart("Cost an hour, of what ended", "currencyUSD", query{`sum by (job_queue, capacity_type) (rate(muster_job_cost_dollars_total` + chosen + `[1h])) * 3600`, "{{job_queue}} {{capacity_type}}"}),
				chart("Attempts of unknown cost", "short", query{`sum by (job_queue) (increase(muster_job_unpriced_attempts_total` + chosen + `[1h]))`, "{{job_queue}}"}),
				chart("Shares: used", "short", query{`topk(20, muster_share_usage_vcpus` + chosen + `)`, "{{job_queue}} {{share}}"}),
				chart("Shares: used over target", "percentunit", query{
					`topk(20, muster_share_usage_vcpus` + chosen + ` / (muster_share_target_vcpus` + chosen + ` > 0))`, "{{job_queue}} {{share}}",
				}),
				chart("Shares: weight factor", "short", query{`topk(20, muster_share_weight` + chosen + `)`, "{{job_queue}} {{share}}"}),
			}},
		},
	},
	{
		file: "autoscaler", title: "Muster / Nodes", about: "What is bought, for whom, how fast, and what fails.",
		rows: []row{
			{"Capacity", []panel{
				chart("vCPUs", "short", query{`sum by (compute_environment, kind) (batch_autoscaler_vcpus)`, "{{compute_environment}} {{kind}}"}),
				chart("Instances", "short", query{`sum by (compute_environment, state) (batch_autoscaler_instances)`, "{{compute_environment}} {{state}}"}),
				chart("Pending pods", "short", query{`sum by (state) (batch_autoscaler_pending_pods)`, "{{state}}"}),
			}},
			{"Cost", []panel{
				chart("Cost an hour", "currencyUSD", query{`sum by (compute_environment, capacity_type) (batch_autoscaler_price_per_hour)`, "{{compute_environment}} {{capacity_type}}"}),
				chart("vCPUs by capacity type", "short", query{`sum by (compute_environment, capacity_type) (batch_autoscaler_instance_vcpus)`, "{{compute_environment}} {{capacity_type}}"}),
				chart("Ready before their first pod", "s", query{`sum by (compute_environment) (increase(batch_autoscaler_stranded_node_seconds_total[1h]))`, "{{compute_environment}}"}),
			}},
			{"Launches", []panel{
				chart("Launched and ended", "short",
					query{`sum by (compute_environment) (increase(batch_autoscaler_launched_instances_total[5m]))`, "launched {{compute_environment}}"},
					query{`sum by (compute_environment) (increase(batch_autoscaler_terminated_instances_total[5m]))`, "ended {{compute_environment}}"}),
				chart("Not launched", "short", query{`sum by (compute_environment, reason) (increase(batch_autoscaler_failed_instances_total[5m]))`, "{{compute_environment}} {{reason}}"},
					query{`sum by (compute_environment) (increase(batch_autoscaler_unjoined_instances_total[5m]))`, "{{compute_environment}} did not join"}),
				chart("The fleet's answer", "s", quantiles("batch_autoscaler_launch_seconds", "", "")...),
				chart("From the answer to the node", "s", quantiles("batch_autoscaler_join_seconds", "", "")...),
			}},
			{"Interruptions", []panel{
				chart("Announced", "short", query{`sum by (kind) (increase(batch_autoscaler_interruption_messages_total[5m]))`, "{{kind}}"},
					query{`sum by (kind) (increase(batch_autoscaler_interrupted_nodes_total[5m]))`, "marked {{kind}}"}),
				chart("From the announcement to the mark", "s", quantiles("batch_autoscaler_interruption_reaction_seconds", "", "")...),
				chart("Taken back from an environment without machines", "short", query{`increase(muster_dispatch_no_capacity_withdrawn_total[5m])`, "jobs"}),
			}},
			{"Gangs", []panel{
				chart("Let go and given up", "ops", query{`sum(rate(muster_gang_scheduled_total[$__rate_interval]))`, "let go"},
					query{`sum by (cause) (rate(muster_gang_returns_total[$__rate_interval]))`, "given up: {{cause}}"}, query{`sum(rate(muster_gang_replans_total[$__rate_interval]))`, "planned once more"}),
				chart("Waiting", "short", query{`sum by (why) (muster_gang_waiting)`, "gangs {{why}}"}, query{`sum by (why) (muster_gang_members_waiting)`, "members {{why}}"}),
				chart("From plan to binding", "s", quantiles("muster_gang_bind_seconds", "", "")...),
				chart("Planning", "s", quantiles("muster_gang_plan_duration_seconds", "outcome", "")...),
			}},
		},
	},
	{
		file: "internals", title: "Muster / Internals", about: "For whoever operates it: the store, the leader's rounds, what is delivered.",
		rows: []row{
			{"Redis", []panel{
				chart("Answers", "s", quantiles("muster_store_op_duration_seconds", "op", "")[1:2]...),
				chart("Errors and repeats", "ops", query{`sum by (op) (rate(muster_store_errors_total[$__rate_interval]))`, "{{op}}"}, query{`sum(rate(muster_store_retries_total[$__rate_interval]))`, "tried again"}),
				chart("Memory", "bytes", query{`max(muster_store_memory_bytes)`, "used"}, query{`max(muster_store_memory_limit_bytes)`, "limit"}),
				chart("Replicas", "short", query{`min(muster_store_replicas)`, "replicas"}, query{`max(muster_store_replica_lag_bytes)`, "bytes behind"}),
				chart("Append-only file", "short", query{`min(muster_store_aof_writable)`, "writable"}, query{`rate(muster_store_aof_delayed_fsyncs_total[$__rate_interval])`, "delayed syncs a second"}),
			}},
			{"The leader", []panel{
				chart("Rounds", "s", quantiles("muster_reconcile_duration_seconds", "loop", "")[1:2]...),
				chart("Rounds that failed", "ops", query{`sum by (loop) (rate(muster_reconcile_errors_total[$__rate_interval]))`, "{{loop}}"}),
				chart("Dispatch", "s", quantiles("muster_dispatch_round_duration_seconds", "", "")...),
				chart("Checks of the store", "short", query{`max(muster_fsck_pass_seconds)`, "seconds"}, query{`max(muster_fsck_pass_records)`, "records"},
					query{`sum by (check) (muster_invariant_violations_total) > 0`, "broken: {{check}}"}),
			}},
			{"Delivery", []panel{
				chart("Logs", "ops", query{`sum by (result) (rate(muster_log_streams_total[$__rate_interval]))`, "{{result}}"}),
				chart("Bytes of logs", "Bps", query{`sum(rate(muster_log_bytes_total[$__rate_interval]))`, "kept"}, query{`sum(rate(muster_log_dropped_bytes_total[$__rate_interval]))`, "dropped"}),
				chart("Until logs are kept", "s", quantiles("muster_log_collect_duration_seconds", "", "")...),
				chart("Webhooks", "ops", query{`sum by (webhook, result) (rate(muster_webhook_requests_total[$__rate_interval]))`, "{{webhook}} {{result}}"},
					query{`max by (webhook) (muster_webhook_lag_seconds)`, "seconds behind {{webhook}}"}),
				chart("Kubernetes Events", "ops", query{`sum by (result) (rate(muster_pod_events_total[$__rate_interval]))`, "{{result}}"}),
			}},
			{"Callers", []panel{
				chart("Operations", "reqps", query{`sum by (op) (rate(muster_api_requests_total[$__rate_interval]))`, "{{op}}"}),
				chart("Who they are", "reqps", query{`sum by (mode, result) (rate(muster_authn_total[$__rate_interval]))`, "{{mode}} {{result}}"}),
				chart("Not allowed", "reqps", query{`sum by (op) (rate(muster_authz_denied_total[$__rate_interval]))`, "{{op}}"}),
				chart("Clusters that answer", "short", query{`min by (cluster) (muster_cluster_reachable)`, "{{cluster}}"}),
			}},
			{"The autoscaler", []panel{
				chart("Loops", "s", quantiles("batch_autoscaler_loop_seconds", "", "")...),
				chart("Loops that failed", "ops", query{`rate(batch_autoscaler_loop_failures_total[$__rate_interval])`, "failed"}, query{`rate(batch_autoscaler_interruption_failures_total[$__rate_interval])`, "notices"}),
				chart("INVALID", "short", query{`max by (compute_environment) (batch_autoscaler_environment_invalid)`, "{{compute_environment}}"}),
			}},
		},
	},
}
