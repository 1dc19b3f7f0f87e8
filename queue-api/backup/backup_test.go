// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/hack/leaktest"
	"github.com/muster-batch/muster/queue-api/redistest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func reach(s *redistest.Server) Server {
	return Server{Dial: func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "tcp", s.Address) }}
}

// fill gives a server keys of all kinds.
func fill(t *testing.T, client *redis.Client) {
	t.Helper()
	pipe := client.Pipeline()
	for i := range 2000 {
		key := fmt.Sprintf("muster:{%05x}:", i%7)
		pipe.HSet(t.Context(), fmt.Sprintf("%sj:\x00\xff%d", key, i), "m", "R", "n", i)
		pipe.ZAdd(t.Context(), key+"status:RUNNABLE", redis.Z{Score: float64(i), Member: i})
		pipe.SAdd(t.Context(), key+"live", i)
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: key + "events", Values: []any{"j", i}})
	}
	pipe.Set(t.Context(), "large", strings.Repeat("0123456789", 100_000), 0)
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, client *redis.Client) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, key := range client.Keys(t.Context(), "*").Val() {
		out[key] = client.Dump(t.Context(), key).Val()
	}
	return out
}

func opener(file []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil }
}

func save(t *testing.T, s *redistest.Server) []byte {
	t.Helper()
	var file bytes.Buffer
	n, err := Save(t.Context(), reach(s), &file)
	if err != nil || n != int64(file.Len()) {
		t.Fatalf("saved %d of %d bytes: %v", file.Len(), n, err)
	}
	if length, err := Check(bytes.NewReader(file.Bytes())); err != nil || length != n {
		t.Fatalf("checked %d of %d bytes: %v", length, n, err)
	}
	return file.Bytes()
}

func TestWhatWasSavedIsLoaded(t *testing.T) {
	t.Parallel()
	from, to := redistest.Start(t, redistest.Safe()...), redistest.Start(t, redistest.Safe()...)
	fill(t, from.Client)
	file := save(t, from)
	to.Client.Set(t.Context(), "other", "replaced", 0)
	if err := Load(t.Context(), reach(to), "", int64(len(file)), opener(file)); err != nil {
		t.Fatal(err)
	}
	want := content(t, from.Client)
	if diff := cmp.Diff(want, content(t, to.Client)); diff != "" {
		t.Errorf("loaded (-want +got):\n%s", diff)
	}
	if err := to.Client.Set(t.Context(), "after", "1", 0).Err(); err != nil {
		t.Errorf("it takes no writes: %v", err)
	}
	to.Kill()
	to.Restart()
	want["after"] = to.Client.Dump(t.Context(), "after").Val()
	if diff := cmp.Diff(want, content(t, to.Client)); diff != "" || want["after"] == "" {
		t.Errorf("after a crash (-want +got):\n%s", diff)
	}
	t.Logf("%d keys in %d bytes", len(want), len(file))
}

// What is saved is of one moment, whatever is written meanwhile.
func TestSavedIsOfOneMoment(t *testing.T) {
	t.Parallel()
	from, to := redistest.Start(t), redistest.Start(t)
	if err := from.Client.MSet(t.Context(), "a", 0, "b", 0).Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; ctx.Err() == nil; i++ { // both or none, in the order of b, a
			if err := from.Client.Set(t.Context(), "b", i, 0).Err(); err != nil {
				t.Error(err)
			}
			if err := from.Client.Set(t.Context(), "a", i, 0).Err(); err != nil {
				t.Error(err)
			}
		}
	})
	for range 5 {
		file := save(t, from)
		if err := Load(t.Context(), reach(to), "", int64(len(file)), opener(file)); err != nil {
			t.Fatal(err)
		}
		a, errA := to.Client.Get(t.Context(), "a").Int()
		b, errB := to.Client.Get(t.Context(), "b").Int()
		if err := errors.Join(errA, errB); err != nil || b != a && b != a+1 {
			t.Errorf("a is %d, b is %d: %v", a, b, err)
		}
	}
	cancel()
	wg.Wait()
}

func TestSpoiltFilesAreNotWhole(t *testing.T) {
	t.Parallel()
	from := redistest.Start(t)
	fill(t, from.Client)
	file := save(t, from)
	for what, spoilt := range map[string][]byte{
		"nothing":  {},
		"a text":   []byte("REDIS, not"),
		"a half":   file[:len(file)/2],
		"one less": file[:len(file)-1],
		"one more": append(bytes.Clone(file), 1),
		"a bit":    flipped(file, len(file)/3),
		"another":  flipped(file, len(file)-1),
		"the head": file[1:],
	} {
		if _, err := Check(bytes.NewReader(spoilt)); !errors.Is(err, ErrNotWhole) {
			t.Errorf("%s: %v, want %v", what, err, ErrNotWhole)
		}
	}
}

func flipped(file []byte, at int) []byte {
	out := bytes.Clone(file)
	out[at] ^= 4
	return out
}

func TestWrongPasswordAndReplicaAreRefused(t *testing.T) {
	t.Parallel()
	locked := redistest.Start(t)
	if err := locked.Client.ConfigSet(t.Context(), "requirepass", "s3cret").Err(); err != nil {
		t.Fatal(err)
	}
	s := reach(locked)
	if _, err := Save(t.Context(), s, io.Discard); !errors.Is(err, errReply) {
		t.Errorf("without a password: %v", err)
	}
	s.Password = "wrong"
	if _, err := Save(t.Context(), s, io.Discard); !errors.Is(err, errReply) || strings.Contains(err.Error(), "wrong\"") {
		t.Errorf("with a wrong one: %v", err)
	}
	s.Password = "s3cret"
	if n, err := Save(t.Context(), s, io.Discard); err != nil || n == 0 {
		t.Errorf("with the right one: %d bytes, %v", n, err)
	}
	master, replica := redistest.Start(t), redistest.Start(t)
	file := save(t, master)
	replica.Follow(master)
	if err := Load(t.Context(), reach(replica), "", int64(len(file)), opener(file)); !errors.Is(err, errReply) {
		t.Errorf("a replica: %v", err)
	}
}
