// SPDX-License-Identifier: Apache-2.0

//go:build integration && upgrade

package upgrade

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/faults/cable"
	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/redistest"
)

const (
	singles    = 4500
	dependents = 1000 // one on each of as many of them
	retried    = 500
	shared     = 1000 // of a queue with fair shares
	arrays     = 3
	children   = 1000
	jobs       = singles + dependents + retried + shared + arrays*children

	atOnce = 1000 // vCPUs of the environment: how many jobs run at once
)

// patience is how long nothing at all may happen.
const patience = 2 * time.Minute

// TestUpgradeLosesNoJob replaces one version by the other three times while jobs live, each time as a Deployment does it: the
// new one starts and is ready before the old one is told to end.
func TestUpgradeLosesNoJob(t *testing.T) {
	old, now := previous(t), current(t)
	w := newWorld(t)
	first := w.start(old, 0)
	w.setUp()
	w.submitAll()
	w.await("as many run as may", func() bool { running, _, _ := w.kubelet.counts(); return running >= atOnce })
	w.allLive("before the upgrade")

	visitors := w.visit()
	second := w.replace(first, now, 1)
	w.allLive("after the upgrade")
	w.kubelet.release()
	w.awaitPassed(jobs / 3)
	third := w.replace(second, old, 0)
	w.awaitPassed(2 * jobs / 3)
	w.replace(third, now, 1)
	visitors.end()
	w.awaitPassed(jobs + len(visitors.ids))
	w.allSucceeded(visitors)
	w.check()
}

