// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/redistest"
)

func muster(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := cli.New(cli.Config{Out: &out, Commands: []*cobra.Command{newAdmin()}})
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// shop is a store with a queue and a waiting job.
func shop(t *testing.T, s *redistest.Server) (*redisstore.Store, string) {
	t.Helper()
	store := redisstore.New(s.Client, redisstore.Config{})
	q, err := store.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	id := batch.DeriveJobID(q.Number, "job")
	if _, err := store.Submit(t.Context(), q.Number, batch.Job{ID: id, Queue: "q", Name: "n", Status: batch.StatusRunnable}); err != nil {
		t.Fatal(err)
	}
	return store, id
}

func admit(t *testing.T, store *redisstore.Store, id string) error {
	t.Helper()
	_, err := store.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p"}, j.CreatedAt)
		return next, err
	})
	return err
}

// An older backup brings the state back and ends every leadership, so that the next one looks at the pods first.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Safe()...)
	store, id := shop(t, s)
	path := filepath.Join(t.TempDir(), "muster.rdb")
	if out, err := muster(t, "admin", "backup", path, "--redis-url", s.URL()); err != nil {
		t.Fatal(out, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others may read it", info.Mode(), err)
	}
	var leader *redisstore.Store
	for range 3 {
		var err error
		if leader, err = store.Lead(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := admit(t, leader, id); err != nil {
		t.Fatal(err)
	}
	if _, err := muster(t, "admin", "restore", path, "--redis-url", s.URL()); !errors.Is(err, errNotEmpty) {
		t.Fatalf("without --replace: %v", err)
	}
	out, err := muster(t, "admin", "restore", path, "--replace", "--redis-url", s.URL())
	if err != nil || !strings.Contains(out, "1 records: 0 broken rules repaired, 0 left") {
		t.Fatal(out, err)
	}
	if job, err := store.Job(t.Context(), id); err != nil || job.Current != nil {
		t.Errorf("job %+v, %v; want it as it was", job, err)
	}
	if err := admit(t, leader, id); !errors.Is(err, batch.ErrStaleEpoch) {
		t.Errorf("the old leader got %v, want %v", err, batch.ErrStaleEpoch)
	}
	next, err := store.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := admit(t, next, id); err != nil {
		t.Errorf("the next leader got %v", err)
	}
}

func TestSpoiltBackupTouchesNothing(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	store, id := shop(t, s)
	path := filepath.Join(t.TempDir(), "muster.rdb")
	if err := os.WriteFile(path, []byte("REDIS0010 and so on"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := muster(t, "admin", "restore", path, "--replace", "--redis-url", s.URL()); err == nil {
		t.Error("restored")
	}
	if _, err := store.Job(t.Context(), id); err != nil {
		t.Error(err)
	}
}

func TestFsck(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	_, id := shop(t, s)
	fsck := func(args ...string) (string, error) {
		return muster(t, append([]string{"admin", "fsck", "--redis-url", s.URL()}, args...)...)
	}
	if out, err := fsck(); err != nil {
		t.Errorf("healthy: %s %v", out, err)
	}
	if err := s.Client.Del(t.Context(), "muster:{00001}:status:RUNNABLE").Err(); err != nil {
		t.Fatal(err)
	}
	if out, err := fsck(); !errors.Is(err, errBroken) || !strings.Contains(out, "status: job "+id) || !strings.Contains(out, "can be repaired") {
		t.Errorf("broken: %s %v", out, err)
	}
	if out, err := fsck("--repair"); err != nil || !strings.Contains(out, "1 broken rules repaired, 0 left") {
		t.Errorf("repaired: %s %v", out, err)
	}
	if out, err := fsck(); err != nil {
		t.Errorf("after: %s %v", out, err)
	}
}

func TestClusterIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := muster(t, "admin", "backup", "-", "--redis-url", "redis+cluster://127.0.0.1:1"); !errors.Is(err, errCluster) {
		t.Errorf("got %v, want %v", err, errCluster)
	}
}
