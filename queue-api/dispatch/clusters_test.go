// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

const west = "arn:aws:eks:us-east-1:123456789012:cluster/west"

// twoClusters are the home cluster and west, which the environment ce-a is in.
type twoClusters struct {
	home, west podList
	away       bool // west does not answer
}

func (c *twoClusters) Of(e batch.ComputeEnvironment) string {
	if e.Name == "ce-a" {
		return west
	}
	return ""
}

func (c *twoClusters) Pods(cluster string) (Pods, bool) {
	switch cluster {
	case "":
		return &c.home, true
	case west:
		return &c.west, !c.away
	default:
		return nil, false
	}
}

// newTwoClusters is a bench with two clusters and a queue that tries west first.
func newTwoClusters(t *testing.T) (*bench, *twoClusters, batch.JobQueue) {
	t.Helper()
	b := newBench(t)
	c := &twoClusters{}
	b.dispatcher = New(b.store, c, b.dispatcher.cfg)
	return b, c, b.queue(t, "q", 1, "ce-a", "ce-b")
}

// try is a round that may fail.
func (b *bench) try(t *testing.T) {
	t.Helper()
	_ = b.dispatcher.runOnce(t.Context())
}

func (c *twoClusters) want(t *testing.T, what string, west, home int) {
	t.Helper()
	if len(c.west.made) != west || len(c.home.made) != home {
		t.Errorf("%s: %d pods in west, %d at home; want %d, %d", what, len(c.west.made), len(c.home.made), west, home)
	}
}

func TestPodsAreMadeInTheClusterOfTheirEnvironment(t *testing.T) {
	t.Parallel()
	b, c, q := newTwoClusters(t)
	jobs := []batch.Job{b.submit(t, q, 1000), b.submit(t, q, 1000), b.submit(t, q, 1000)}
	b.round(t)
	c.want(t, "two fit into west", 2, 1)
	var clusters []string
	for _, j := range jobs {
		clusters = append(clusters, b.job(t, j.ID).Current.Cluster)
	}
	if diff := cmp.Diff([]string{west, west, ""}, clusters); diff != "" {
		t.Errorf("clusters mismatch (-want +got):\n%s", diff)
	}
}

func TestClusterThatDoesNotAnswerGetsNoJobs(t *testing.T) {
	t.Parallel()
	b, c, q := newTwoClusters(t)
	c.away = true
	for range 3 {
		b.submit(t, q, 1000)
	}
	b.round(t)
	c.want(t, "while west is away", 0, 2)
	c.away = false
	b.round(t)
	c.want(t, "once it is back", 1, 2)
}

func TestJobOfAClusterThatDoesNotAnswerStaysThere(t *testing.T) {
	t.Parallel()
	b, c, q := newTwoClusters(t)
	job := b.submit(t, q, 1000)
	c.west.err = errors.New("the connection broke") // the pod may have been made
	b.try(t)
	c.away = true
	for range 3 {
		b.round(t)
		b.clock.Step(b.dispatcher.cfg.CapacityBackoff)
	}
	c.want(t, "while west is away", 0, 0)
	if got := b.job(t, job.ID).Current; got == nil || got.Cluster != west {
		t.Fatalf("the job is in %+v", got)
	}
	c.away, c.west.err = false, nil
	b.round(t)
	c.want(t, "once it is back", 1, 0)
}

func TestJobThatDidNotReachItsClusterGoesToAnother(t *testing.T) {
	t.Parallel()
	b, c, q := newTwoClusters(t)
	job := b.submit(t, q, 1000)
	c.west.err = batch.ErrNotSent
	b.try(t)
	if got := b.job(t, job.ID); !got.IsWaiting() {
		t.Fatalf("the job is in %+v", got.Current)
	}
	c.away = true
	b.round(t)
	c.want(t, "west is away", 0, 1)
	c.away, c.west.err = false, nil
	b.round(t)
	c.want(t, "the job runs at home", 0, 1)
}

func TestGangOfWhichAPodMayBeMadeStays(t *testing.T) {
	t.Parallel()
	b, c, q := newTwoClusters(t)
	job := b.gang(t, q)
	made := 0
	c.west.refuse = func(*corev1.Pod) error {
		if made++; made > 1 {
			return batch.ErrNotSent
		}
		return nil
	}
	b.dispatcher.cfg.Parallel = 1
	b.try(t)
	c.want(t, "the first pod only", 1, 0)
	if got := b.job(t, job.ID).Current; got == nil || got.Cluster != west {
		t.Fatalf("the gang is in %+v", got)
	}
	c.west.refuse = nil
	b.round(t)
	c.want(t, "all pods", job.NumNodes, 0)
}

func TestJobWithoutCapacityIsNotTakenFromAClusterThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	b, c, q := newTwoClusters(t)
	job := b.submit(t, q, 1000)
	b.round(t)
	b.starve(t, job.ID)
	c.away = true
	b.round(t)
	c.want(t, "while west is away", 1, 0)
	c.away = false
	b.starve(t, job.ID)
	b.round(t)
	c.want(t, "once it is back", 0, 0)
}

// What a watcher saw may be old news: pods are made for the admission that stands.
func TestNoPodIsMadeForAnAdmissionThatWasWithdrawn(t *testing.T) {
	t.Parallel()
	b, c, q := newTwoClusters(t)
	job := b.submit(t, q, 1000)
	b.round(t)
	seen := b.job(t, job.ID)
	c.west.made = nil
	b.step(t, job.ID, lifecycle.Withdrawn{Attempt: 1})
	c.away = true
	b.round(t)
	c.away = false
	if err := b.dispatcher.Ensure(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	c.want(t, "the job runs at home", 0, 1)
}

func TestJobsOfAClusterThatIsNotRegisteredAreLeftAlone(t *testing.T) {
	t.Parallel()
	b, c, q := newTwoClusters(t)
	job := b.submit(t, q, 1000)
	b.step(t, job.ID, lifecycle.Admitted{ComputeEnvironment: "ce-b", Cluster: "arn:aws:eks:us-east-1:1:cluster/gone", PodName: "p", PodNamespace: "jobs"})
	b.round(t)
	if err := b.dispatcher.Ensure(t.Context(), b.job(t, job.ID)); !errors.Is(err, batch.ErrNotSent) {
		t.Errorf("ensure: %v", err)
	}
	b.round(t)
	c.want(t, "it may run there", 0, 0)
	if b.job(t, job.ID).Current == nil {
		t.Error("it was withdrawn")
	}
}
