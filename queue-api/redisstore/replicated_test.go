// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// What a repeated call finds done is not acknowledged before a replica has it, though the repeat writes nothing of its own.
func TestRepeatedWriteWaitsForItsReplica(t *testing.T) {
	t.Parallel()
	master, replica := redistest.Start(t), redistest.Start(t)
	replica.Follow(master)
	s := New(open(t, master.URL()), Config{Durability: Replicated})
	var q batch.JobQueue
	tries := 0
	err := untilReplicated(func() (err error) {
		tries++
		q, err = s.CreateQueue(t.Context(), batch.JobQueue{Name: "q" + strconv.Itoa(tries)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	job := makeJob(t, q.Number, nil)
	fail := func(j batch.Job) (batch.Job, error) { j.Status = batch.StatusFailed; return j, nil }
	calls := map[string]func() error{
		"submit": func() error { _, err := s.Submit(t.Context(), q.Number, job); return err },
		"end":    func() error { _, err := s.Transition(t.Context(), job.ID, fail); return err },
	}
	for _, name := range []string{"submit", "end"} {
		call := calls[name]
		replica.Pause()
		for range 2 {
			if err := call(); !errors.Is(err, errNotReplicated) {
				t.Errorf("%s without a replica: got %v, want %v", name, err, errNotReplicated)
			}
		}
		replica.Resume()
		if err := untilReplicated(call); err != nil {
			t.Errorf("%s once the replica is back: %v", name, err)
		}
	}
}

func TestWritesWaitForAsManyReplicasAsRedisWants(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, append(redistest.Safe(), "--min-replicas-to-write", "2")...)
	for range 2 {
		redistest.Start(t).Follow(master)
	}
	s := New(open(t, master.URL()), Config{Durability: Replicated})
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.writes.replicas.Load(); got != 2 {
		t.Errorf("writes wait for %d replicas", got)
	}
	i := 0
	err := untilReplicated(func() error {
		i++
		return s.CreateEnvironment(t.Context(), batch.ComputeEnvironment{Name: "ce-" + strconv.Itoa(i)})
	})
	if err != nil {
		t.Error(err)
	}
}

// untilReplicated repeats a write that its replicas were too late to confirm, as they may be on a busy machine.
func untilReplicated(write func() error) (err error) {
	for range 100 {
		if err = write(); !errors.Is(err, errNotReplicated) {
			break
		}
	}
	return err
}

func TestNodeOfAClusterIsNoServerByItself(t *testing.T) {
	t.Parallel()
	node := redistest.StartCluster(t, 1, 0, redistest.Safe()...).Masters[0]
	err := New(open(t, node.URL()), Config{}).Check(t.Context())
	if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "redis+cluster://") {
		t.Errorf("got %v, want the URL that is right", err)
	}
}

// A queue whose slot is moved to another master is written there at once.
func TestWritesFollowASlotThatMoves(t *testing.T) {
	t.Parallel()
	for _, durability := range []Durability{Fsync, Replicated} {
		t.Run(string(durability), func(t *testing.T) {
			t.Parallel()
			replicas := map[Durability]int{Replicated: 1}[durability]
			cluster := redistest.StartCluster(t, 2, replicas, redistest.Safe()...)
			s := New(open(t, cluster.URL()), Config{Durability: durability})
			q := createQueue(t, s)
			submit := func() error { _, err := s.Submit(t.Context(), q.Number, makeJob(t, q.Number, nil)); return err }
			if err := insist(t, submit); err != nil {
				t.Fatal(err)
			}
			key := slotOf(q.Number).epoch()
			cluster.Move(key, 1-cluster.Shard(key))
			if err := insist(t, submit); err != nil {
				t.Error(err)
			}
		})
	}
}
