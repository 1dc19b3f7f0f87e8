// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// TestLeadersChange has the leader of two replicas end, and then pause while another takes over and it still believes to lead,
// all while jobs run. No job is lost, and none runs twice.
func TestLeadersChange(t *testing.T) {
	cluster := kubetest.Start(t)
	cluster.Apply("../../../manifests/base")
	nodes := runKubelet(t, cluster)
	redis := redistest.Start(t, redistest.Safe()...)
	args := []string{"--redis-url=" + redis.URL(), "--kubeconfig=" + cluster.Kubeconfig(kubetest.QueueAPIToken), "--finished-pod-ttl=1s"}
	leader := startProcess(t, args...)
	eventually(t, "it leads", func() bool { return leader.led() == 1 })
	other := startProcess(t, args...)
	setUpQueue(t, sdkClient(other.listen))
	var jobs []string
	progress := func(what string) {
		t.Helper()
		ended := nodes.ended()
		jobs = append(jobs, submitMany(t, sdkClient(other.listen), 24)...) // of those that were there, all may have ended by now
		cluster.Await("jobs go on "+what, func(context.Context) bool { return nodes.ended() >= ended+8 })
	}
	follow := func(what string, happen func()) {
		t.Helper()
		led, began := other.led(), time.Now()
		happen()
		cluster.Await("the other one leads", func(context.Context) bool { return other.led() > led })
		t.Logf("%s: another leads after %s", what, time.Since(began).Round(10*time.Millisecond))
	}

	progress("at first")
	follow("the leader ended", func() { leader.signal(syscall.SIGTERM) })
	if err := leader.cmd.Wait(); err != nil {
		t.Errorf("the leader ended with %v", err)
	}
	leader.start()
	leader, other = other, leader
	progress("after the leader ended")

	follow("the leader paused", func() { leader.signal(syscall.SIGSTOP) })
	progress("while the leader is paused")
	leader.signal(syscall.SIGCONT)
	progress("once it goes on")
	if n := leader.led(); n != 1 {
		t.Errorf("the paused leader led %d times", n)
	}

	client := sdkClient(leader.listen)
	cluster.Await("all jobs have succeeded", func(ctx context.Context) bool {
		out, err := client.DescribeJobs(ctx, &awsbatch.DescribeJobsInput{Jobs: jobs})
		return err == nil && len(out.Jobs) == len(jobs) &&
			!slices.ContainsFunc(out.Jobs, func(j types.JobDetail) bool { return j.Status != types.JobStatusSucceeded })
	})
	runs := nodes.runs()
	for _, job := range jobs {
		if runs[job] != 1 {
			t.Errorf("job %s ran %d times", job, runs[job])
		}
	}
}

// led is how often the process began to lead.
func (p *process) led() int { return p.logged(`"Leading"`) }

// setUpQueue makes the queue q, in whose environment four jobs run at once, and the definition d.
func setUpQueue(t *testing.T, client *awsbatch.Client) {
	t.Helper()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(client.CreateComputeEnvironment(t.Context(), &awsbatch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: aws.String("ce"), Type: types.CETypeUnmanaged, UnmanagedvCpus: aws.Int32(4),
	}))
	must(client.CreateJobQueue(t.Context(), &awsbatch.CreateJobQueueInput{
		JobQueueName: aws.String("q"), Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String("ce")}},
	}))
	must(client.RegisterJobDefinition(t.Context(), definition("d", nil)))
}

func submitMany(t *testing.T, client *awsbatch.Client, count int) (jobs []string) {
	t.Helper()
	for range count {
		out, err := client.SubmitJob(t.Context(), submission("q", "d"))
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, aws.ToString(out.JobId))
	}
	return jobs
}
