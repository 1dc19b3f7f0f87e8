// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import "fmt"

// long is for how many minutes all series go on: more than any alert waits.
const long = 27 * 60

// is is a series that stays the same, rises one that rises by so much a minute, in promtool's notation.
func is(value int) string { return fmt.Sprintf("%d+0x%d", value, long) }

func rises(perMinute int) string { return fmt.Sprintf("0+%dx%d", perMinute, long) }

// well are the series of programs that have much to do, and none of whose alerts fires.
var well = map[string]string{
	`muster_is_leader{instance="a"}`:                                                                is(1),
	`muster_is_leader{instance="b"}`:                                                                is(0),
	`muster_api_requests_total{op="SubmitJob",code="200"}`:                                          rises(600),
	`muster_api_requests_total{op="SubmitJob",code="429"}`:                                          rises(30),
	`muster_api_requests_total{op="SubmitJob",code="500"}`:                                          rises(3),
	`muster_api_request_duration_seconds_bucket{op="SubmitJob",le="0.1"}`:                           rises(597),
	`muster_api_request_duration_seconds_bucket{op="SubmitJob",le="1"}`:                             rises(599),
	`muster_api_request_duration_seconds_bucket{op="SubmitJob",le="+Inf"}`:                          rises(600),
	`muster_authn_total{mode="signature",result="known"}`:                                           rises(600),
	`muster_authn_total{mode="signature",result="refused"}`:                                         rises(6),
	`muster_authn_total{mode="token",result="error"}`:                                               is(0),
	`muster_authz_denied_total{op="SubmitJob"}`:                                                     rises(60),
	`muster_queue_head_blocked_seconds{job_queue="q",reason="environment_full"}`:                    is(3600),
	`muster_queue_oldest_runnable_age_seconds{job_queue="q"}`:                                       is(7200),
	`muster_queue_oldest_runnable_age_seconds{job_queue="paused"}`:                                  is(90_000),
	`muster_queue_paused{job_queue="q"}`:                                                            is(0),
	`muster_queue_paused{job_queue="paused"}`:                                                       is(1),
	`muster_queue_waiting_jobs{job_queue="q"}`:                                                      is(5),
	`muster_queue_waiting_jobs{job_queue="paused"}`:                                                 is(0),
	`muster_jobs_completed_total{job_queue="q",result="SUCCEEDED",reason="succeeded"}`:              rises(60),
	`muster_jobs_completed_total{job_queue="q",result="FAILED",reason="exited"}`:                    rises(30),
	`muster_jobs_completed_total{job_queue="q",result="FAILED",reason="cancelled"}`:                 rises(600),
	`muster_jobs_completed_total{job_queue="few",result="FAILED",reason="exited"}`:                  rises(1),
	`muster_job_attempts_total{job_queue="q",reason="exited"}`:                                      rises(100),
	`muster_job_attempts_total{job_queue="q",reason="host_terminated"}`:                             rises(5),
	`batch_autoscaler_environment_invalid{compute_environment="e"}`:                                 is(0),
	`muster_environment_valid{compute_environment="e"}`:                                             is(1),
	`batch_autoscaler_failed_instances_total{compute_environment="e",instance_type="t",reason="r"}`: is(3),
	`batch_autoscaler_unjoined_instances_total{compute_environment="e",instance_type="t"}`:          is(2),
	`batch_autoscaler_leader{instance="a"}`:                                                         is(1),
	`batch_autoscaler_loop_failures_total{instance="a"}`:                                            rises(1),
	`batch_autoscaler_interruption_failures_total{instance="a"}`:                                    is(4),
	`muster_gang_returns_total{cause="timeout"}`:                                                    rises(6),
	`muster_gang_scheduled_total{instance="a"}`:                                                     rises(60),
	`muster_store_memory_bytes{instance="a"}`:                                                       is(84),
	`muster_store_memory_limit_bytes{instance="a"}`:                                                 is(100),
	`muster_store_aof_writable{instance="a"}`:                                                       is(1),
	`muster_store_replica_lag_bytes{instance="a"}`:                                                  is(1 << 20),
	`muster_store_errors_total{op="read"}`:                                                          rises(3),
	`muster_reconcile_errors_total{loop="settle"}`:                                                  rises(1),
	`muster_invariant_violations_total{check="c"}`:                                                  is(0),
	`muster_log_streams_total{result="complete"}`:                                                   rises(60),
	`muster_log_streams_total{result="incomplete"}`:                                                 is(7),
	`muster_log_streams_total{result="lost"}`:                                                       is(0),
	`muster_webhook_lag_seconds{webhook="w"}`:                                                       is(599),
	`muster_cluster_reachable{cluster="c"}`:                                                         is(1),
}

