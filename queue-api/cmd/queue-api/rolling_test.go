// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"

	"github.com/muster-batch/muster/hack/faults/cable"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// TestRollingUpgrade has one of two replicas after the other end and start again, twenty times, behind a balancer that knows
// nothing but connections, while clients call through an SDK: not one call fails.
func TestRollingUpgrade(t *testing.T) {
	redis := redistest.Start(t, redistest.Safe()...)
	args := []string{"--redis-url=" + redis.URL(), "--kubeconfig=" + writeKubeconfig(t), "--shutdown-delay=" + drain.String()}
	replicas := []*process{startProcess(t, args...), startProcess(t, args...)}
	balancer, err := cable.New(replicas[0].listen, replicas[1].listen)
	if err != nil {
		t.Fatal(err)
	}
	defer balancer.Close()
	submitOne(t, sdkClient(balancer.Address()))

	callers := startCalling(balancer.Address(), 8)
	for i := range 20 {
		replicas[i%2].restart()
	}
	callers.end()
	for _, err := range callers.failed[:min(len(callers.failed), 5)] {
		t.Error(err)
	}
	known := 0
	client := sdkClient(balancer.Address())
	for ids := range slices.Chunk(callers.submitted, 100) {
		out, err := client.DescribeJobs(t.Context(), &awsbatch.DescribeJobsInput{Jobs: ids})
		if err != nil {
			t.Fatal(err)
		}
		known += len(out.Jobs)
	}
	if known < len(callers.submitted) || known == 0 {
		t.Errorf("%d of %d jobs are known", known, len(callers.submitted))
	}
	t.Logf("%d calls, %d failed, %d jobs submitted, 20 restarts", callers.calls, len(callers.failed), known)
}

func sdkClient(address string) *awsbatch.Client {
	return awsbatch.New(awsbatch.Options{
		BaseEndpoint: aws.String("http://" + address), Region: "eu-west-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	})
}

// calling is clients that submit and describe jobs all the time.
type calling struct {
	stop    context.CancelFunc
	clients sync.WaitGroup

	mu        sync.Mutex // guards what follows
	calls     int
	submitted []string
	failed    []error
}

func startCalling(address string, clients int) *calling {
	ctx, stop := context.WithCancel(context.Background())
	c := &calling{stop: stop}
	for range clients {
		client := sdkClient(address)
		c.clients.Go(func() {
			for ctx.Err() == nil {
				c.call(client)
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return c
}

// call makes a call of each kind. None is broken off: what is begun has to succeed.
func (c *calling) call(client *awsbatch.Client) {
	ctx := context.Background()
	out, err := client.SubmitJob(ctx, &awsbatch.SubmitJobInput{
		JobName: aws.String("j"), JobQueue: aws.String("q"), JobDefinition: aws.String("d"),
	})
	var err2 error
	if err == nil {
		_, err2 = client.DescribeJobs(ctx, &awsbatch.DescribeJobsInput{Jobs: []string{*out.JobId}})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls += 2
	if err := errors.Join(err, err2); err != nil {
		c.failed = append(c.failed, err)
		return
	}
	c.submitted = append(c.submitted, *out.JobId)
}

func (c *calling) end() {
	c.stop()
	c.clients.Wait()
}

// A program that was told to end is not ready any more, and answers on with Connection: close. That it ends after its delay is
// part of TestRollingUpgrade; here the delay is longer than the test.
func TestShutdownInOrder(t *testing.T) {
	redis := redistest.Start(t, redistest.Safe()...)
	p := startProcess(t, "--redis-url="+redis.URL(), "--kubeconfig="+writeKubeconfig(t), "--shutdown-delay=10m")
	post := func() (status int, closes bool) {
		t.Helper()
		resp, err := http.Post("http://"+p.listen+"/v1/describejobqueues", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Close
	}
	if status, closes := post(); status != http.StatusOK || closes {
		t.Errorf("before: %d, closes: %v", status, closes)
	}
	p.signal(syscall.SIGTERM)
	eventually(t, "it is not ready any more", func() bool { return p.readiness() == http.StatusServiceUnavailable })
	http.DefaultClient.CloseIdleConnections() // the server closes them just now, too
	if status, closes := post(); status != http.StatusOK || !closes {
		t.Errorf("while it ends: %d, closes: %v", status, closes)
	}
}
