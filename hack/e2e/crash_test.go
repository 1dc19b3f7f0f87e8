// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// witness is a folder of this machine in which a job leaves marks: proof of how often its container ran.
type witness struct {
	folder string
}

// script adds a line to the file runs, waits for the file go, and adds a line to the file ends.
const witnessed = `echo ran >>/host/runs; until [ -e /host/go ]; do sleep 0.1; done; echo ended >>/host/ends`

func newWitness(t *testing.T) witness {
	t.Helper()
	return witness{folder: t.TempDir()}
}

// release lets the job end.
func (w witness) release(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.folder, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// awaitMark waits until the job has left a mark.
func (w witness) awaitMark(t *testing.T, name string) {
	t.Helper()
	await(t, long, "the job's container marks "+name, func(context.Context) error {
		_, err := os.Stat(filepath.Join(w.folder, name))
		return err
	})
}

// lines are what the job has written to a mark, line by line; none if there is no such mark.
func (w witness) lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.folder, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// wantOnce checks that the container ran exactly once.
func (w witness) wantOnce(t *testing.T) {
	t.Helper()
	for name, want := range map[string]string{"runs": "ran\n", "ends": "ended\n"} {
		got, err := os.ReadFile(filepath.Join(w.folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		wantText(t, "what the container wrote to "+name, string(got), want)
	}
}

// wantOnce checks that the job SUCCEEDED in one attempt, that its container ran once and that one instance was launched.
func (s *site) wantOnce(t *testing.T, id string, w witness) {
	t.Helper()
	job := s.awaitStatus(t, id, long, types.JobStatusSucceeded)
	wantEnd(t, job, "Essential container in task exited", 0)
	w.wantOnce(t)
	if n := local.launched(t, s.name); n != 1 {
		t.Errorf("%d instances were launched, want 1", n)
	}
}

// programs are those whose crash must not matter.
var programs = []string{"queue-api", "batch-scheduler", "batch-autoscaler", "redis"}

func TestCrashAsSoonAsTheJobIsAccepted(t *testing.T) {
	for _, program := range []string{"queue-api", "redis"} {
		t.Run(program, func(t *testing.T) {
			s, w := newSite(t, "crash-first-"+program, siteConfig{}), newWitness(t)
			w.release(t)
			kill := local.aim(t, program)
			id := s.submit(t, shell{script: witnessed, folder: w.folder})
			kill()
			local.start(t, program)
			s.wantOnce(t, id, w)
		})
	}
}

func TestCrashBeforeTheNodeIsUp(t *testing.T) {
	for _, program := range programs {
		t.Run(program, func(t *testing.T) {
			s, w := newSite(t, "crash-early-"+program, siteConfig{}), newWitness(t)
			kill := local.aim(t, program)
			id := s.submit(t, shell{script: witnessed, folder: w.folder})
			local.awaitLaunch(t, s.name)
			kill()
			local.start(t, program)
			w.release(t)
			s.wantOnce(t, id, w)
		})
	}
}

// The fleet's command outlives the autoscaler that called it, and whatever it launches is found by the next.
func TestCrashInTheMiddleOfALaunch(t *testing.T) {
	s, w := newSite(t, "crash-launch", siteConfig{instanceType: instanceTypeSlow}), newWitness(t)
	w.release(t)
	id := s.submit(t, shell{script: witnessed, folder: w.folder})
	local.awaitLaunch(t, s.name)
	local.kill(t, "batch-autoscaler")
	local.start(t, "batch-autoscaler")
	local.openGate(t)
	s.wantOnce(t, id, w)
}

func TestCrashWhileTheJobRuns(t *testing.T) {
	for _, program := range programs {
		t.Run(program, func(t *testing.T) {
			s, w := newSite(t, "crash-late-"+program, siteConfig{}), newWitness(t)
			id := s.submit(t, shell{script: witnessed, folder: w.folder})
			w.awaitMark(t, "runs")
			local.kill(t, program)
			// The job ends while the program is away.
			w.release(t)
			w.awaitMark(t, "ends")
			local.start(t, program)
			s.wantOnce(t, id, w)
		})
	}
}

// arraySize is how many children the array has that queue-api dies in the middle of.
const arraySize = 20

func TestCrashInTheMiddleOfAnArray(t *testing.T) {
	s, w := newSite(t, "crash-array", siteConfig{maxNodes: 2}), newWitness(t)
	mark := func(name string) shell {
		return shell{script: `echo "$AWS_BATCH_JOB_ARRAY_INDEX" >>/host/` + name, folder: w.folder}
	}
	first, pairs, last := mark("first"), mark("pairs"), shell{script: "echo ran >>/host/last", folder: w.folder}
	first.children, pairs.children = arraySize, arraySize
	id := s.submit(t, first)
	pairs.dependsOn = []types.JobDependency{after(types.ArrayJobDependencyNToN, id)}
	paired := s.submit(t, pairs)
	last.dependsOn = []types.JobDependency{after("", id), after("", paired)}
	final := s.submit(t, last)

	// The pairs that are due when it dies the second time were released by the one that came after the first.
	for _, name := range []string{"first", "pairs"} {
		kill := local.aim(t, "queue-api")
		await(t, long, "some children of "+name+" have run", func(context.Context) error {
			return atLeast(arraySize/4, len(w.lines(t, name)))
		})
		kill()
		local.start(t, "queue-api")
	}
	s.awaitStatus(t, final, long, types.JobStatusSucceeded)

	var want []string
	for i := range arraySize {
		want = append(want, strconv.Itoa(i))
	}
	slices.Sort(want)
	for name, parent := range map[string]string{"first": id, "pairs": paired} {
		got := w.lines(t, name)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("children of %s that ran (-want +got):\n%s", name, diff)
		}
		job := s.awaitStatus(t, parent, soon, types.JobStatusSucceeded)
		wantSummary(t, job, map[string]int32{"SUCCEEDED": arraySize})
	}
	if diff := cmp.Diff([]string{"ran"}, w.lines(t, "last")); diff != "" {
		t.Errorf("the last job ran (-want +got):\n%s", diff)
	}
}

// Whoever makes the main node's address known, and sees what its end means, is away when that is due.
func TestCrashWhileAGangStartsAndEnds(t *testing.T) {
	s, w := newSite(t, "crash-gang", siteConfig{}), newWitness(t)
	id := s.start(t, &sdk.SubmitJobInput{JobDefinition: aws.String(s.registerPodNetwork(t, w))})
	local.awaitLaunch(t, s.name)
	local.kill(t, "queue-api")
	w.awaitMark(t, "own")
	local.start(t, "queue-api")
	w.awaitMark(t, "told")
	local.kill(t, "queue-api")
	w.release(t)
	w.awaitMark(t, "ends")
	local.start(t, "queue-api")
	wantEnd(t, s.awaitStatus(t, id, long, types.JobStatusSucceeded), "Essential container in task exited", 0)
	for name, want := range map[string][]string{"ends": {"ended"}, "told": w.lines(t, "own")} {
		if diff := cmp.Diff(want, w.lines(t, name)); diff != "" {
			t.Errorf("what the containers wrote to %s (-want +got):\n%s", name, diff)
		}
	}
	s.awaitNothingOf(t, id)
}

func atLeast(want, got int) error {
	if got < want {
		return fmt.Errorf("there are %d, fewer than %d", got, want)
	}
	return nil
}

// longOutage is longer than a leader of any program keeps trying to renew its lease.
const longOutage = 12 * time.Second

func TestAPIServerAway(t *testing.T) {
	s, w, later := newSite(t, "no-api-server", siteConfig{}), newWitness(t), newWitness(t)
	running := s.submit(t, shell{script: witnessed, folder: w.folder})
	s.awaitStatus(t, running, long, types.JobStatusRunning)

	away(t, "kube-apiserver")
	waiting := s.submit(t, shell{script: witnessed, folder: later.folder})
	later.release(t)
	w.release(t)
	w.awaitMark(t, "ends")
	holds(t, longOutage, "jobs stay as they are", func(ctx context.Context) error {
		for id, want := range map[string]types.JobStatus{running: types.JobStatusRunning, waiting: types.JobStatusRunnable} {
			job, err := s.job(ctx, id)
			if err != nil {
				return err
			}
			if err := is(string(want), string(job.Status)); err != nil {
				return err
			}
		}
		return nil
	})
	local.start(t, "kube-apiserver")

	s.wantOnce(t, running, w)
	s.wantOnce(t, waiting, later)
}

// away kills a program, and makes sure that a test that fails leaves it running.
func away(t *testing.T, program string) {
	t.Helper()
	local.kill(t, program)
	t.Cleanup(func() { local.start(t, program) })
}

func TestRedisAway(t *testing.T) {
	s := newSite(t, "no-redis", siteConfig{instanceType: instanceTypeNone})
	waiting := s.submit(t, shell{script: "true"})
	away(t, "redis")
	for path, body := range map[string]string{
		"describejobs": fmt.Sprintf(`{"jobs": [%q]}`, waiting),
		"submitjob":    fmt.Sprintf(`{"jobName": "j", "jobQueue": %q, "jobDefinition": %q}`, s.name, s.name),
	} {
		reply := post(t, path, body)
		if reply.status != 503 || reply.errorType != "ServerException" {
			t.Errorf("without Redis %s answers %d %s %s, want 503 ServerException", path, reply.status, reply.errorType, reply.body)
		}
		t.Logf("without Redis %s answers %d after %v", path, reply.status, reply.took)
		if reply.took > maxRefusal {
			t.Errorf("without Redis %s answers after %v, more than %v", path, reply.took, maxRefusal)
		}
	}
	if status, body := get(t, local.env["MUSTER_QUEUE_API_HEALTH"]+"/readyz"); status != 503 {
		t.Errorf("without Redis /readyz answers %d %s, want 503", status, body)
	}
	local.start(t, "redis")
	await(t, soon, "the API answers again", func(ctx context.Context) error {
		_, err := s.job(ctx, waiting)
		return err
	})
	s.awaitStatus(t, waiting, soon, types.JobStatusRunnable)
}