// troubles are what each alert is for, in each of its ways.
var troubles = map[string][]trouble{
	"MusterNoLeader": {
		{series: map[string]string{`muster_is_leader{instance="a"}`: is(0)}},
		{series: map[string]string{`muster_is_leader{instance="a"}`: "", `muster_is_leader{instance="b"}`: ""}}, // nobody tells
	},
	"MusterSeveralLeaders": {{series: map[string]string{`muster_is_leader{instance="b"}`: is(1)}}},
	"MusterAPIErrors":      {{series: map[string]string{`muster_api_requests_total{op="SubmitJob",code="500"}`: rises(7)}}},
	"MusterAPISlow": {{series: map[string]string{
		`muster_api_request_duration_seconds_bucket{op="SubmitJob",le="0.1"}`: rises(580),
		`muster_api_request_duration_seconds_bucket{op="SubmitJob",le="1"}`:   rises(590),
		`muster_api_request_duration_seconds_bucket{op="SubmitJob",le="5"}`:   rises(600),
	}}},
	"MusterAPIThrottled": {{series: map[string]string{`muster_api_requests_total{op="SubmitJob",code="429"}`: rises(90)}}},
	"MusterCallersRefused": {
		{series: map[string]string{`muster_authn_total{mode="signature",result="refused"}`: rises(90)}},
		{series: map[string]string{`muster_authn_total{mode="token",result="error"}`: rises(90)}},
		{series: map[string]string{`muster_authz_denied_total{op="SubmitJob"}`: rises(600)}},
	},
	"MusterQueueStuck": {{
		series: map[string]string{`muster_queue_head_blocked_seconds{job_queue="q",reason="environment_full"}`: is(3601)},
		labels: map[string]string{"job_queue": "q", "reason": "environment_full"},
	}},
	"MusterJobsWaitLong": {{
		series: map[string]string{`muster_queue_oldest_runnable_age_seconds{job_queue="q"}`: is(90_000)}, labels: map[string]string{"job_queue": "q"},
	}},
	"MusterQueuePaused": {{
		series: map[string]string{`muster_queue_waiting_jobs{job_queue="paused"}`: is(1)}, labels: map[string]string{"job_queue": "paused"},
	}},
	"MusterJobsFail": {{
		series: map[string]string{`muster_jobs_completed_total{job_queue="q",result="FAILED",reason="start_failed"}`: rises(1000)},
		labels: map[string]string{"job_queue": "q"},
	}},
	"MusterMachinesLost": {{series: map[string]string{`muster_job_attempts_total{job_queue="q",reason="host_terminated"}`: rises(20)}}},
	"MusterEnvironmentInvalid": {
		{series: map[string]string{`batch_autoscaler_environment_invalid{compute_environment="e"}`: is(1)}, labels: map[string]string{"compute_environment": "e"}},
		{series: map[string]string{`muster_environment_valid{compute_environment="e"}`: is(0)}, labels: map[string]string{"compute_environment": "e"}},
	},
	"MusterLaunchesFail": {{
		series: map[string]string{`batch_autoscaler_failed_instances_total{compute_environment="e",instance_type="t",reason="r"}`: rises(1)},
		labels: map[string]string{"compute_environment": "e", "reason": "r"},
	}},
	"MusterInstancesDoNotJoin": {{
		series: map[string]string{`batch_autoscaler_unjoined_instances_total{compute_environment="e",instance_type="t"}`: firstCount()},
		labels: map[string]string{"compute_environment": "e"},
	}},
	"MusterAutoscalerStuck": {
		{series: map[string]string{`batch_autoscaler_leader{instance="a"}`: ""}},
		{series: map[string]string{`batch_autoscaler_loop_failures_total{instance="a"}`: rises(6)}, labels: map[string]string{"instance": "a"}},
	},
	"MusterNoticesFail": {{
		series: map[string]string{`batch_autoscaler_interruption_failures_total{instance="a"}`: rises(1)}, labels: map[string]string{"instance": "a"},
	}},
	"MusterGangsRolledBack": {{series: map[string]string{`muster_gang_returns_total{cause="timeout"}`: rises(61)}}},
	"MusterRedisMemory":     {{series: map[string]string{`muster_store_memory_bytes{instance="a"}`: is(86)}}},
	"MusterRedisNotDurable": {
		{series: map[string]string{`muster_store_aof_writable{instance="a"}`: is(0)}},
		{series: map[string]string{`muster_store_replica_lag_bytes{instance="a"}`: is(65 << 20)}},
	},
	"MusterStoreErrors": {{series: map[string]string{`muster_store_errors_total{op="read"}`: rises(7)}}},
	"MusterRoundsFail": {{
		series: map[string]string{`muster_reconcile_errors_total{loop="settle"}`: rises(4)}, labels: map[string]string{"loop": "settle"},
	}},
	"MusterInvariantBroken": {{
		series: map[string]string{`muster_invariant_violations_total{check="c"}`: firstCount()}, labels: map[string]string{"check": "c"},
	}},
	"MusterLogsLost": {
		{series: map[string]string{`muster_log_streams_total{result="lost"}`: firstCount()}, labels: map[string]string{"result": "lost"}},
		{series: map[string]string{`muster_log_streams_total{result="incomplete"}`: firstCount()}, labels: map[string]string{"result": "incomplete"}},
	},
	"MusterWebhookBehind": {{
		series: map[string]string{`muster_webhook_lag_seconds{webhook="w"}`: is(601)}, labels: map[string]string{"webhook": "w"},
	}},
	"MusterClusterUnreachable": {{
		series: map[string]string{`muster_cluster_reachable{cluster="c"}`: is(0)}, labels: map[string]string{"cluster": "c"},
	}},
}

// firstCount is a counter's first count, after a minute.
func firstCount() string { return fmt.Sprintf("0+0x1 1+0x%d", long) }
