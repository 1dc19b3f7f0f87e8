// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"encoding/json"
	cmdline "flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redistest"
)

var addFormat = cmdline.Bool("update", false, "add a store as it is written now to testdata/format")

// formats are stores as versions wrote them, by number. None is ever changed: whoever upgrades has one.
const formats = "testdata/format"

// written is a store as a version wrote it, and what that version read in it.
type written struct {
	Keys  map[string]content `json:"keys"`
	Reads map[string]any     `json:"reads"`
}

// content is what is at a key: one of these. Bytes are the characters of the same numbers, so that text stays readable.
type content struct {
	String string             `json:"string,omitempty"`
	Hash   map[string]string  `json:"hash,omitempty"`
	Set    []string           `json:"set,omitempty"`
	Sorted map[string]float64 `json:"sorted,omitempty"`
	Stream []streamed         `json:"stream,omitempty"`
}

type streamed struct {
	ID     string            `json:"id"`
	Fields map[string]string `json:"fields"`
}

// readable gives bytes as characters, and bytes gives them back.
func readable(bytes string) string {
	text := make([]rune, len(bytes))
	for i := range len(bytes) {
		text[i] = rune(bytes[i])
	}
	return string(text)
}

func bytesOf(text string) string {
	var bytes []byte
	for _, r := range text {
		bytes = append(bytes, byte(r))
	}
	return string(bytes)
}

// convert converts the keys and values of a map.
func convert(in map[string]string, with func(string) string) map[string]string {
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[with(k)] = with(v)
	}
	return out
}

func fieldsOf(values map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range values {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// save reads all that Redis holds.
func save(t *testing.T, client redis.UniversalClient) map[string]content {
	t.Helper()
	ctx, out := t.Context(), map[string]content{}
	for _, key := range client.Keys(ctx, "*").Val() {
		var c content
		switch kind := client.Type(ctx, key).Val(); kind {
		case "string":
			c.String = readable(client.Get(ctx, key).Val())
		case "hash":
			c.Hash = convert(client.HGetAll(ctx, key).Val(), readable)
		case "set":
			for _, member := range client.SMembers(ctx, key).Val() {
				c.Set = append(c.Set, readable(member))
			}
			slices.Sort(c.Set)
		case "zset":
			c.Sorted = map[string]float64{}
			for _, z := range client.ZRangeWithScores(ctx, key, 0, -1).Val() {
				c.Sorted[readable(z.Member.(string))] = z.Score
			}
		case "stream":
			for _, m := range client.XRange(ctx, key, "-", "+").Val() {
				c.Stream = append(c.Stream, streamed{m.ID, convert(fieldsOf(m.Values), readable)})
			}
		default:
			t.Fatalf("type %s of %s", kind, key)
		}
		out[readable(key)] = c
	}
	return out
}

// load writes it.
func (w written) load(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	ctx, pipe := t.Context(), client.Pipeline()
	for key, c := range w.Keys {
		key = bytesOf(key)
		if c.String != "" {
			pipe.Set(ctx, key, bytesOf(c.String), 0)
		}
		for field, v := range convert(c.Hash, bytesOf) {
			pipe.HSet(ctx, key, field, v)
		}
		for _, member := range c.Set {
			pipe.SAdd(ctx, key, bytesOf(member))
		}
		for member, score := range c.Sorted {
			pipe.ZAdd(ctx, key, redis.Z{Score: score, Member: bytesOf(member)})
		}
		for _, e := range c.Stream {
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: key, ID: e.ID, Values: convert(e.Fields, bytesOf)})
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
}

// reads is all that the store says, as JSON has it.
func (w *town) reads() map[string]any {
	w.t.Helper()
	ctx, all := w.t.Context(), map[string]any{}
	add := func(name string, what any, err error) {
		w.t.Helper()
		w.must(err)
		all[name] = what
	}
	environments, err := w.Environments(ctx)
	add("environments", environments, err)
	queues, err := w.Queues(ctx)
	add("queues", queues, err)
	policies, err := w.Policies(ctx)
	add("policies", policies, err)
	consumables, err := w.Consumables(ctx)
	add("consumables", consumables, err)
	holders, err := w.ConsumableHolders(ctx)
	slices.Sort(holders)
	add("holders", holders, err)
	definitions, err := w.DefinitionRevisions(ctx, "d")
	add("definitions", definitions, err)
	usage, err := w.Usage(ctx, w.queue.Number)
	add("usage", usage, err)
	for _, id := range w.jobs {
		job, err := w.Job(ctx, id)
		add("job "+id, job, err)
	}
	return normalized(w.t, all)
}

// normalized is a value as it is read back from JSON.
func normalized(t *testing.T, in map[string]any) (out map[string]any) {
	t.Helper()
	text, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// missing tells what of want is not in got. What got has beyond it was added since.
func missing(path string, want, got any) (out []string) {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, was %v", path, got, want)}
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			out = append(out, missing(path+"."+key, want[key], object[key])...)
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return []string{fmt.Sprintf("%s is %v, was %v", path, got, want)}
		}
		for i := range want {
			out = append(out, missing(path+"."+strconv.Itoa(i), want[i], list[i])...)
		}
	default:
		if want != got {
			out = append(out, fmt.Sprintf("%s is %v, was %v", path, got, want))
		}
	}
	return out
}

// newTownOf is the town in a store that is there.
func newTownOf(t *testing.T, client redis.UniversalClient, w written) *town {
	t.Helper()
	town := &town{Store: New(client, Config{}), t: t, client: client, seed: rand.New(rand.NewPCG(1, 1))}
	queue, err := town.Queue(t.Context(), "q")
	town.must(err)
	town.queue = queue
	for name := range w.Reads {
		if id, ok := strings.CutPrefix(name, "job "); ok {
			town.jobs = append(town.jobs, id)
		}
	}
	slices.Sort(town.jobs)
	return town
}

// TestEarlierFormats reads stores as earlier versions wrote them, and has their jobs live on.
func TestEarlierFormats(t *testing.T) {
	t.Parallel()
	if *addFormat {
		writeFormat(t)
	}
	files, err := filepath.Glob(formats + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no formats: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			var w written
			text, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(text, &w)
			}
			if err != nil {
				t.Fatal(err)
			}
			client := redistest.Start(t).Client
			w.load(t, client)
			town := newTownOf(t, client, w)
			for _, wrong := range missing("", w.Reads, town.reads()) {
				t.Error(wrong)
			}
			for _, finding := range town.audit(false) {
				t.Errorf("as it was written: %v", finding)
			}
			for range 200 {
				town.live(town.jobs[town.seed.IntN(len(town.jobs))])
			}
			town.submit()
			for _, finding := range town.audit(false) {
				t.Errorf("after its jobs lived on: %v", finding)
			}
		})
	}
}