// world is what both versions stand on.
type world struct {
	*kubetest.ControlPlane
	t         *testing.T
	redis     *redistest.Server
	addresses [2]string
	api       *sdk.Client
	kubelet   *kubelet
	ids       []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{ControlPlane: kubetest.Start(t), t: t, redis: redistest.Start(t, redistest.Safe()...)}
	w.addresses = [2]string{kubetest.FreeAddress(t), kubetest.FreeAddress(t)}
	balancer, err := cable.New(w.addresses[:]...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(balancer.Close)
	w.api = sdk.New(sdk.Options{
		BaseEndpoint: aws.String("http://" + balancer.Address()), Region: "eu-west-1", RetryMaxAttempts: 10,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	})
	w.kubelet = startKubelet(t.Context(), t, w.Client)
	return w
}

// program is a running queue-api.
type program struct {
	*kubetest.Process
	health string
	version
}

// start applies what belongs to a version and starts it at one of the two addresses.
func (w *world) start(v version, at int) *program {
	w.t.Helper()
	dir, err := filepath.Abs(v.manifests)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Apply(dir)
	p := &program{version: v, health: kubetest.FreeAddress(w.t)}
	p.Process = kubetest.Run(w.t, v.program, "--kubeconfig="+w.Kubeconfig(kubetest.QueueAPIToken), "--redis-url="+w.redis.URL(),
		"--listen="+w.addresses[at], "--health-address="+p.health, "--shutdown-delay=2s", "--submit-rate=0", "--finished-pod-ttl=0s")
	w.await(v.name+" version is ready", func() bool {
		resp, err := http.Get("http://" + p.health + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// replace starts a version and then ends the one that runs.
func (w *world) replace(p *program, v version, at int) *program {
	w.t.Helper()
	next := w.start(v, at)
	p.Terminate()
	running, passed, _ := w.kubelet.counts()
	w.t.Logf("%s version took over: %d jobs run, %d have succeeded", v.name, running, passed)
	return next
}

func (w *world) await(what string, done func() bool) {
	w.t.Helper()
	for until := time.Now().Add(patience); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(until) {
			w.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// awaitPassed waits until so many jobs have succeeded, as long as there is progress.
func (w *world) awaitPassed(want int) {
	w.t.Helper()
	for before := -1; ; {
		_, passed, wrong := w.kubelet.counts()
		switch {
		case len(wrong) > 0:
			w.t.Fatalf("%d wrongs, the first is: %s", len(wrong), wrong[0])
		case passed >= want:
			return
		}
		if before == passed {
			w.t.Fatalf("%d of %d jobs have succeeded, and nothing happens", passed, want)
		}
		before = passed
		for until := time.Now().Add(patience); time.Now().Before(until) && passed == before && passed < want; time.Sleep(100 * time.Millisecond) {
			_, passed, _ = w.kubelet.counts()
		}
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// setUp makes an environment, two queues and the definitions, by the version that runs.
func (w *world) setUp() {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.api.CreateComputeEnvironment(ctx, &sdk.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: aws.String("e"), Type: types.CETypeManaged,
		EksConfiguration: &types.EksConfiguration{
			EksClusterArn: aws.String("arn:aws:eks:eu-west-1:123456789012:cluster/local"), KubernetesNamespace: aws.String("muster-jobs"),
		},
		ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(atOnce), InstanceTypes: []string{"c5.large"}, Subnets: []string{"subnet-1"},
			InstanceRole: aws.String("arn:aws:iam::123456789012:instance-profile/local"), SecurityGroupIds: []string{"sg-1"},
		},
	})
	w.must(err)
	policy, err := w.api.CreateSchedulingPolicy(ctx, &sdk.CreateSchedulingPolicyInput{Name: aws.String("p"), FairsharePolicy: &types.FairsharePolicy{}})
	w.must(err)
	for name, arn := range map[string]*string{"fifo": nil, "fair": policy.Arn} {
		w.await("queue "+name+" is made", func() bool {
			_, err := w.api.CreateJobQueue(ctx, &sdk.CreateJobQueueInput{
				JobQueueName: &name, Priority: aws.Int32(1), SchedulingPolicyArn: arn,
				ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String("e")}},
			})
			return err == nil
		})
	}
	w.define("works", 1)
	w.define("fails", 2, types.EksContainerEnvironmentVariable{Name: aws.String(envFails), Value: aws.String("once")})
}

func (w *world) define(name string, attempts int32, env ...types.EksContainerEnvironmentVariable) {
	w.t.Helper()
	_, err := w.api.RegisterJobDefinition(w.t.Context(), &sdk.RegisterJobDefinitionInput{
		JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer, RetryStrategy: &types.RetryStrategy{Attempts: &attempts},
		EksProperties: &types.EksProperties{PodProperties: &types.EksPodProperties{Containers: []types.EksContainer{{
			Image: aws.String("busybox"), Env: env,
			Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "64Mi"}},
		}}}},
	})
	w.must(err)
}

// requests are all jobs but the dependents, which need their ids.
func requests() []*sdk.SubmitJobInput {
	var all []*sdk.SubmitJobInput
	add := func(n int, definition, queue string, change func(i int, in *sdk.SubmitJobInput)) {
		for i := range n {
			in := &sdk.SubmitJobInput{JobName: aws.String(definition), JobDefinition: aws.String(definition), JobQueue: aws.String(queue)}
			if change != nil {
				change(i, in)
			}
			all = append(all, in)
		}
	}
	add(singles, "works", "fifo", nil)
	add(retried, "fails", "fifo", nil)
	add(shared, "works", "fair", func(i int, in *sdk.SubmitJobInput) { in.ShareIdentifier = aws.String([]string{"a", "b", "c"}[i%3]) })
	add(arrays, "works", "fifo", func(_ int, in *sdk.SubmitJobInput) {
		in.ArrayProperties = &types.ArrayProperties{Size: aws.Int32(children)}
	})
	return all
}

func (w *world) submitAll() {
	w.t.Helper()
	w.ids = w.submit(requests())
	var second []*sdk.SubmitJobInput
	for i := range dependents {
		second = append(second, &sdk.SubmitJobInput{
			JobName: aws.String("then"), JobDefinition: aws.String("works"), JobQueue: aws.String("fifo"),
			DependsOn: []types.JobDependency{{JobId: &w.ids[i]}},
		})
	}
	w.ids = append(w.ids, w.submit(second)...)
}

// submit submits by some clients at once and gives the ids in the requests' order.
func (w *world) submit(all []*sdk.SubmitJobInput) []string {
	w.t.Helper()
	ids := make([]string, len(all))
	var clients sync.WaitGroup
	for part := range slices.Chunk(makeIndexes(len(all)), (len(all)+15)/16) {
		clients.Go(func() {
			for _, i := range part {
				out, err := w.api.SubmitJob(w.t.Context(), all[i])
				if err != nil {
					w.t.Error(err)
					return
				}
				ids[i] = *out.JobId
			}
		})
	}
	clients.Wait()
	if w.t.Failed() {
		w.t.FailNow()
	}
	return ids
}

func makeIndexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// visitors submit a job now and then, whichever version answers.
type visitors struct {
	stop context.CancelFunc
	done chan struct{}
	ids  []string // once it is done
}

func (w *world) visit() *visitors {
	ctx, stop := context.WithCancel(w.t.Context())
	v := &visitors{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(v.done)
		for ctx.Err() == nil {
			out, err := w.api.SubmitJob(w.t.Context(), &sdk.SubmitJobInput{
				JobName: aws.String("visitor"), JobDefinition: aws.String("works"), JobQueue: aws.String("fifo"),
			})
			if err != nil {
				w.t.Errorf("a visitor was refused: %v", err)
				return
			}
			v.ids = append(v.ids, *out.JobId)
			time.Sleep(200 * time.Millisecond) // often enough that some come in the midst of each replacement
		}
	}()
	return v
}

func (v *visitors) end() {
	v.stop()
	<-v.done
}

func (w *world) describe(ids []string) map[string]types.JobDetail {
	w.t.Helper()
	all := map[string]types.JobDetail{}
	for page := range slices.Chunk(ids, 100) {
		out, err := w.api.DescribeJobs(w.t.Context(), &sdk.DescribeJobsInput{Jobs: page})
		w.must(err)
		for _, job := range out.Jobs {
			all[*job.JobId] = job
		}
	}
	return all
}

// allLive fails unless every job is known and has not ended.
func (w *world) allLive(when string) {
	w.t.Helper()
	byStatus := map[types.JobStatus]int{}
	known := w.describe(w.ids)
	for _, id := range w.ids {
		job, ok := known[id]
		if !ok {
			w.t.Fatalf("%s: job %s is lost", when, id)
		}
		n := 1
		if job.ArrayProperties != nil {
			n = int(*job.ArrayProperties.Size)
		}
		byStatus[job.Status] += n
		if job.Status == types.JobStatusSucceeded || job.Status == types.JobStatusFailed {
			w.t.Errorf("%s: job %s is %s: %s", when, id, job.Status, aws.ToString(job.StatusReason))
		}
	}
	w.t.Logf("%s: %d jobs live: %v", when, jobs, byStatus)
}

// allSucceeded waits until the store says so, too, and holds what it says of attempts to what ran.
func (w *world) allSucceeded(v *visitors) {
	w.t.Helper()
	ids := slices.Concat(w.ids, v.ids)
	w.await("every job is SUCCEEDED", func() bool {
		for _, job := range w.describe(ids) {
			if job.Status != types.JobStatusSucceeded {
				return false
			}
		}
		return true
	})
	known := w.describe(ids)
	var odd []string
	for _, id := range ids {
		job, ok := known[id]
		want := 1
		if aws.ToString(job.JobName) == "fails" {
			want = 2
		}
		switch a := job.ArrayProperties; {
		case !ok:
			odd = append(odd, id+" is lost")
		case a == nil && len(job.EksAttempts) != want:
			odd = append(odd, fmt.Sprintf("%s (%s) had %d attempts", id, aws.ToString(job.JobName), len(job.EksAttempts)))
		case a != nil && a.StatusSummary["SUCCEEDED"] != children:
			odd = append(odd, fmt.Sprintf("array %s: %v", id, a.StatusSummary))
		}
	}
	if len(odd) > 0 {
		w.t.Errorf("of %d jobs: %v", len(odd), odd[:min(len(odd), 5)])
	}
	_, passed, wrong := w.kubelet.counts()
	if len(wrong) > 0 || passed != jobs+len(v.ids) {
		w.t.Errorf("%d jobs have succeeded, wrongs %v", passed, wrong)
	}
	w.t.Logf("%d jobs and %d of visitors over 3 replacements: 0 lost, %d doubled", jobs, len(v.ids), len(wrong))
}

// check holds every record against every index, and looks for pods that are left.
func (w *world) check() {
	w.t.Helper()
	store := redisstore.New(w.redis.Client, redisstore.Config{})
	n, err := store.Audit(w.t.Context(), false, func(f batch.Finding) { w.t.Errorf("broken: %v", f) }, func(ctx context.Context) error { return ctx.Err() })
	w.must(err)
	w.t.Logf("%d records are whole", n)
	left := -1
	for until := time.Now().Add(patience); left != 0; time.Sleep(100 * time.Millisecond) {
		pods, err := w.Client.CoreV1().Pods("").List(w.t.Context(), metav1.ListOptions{LabelSelector: batchmeta.JobID})
		w.must(err)
		if n := len(pods.Items); n != left {
			left, until = n, time.Now().Add(patience)
		}
		if time.Now().After(until) {
			p := pods.Items[0]
			w.t.Fatalf("%d pods are left, one of them %s: %s, finalizers %v, deleted %v, grace %v, annotations %v",
				left, p.Name, p.Status.Phase, p.Finalizers, p.DeletionTimestamp, p.DeletionGracePeriodSeconds, p.Annotations)
		}
	}
}