// writeFormat adds a store with everything in it that there is.
func writeFormat(t *testing.T) {
	t.Helper()
	client := redistest.Start(t).Client
	for seed := range uint64(100) {
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		town := newTown(t, client, seed)
		town.settle()
		w := written{Keys: save(t, client), Reads: town.reads()}
		if !w.hasAllStatuses() {
			continue
		}
		text, err := json.MarshalIndent(w, "", " ")
		town.must(err)
		files, err := filepath.Glob(formats + "/*.json")
		town.must(err)
		town.must(os.MkdirAll(formats, 0o755))
		town.must(os.WriteFile(filepath.Join(formats, strconv.Itoa(len(files)+1)+".json"), append(text, '\n'), 0o600))
		return
	}
	t.Fatal("no town has jobs of every status")
}

func (w written) hasAllStatuses() bool {
	seen := map[any]bool{}
	for name, read := range w.Reads {
		if job, ok := read.(map[string]any); ok && strings.HasPrefix(name, "job ") {
			seen[job["Status"]] = true
		}
	}
	for _, status := range []batch.JobStatus{
		batch.StatusPending, batch.StatusRunnable, batch.StatusStarting, batch.StatusRunning, batch.StatusSucceeded, batch.StatusFailed,
	} {
		if !seen[string(status)] {
			return false
		}
	}
	return true
}

// settle adds what is no job.
func (w *town) settle() {
	w.t.Helper()
	ctx := w.t.Context()
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	w.must(w.CreateEnvironment(ctx, batch.ComputeEnvironment{
		Name: "ce0", UUID: "11111111-1111-4111-8111-111111111111", Type: batch.Managed, State: batch.Enabled, Status: batch.ResourceValid,
		StatusReason: "ComputeEnvironment Healthy", ResourceType: "EC2", MinvCPUs: 4, MaxvCPUs: 256, ServiceRole: "role", Tags: map[string]string{"k": "v"},
		EKS:              &batch.EKSConfiguration{ClusterARN: "arn:aws:eks:us-east-1:123456789012:cluster/c", Namespace: "n"},
		ComputeResources: json.RawMessage(`{"type":"EC2","maxvCpus":256,"instanceTypes":["optimal"]}`), UpdatePolicy: json.RawMessage(`{"jobExecutionTimeoutMinutes":30}`),
		Generation: 2, ImageGeneration: 1, Report: &batch.Report{DesiredvCPUs: 8, Status: batch.ResourceValid, StatusReason: "fine", JudgedAt: at, ShortAt: at, Generation: 2},
	}))
	w.must(w.CreateEnvironment(ctx, batch.ComputeEnvironment{Name: "ce1", UUID: "22222222-2222-4222-8222-222222222222", Type: batch.Unmanaged, State: batch.Disabled, UnmanagedvCPUs: new(16)}))
	w.must(w.CreatePolicy(ctx, batch.SchedulingPolicy{Name: "p", FairShare: &batch.FairSharePolicy{
		ShareDecaySeconds: new(3600), ComputeReservation: new(10), ShareDistribution: []batch.ShareWeight{{ShareIdentifier: "a*"}},
	}}))
	_, err := w.RegisterDefinition(ctx, batch.JobDefinition{
		Name: "d", Type: "container", Parameters: map[string]string{"x": "y"}, RetryStrategy: &batch.RetryStrategy{Attempts: 3}, Timeout: time.Minute,
		EKSProperties: json.RawMessage(`{"podProperties":{"containers":[{"image":"busybox"}]}}`),
	})
	w.must(err)
}
