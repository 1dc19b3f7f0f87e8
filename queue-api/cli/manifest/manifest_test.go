// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// site is queue-api's API over the reference store, without a leader.
type site struct {
	*client.Client
	store *storetest.Memory
	calls []string // operations that change something
}

func newSite(tb testing.TB) *site {
	tb.Helper()
	store := storetest.NewMemory()
	plane, err := controlplane.New(store, clock.RealClock{}, controlplane.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	api, err := httpapi.New(plane, prometheus.NewRegistry(), httpapi.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(api)
	tb.Cleanup(server.Close)
	c, err := client.New(client.Config{Endpoint: server.URL})
	if err != nil {
		tb.Fatal(err)
	}
	return &site{Client: c, store: store}
}

// Call implements API.
func (s *site) Call(ctx context.Context, operation string, in, out any) error {
	if !strings.HasPrefix(operation, "Describe") && !strings.HasPrefix(operation, "List") {
		s.calls = append(s.calls, operation)
	}
	return s.Client.Call(ctx, operation, in, out)
}

func read(tb testing.TB, text string) []Document {
	tb.Helper()
	docs, err := Read(strings.NewReader(text), "f")
	if err != nil {
		tb.Fatal(err)
	}
	if err := order(docs); err != nil {
		tb.Fatal(err)
	}
	return docs
}

// apply applies documents and gives what became of each, with the members that differed.
func (s *site) apply(tb testing.TB, text string) []string {
	tb.Helper()
	var out []string
	planner := &Planner{API: s}
	for _, d := range read(tb, text) {
		step, err := planner.Plan(tb.Context(), d)
		if err == nil {
			err = step.Do(tb.Context(), s)
		}
		if err != nil {
			tb.Fatal(err)
		}
		line := []string{d.ID(), string(step.Action)}
		for _, c := range step.Changes {
			line = append(line, c.Path)
		}
		out = append(out, strings.Join(line, " "))
	}
	return out
}

const estate = `
apiVersion: batch.muster.sh/v1
kind: JobDefinition
jobDefinitionName: train
type: container
parameters: {n: "1"}
retryStrategy: {attempts: 2, evaluateOnExit: [{onReason: "Host*", action: RETRY}]}
timeout: {attemptDurationSeconds: 600}
containerProperties:
  image: busybox
  command: [echo, "Ref::n"]
  environment: [{name: A, value: "yes"}]
  resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "64"}]
consumableResourceProperties: {consumableResourceList: [{consumableResource: licence, quantity: 1}]}
tags: {team: a}
---
# only a comment
---
kind: List
items:
- kind: JobQueue
  jobQueueName: research
  priority: 10
  schedulingPolicyArn: fair
  computeEnvironmentOrder: [{order: 2, computeEnvironment: spot}, {order: 1, computeEnvironment: pool}]
  jobStateTimeLimitActions:
  - {reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", state: RUNNABLE, maxTimeSeconds: 600, action: CANCEL}
- kind: SchedulingPolicy
  name: fair
  fairsharePolicy: {shareDecaySeconds: 3600, shareDistribution: [{shareIdentifier: b}, {shareIdentifier: a, weightFactor: 0.5}]}
---
kind: ConsumableResource
consumableResourceName: licence
totalQuantity: 5
---
kind: ComputeEnvironment
computeEnvironmentName: pool
type: MANAGED
computeResources: {type: EC2, minvCpus: 0, maxvCpus: 64, desiredvCpus: 0, instanceTypes: [c5.large, m5], subnets: [subnet-1], instanceRole: r, securityGroupIds: [sg-1]}
eksConfiguration: {eksClusterArn: "arn:aws:eks:us-east-1:123456789012:cluster/c", kubernetesNamespace: jobs}
updatePolicy: {terminateJobsOnUpdate: false, jobExecutionTimeoutMinutes: 30}
tags: {team: a}
---
kind: ComputeEnvironment
computeEnvironmentName: spot
type: UNMANAGED
unmanagedvCpus: 8
eksConfiguration: {eksClusterArn: "arn:aws:eks:us-east-1:123456789012:cluster/c", kubernetesNamespace: jobs}
`

func TestApplyMakesWhatIsNotThereAndChangesWhatDiffers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	want := []string{
		"schedulingpolicy/fair created", "consumableresource/licence created", "computeenvironment/pool created", "computeenvironment/spot created",
		"jobqueue/research created", "jobdefinition/train created",
	}
	if diff := cmp.Diff(want, s.apply(t, estate)); diff != "" {
		t.Fatalf("at first (-want +got):\n%s", diff)
	}
	s.calls = nil
	again := s.apply(t, estate)
	for i := range want {
		want[i] = strings.TrimSuffix(want[i], "created") + "unchanged"
	}
	if diff := cmp.Diff(want, again); diff != "" || len(s.calls) > 0 {
		t.Fatalf("again (-want +got):\n%s\n%v", diff, s.calls)
	}
	steps := []struct {
		name, old, now string
		want           string // what becomes of the one thing that differs
		calls          []string
	}{
		{"a number", "priority: 10", "priority: 11", "jobqueue/research configured priority", []string{"UpdateJobQueue"}},
		{"an order", "order: 2, computeEnvironment: spot", "order: 0, computeEnvironment: spot", "jobqueue/research configured computeEnvironmentOrder[0].computeEnvironment computeEnvironmentOrder[0].order computeEnvironmentOrder[1].computeEnvironment computeEnvironmentOrder[1].order", []string{"UpdateJobQueue"}},
		{"instances", "maxvCpus: 64", "maxvCpus: 65", "computeenvironment/pool configured computeResources.maxvCpus", []string{"UpdateComputeEnvironment"}},
		{"an update policy", "terminateJobsOnUpdate: false", "terminateJobsOnUpdate: true", "computeenvironment/pool configured updatePolicy.terminateJobsOnUpdate", []string{"UpdateComputeEnvironment"}},
		{"a quantity", "totalQuantity: 5", "totalQuantity: 6", "consumableresource/licence configured totalQuantity", []string{"UpdateConsumableResource"}},
		{"a share", "weightFactor: 0.5", "weightFactor: 0.25", "schedulingpolicy/fair configured fairsharePolicy.shareDistribution[0].weightFactor", []string{"UpdateSchedulingPolicy"}},
		{"a weight that goes", ", weightFactor: 0.5", "", "schedulingpolicy/fair configured fairsharePolicy.shareDistribution[0].weightFactor", []string{"UpdateSchedulingPolicy"}},
		{"a variable", `value: "yes"`, `value: "no"`, "jobdefinition/train registered containerProperties.environment[0].value", []string{"RegisterJobDefinition"}},
		{"a variable that goes", "  environment: [{name: A, value: \"yes\"}]\n", "", "jobdefinition/train registered containerProperties.environment", []string{"RegisterJobDefinition"}},
		{"tags", "tags: {team: a}\n---\nkind: ComputeEnvironment", "tags: {team: null, x: z}\n---\nkind: ComputeEnvironment", "computeenvironment/pool configured tags.team tags.x", []string{"TagResource", "UntagResource"}},
		{"tags of a revision", "tags: {team: a}\n---\n#", "tags: {team: b}\n---\n#", "jobdefinition/train configured tags.team", []string{"TagResource"}},
	}
	for _, step := range steps {
		s := newSite(t)
		s.apply(t, estate)
		s.calls = nil
		changed := strings.Replace(estate, step.old, step.now, 1)
		if changed == estate {
			t.Fatalf("%s: nothing to replace", step.name)
		}
		got := slices.DeleteFunc(s.apply(t, changed), func(line string) bool { return strings.HasSuffix(line, "unchanged") })
		if diff := cmp.Diff([]string{step.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.calls, s.calls); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", step.name, diff)
		}
		for _, line := range s.apply(t, changed) {
			if !strings.HasSuffix(line, "unchanged") {
				t.Errorf("%s, again: %s", step.name, line)
			}
		}
	}
}

func TestUpdatesKeepWhatTheDocumentDoesNotName(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, estate)
	s.apply(t, "kind: SchedulingPolicy\nname: fair\nfairsharePolicy: {computeReservation: 5}\n---\nkind: ConsumableResource\nconsumableResourceName: licence\n")
	got, err := SchedulingPolicy.Find(t.Context(), s, "fair")
	if err != nil {
		t.Fatal(err)
	}
	fair := child(got, memberFairshare)
	if fair["shareDecaySeconds"] != json.Number("3600") || fair["computeReservation"] != json.Number("5") || len(fair[memberShares].([]any)) != 2 {
		t.Errorf("got %v", fair)
	}
}

func TestWhatCannotBeChangedIsSaid(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, estate)
	for want, replace := range map[string][2]string{
		"computeenvironment/pool: eksConfiguration cannot be changed": {"kubernetesNamespace: jobs}\nupdatePolicy", "kubernetesNamespace: others}\nupdatePolicy"},
		"computeenvironment/spot: type cannot be changed":             {"type: UNMANAGED\nunmanagedvCpus: 8", "type: MANAGED\ncomputeResources: {type: EC2, maxvCpus: 1}"},
		"consumableresource/licence: resourceType cannot be changed":  {"totalQuantity: 5", "totalQuantity: 5\nresourceType: NON_REPLENISHABLE"},
	} {
		planner := &Planner{API: s}
		var err error
		for _, d := range read(t, strings.Replace(estate, replace[0], replace[1], 1)) {
			if _, err = planner.Plan(t.Context(), d); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// shown is everything that the server has, as get -o yaml prints it.
func (s *site) shown(tb testing.TB, docs []Document) string {
	tb.Helper()
	var items []map[string]any
	for _, d := range docs {
		found, err := d.Kind.Find(tb.Context(), s, d.Name)
		if err != nil {
			tb.Fatal(err)
		}
		item, err := d.Kind.Of(found)
		if err != nil {
			tb.Fatal(err)
		}
		items = append(items, item)
	}
	text, err := yaml.Marshal(ListOf(items))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func TestWhatIsShownCanBeApplied(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, estate)
	shown := s.shown(t, read(t, estate))
	for _, line := range s.apply(t, shown) {
		if !strings.HasSuffix(line, "unchanged") {
			t.Error(line)
		}
	}
	other := newSite(t)
	other.apply(t, shown)
	if diff := cmp.Diff(settable(t, shown), settable(t, other.shown(t, read(t, shown)))); diff != "" {
		t.Errorf("made anew elsewhere (-here +there):\n%s", diff)
	}
}

// settable is what of documents can be set.
func settable(tb testing.TB, text string) map[string]map[string]any {
	tb.Helper()
	out := map[string]map[string]any{}
	for _, d := range read(tb, text) {
		out[d.ID()] = d.Body
	}
	return out
}

// drawDefinition draws a job definition that the server takes.
func drawDefinition(rt *rapid.T) map[string]any {
	text := rapid.SampledFrom([]string{"a", "yes", "1", "0x1f", "null", "~", "ä\u202e", "two\nlines", " ", "- x", "#c", "'", `"`, "{}", "a: b"})
	d := map[string]any{"kind": "JobDefinition", "jobDefinitionName": "x", "type": "container"}
	if rapid.Bool().Draw(rt, "parameters") {
		d["parameters"] = map[string]any{"p": text.Draw(rt, "p")}
	}
	if rapid.Bool().Draw(rt, "retries") {
		d["retryStrategy"] = map[string]any{"attempts": rapid.IntRange(1, 10).Draw(rt, "attempts")}
	}
	if rapid.Bool().Draw(rt, "timeout") {
		d["timeout"] = map[string]any{"attemptDurationSeconds": rapid.IntRange(60, 600).Draw(rt, "seconds")}
	}
	if rapid.Bool().Draw(rt, "priority") {
		d["schedulingPriority"] = rapid.IntRange(0, 9).Draw(rt, "schedulingPriority")
	}
	if rapid.Bool().Draw(rt, "tags") {
		d["tags"] = map[string]any{"t": rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "tag")}
	}
	environment := []any{}
	for range rapid.IntRange(0, 3).Draw(rt, "variables") {
		environment = append(environment, map[string]any{"name": "N" + rapid.StringMatching(`[A-Z]{2}`).Draw(rt, "name"), "value": text.Draw(rt, "value")})
	}
	if rapid.Bool().Draw(rt, "pod") {
		d["eksProperties"] = map[string]any{"podProperties": map[string]any{"containers": []any{map[string]any{
			"image": "busybox", "env": environment, "args": []any{text.Draw(rt, "argument")},
			"resources": map[string]any{"limits": map[string]any{"cpu": "1", "memory": "64Mi"}},
		}}}}
		return d
	}
	if rapid.Bool().Draw(rt, "platform") {
		d["platformCapabilities"] = []any{"EC2"}
	}
	container := map[string]any{
		"image": "busybox", "environment": environment,
		"resourceRequirements": []any{map[string]any{"type": "VCPU", "value": "1"}, map[string]any{"type": "MEMORY", "value": "64"}},
	}
	if rapid.Bool().Draw(rt, "command") {
		container["command"] = []any{"echo", text.Draw(rt, "word")}
	}
	if rapid.Bool().Draw(rt, "privileged") {
		container["privileged"] = rapid.Bool().Draw(rt, "isPrivileged")
	}
	d["containerProperties"] = container
	return d
}

// TestApplyIsIdempotent is a property: what was applied is unchanged, as written and as shown; and another definition is registered
// if, and only if, it is another one.
func TestApplyIsIdempotent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rapid.Check(t, func(rt *rapid.T) {
		var texts [2]string
		var whole [2]map[string]any
		for i := range texts {
			whole[i] = drawDefinition(rt)
			text, err := yaml.Marshal(whole[i])
			if err != nil {
				rt.Fatal(err)
			}
			texts[i] = string(text)
		}
		s.apply(t, texts[0])
		docs := read(t, texts[0])
		for _, text := range []string{texts[0], s.shown(t, docs)} {
			if got := s.apply(t, text); !strings.HasSuffix(got[0], "unchanged") {
				rt.Fatalf("again: %s\n%s", got[0], text)
			}
		}
		got := s.apply(t, texts[1])[0]
		for _, w := range whole {
			delete(w, "tags")
			if p, ok := w["platformCapabilities"]; ok && len(p.([]any)) == 1 {
				delete(w, "platformCapabilities")
			}
		}
		if differs := !same(mustJSON(whole[0]), mustJSON(whole[1])); differs != strings.Contains(got, "registered") {
			rt.Fatalf("differs %v: %s\n%s---\n%s", differs, got, texts[0], texts[1])
		}
	})
}

func mustJSON(v any) string {
	text, _ := json.Marshal(v)
	text = []byte(strings.NewReplacer(`"environment":[],`, "", `"env":[],`, "").Replace(string(text)))
	return string(text)
}

func TestRead(t *testing.T) {
	t.Parallel()
	const queue = `jobQueueName: q, priority: 1`
	cases := map[string]struct {
		text string
		want string // IDs, or what the error says
	}{
		"JSON behind each other":           {`{"kind":"JobQueue","jobQueueName":"a","priority":1} {"kind":"JobQueue","jobQueueName":"b","priority":1}`, "jobqueue/a jobqueue/b"},
		"a JSON list":                      {`[{"kind":"JobQueue","jobQueueName":"a","priority":1}]`, "jobqueue/a"},
		"YAML that begins with a brace":    {`{kind: JobQueue, ` + queue + `}`, "jobqueue/q"},
		"separators around nothing":        {"---\n---\n{kind: JobQueue, " + queue + "}\n---\n", "jobqueue/q"},
		"nothing":                          {"# nothing\n", ""},
		"no kind":                          {`{` + queue + `}`, "f: document 1: kind: is required, one of SchedulingPolicy"},
		"an unknown kind":                  {`{kind: Queue, ` + queue + `}`, `kind: "Queue" must be one of`},
		"another version":                  {`{kind: JobQueue, apiVersion: v1, ` + queue + `}`, "apiVersion: must be batch.muster.sh/v1 or absent"},
		"no name":                          {`{kind: JobQueue, priority: 1}`, "(JobQueue ): jobQueueName: is required"},
		"a member that is required":        {`{kind: JobQueue, jobQueueName: q}`, "(JobQueue q): priority: is required"},
		"an unknown member":                {`{kind: JobQueue, prioritee: 1, ` + queue + `}`, "(JobQueue q): prioritee: unknown member"},
		"in another case":                  {`{kind: JobQueue, Priority: 1, ` + queue + `}`, "Priority: unknown member; did you mean priority?"},
		"an unknown member further down":   {`{kind: ComputeEnvironment, computeEnvironmentName: c, type: MANAGED, computeResources: {type: EC2, maxvCpus: 1, subnet: [x]}}`, "computeResources.subnet: unknown member; did you mean subnets?"},
		"an unknown member of a list":      {`{kind: JobQueue, computeEnvironmentOrder: [{order: 1, environment: x}], ` + queue + `}`, "computeEnvironmentOrder[0].environment: unknown member"},
		"a hole in a list":                 {`{kind: JobQueue, computeEnvironmentOrder: [null], ` + queue + `}`, "computeEnvironmentOrder[0]: is empty"},
		"a number for a string":            {`{kind: JobQueue, state: 1, ` + queue + `}`, "state: must be a string, not a number: put it in quotes"},
		"yes for a string":                 {`{kind: JobQueue, tags: {a: yes}, ` + queue + `}`, "tags.a: must be a string, not a boolean: put it in quotes"},
		"a string for a number":            {`{kind: JobQueue, jobQueueName: q, priority: high}`, "priority: must be a whole number, not a string"},
		"an object for a list":             {`{kind: JobQueue, computeEnvironmentOrder: {order: 1}, ` + queue + `}`, "computeEnvironmentOrder: must be a list, not an object"},
		"a value that is none of an enum":  {`{kind: JobQueue, state: ON, ` + queue + `}`, "state: must be"},
		"a member twice":                   {"kind: JobQueue\njobQueueName: q\npriority: 1\npriority: 2\n", `key "priority" already set in map`},
		"what is no YAML":                  {"a: b: c", "f: document 1: mapping values are not allowed"},
		"what is no object":                {"- x", "f: document 1, item 1: must be an object"},
		"a list without items":             {"kind: List", "items must be a list"},
		"the same thing twice":             {"{kind: JobQueue, " + queue + "}\n---\n{kind: JobQueue, " + queue + "}", "f: document 2: jobqueue/q is in f: document 1, too"},
		"what the server shows is no harm": {`{kind: JobQueue, status: VALID, jobQueueArn: "arn:x", statusReason: x, ` + queue + `}`, "jobqueue/q"},
		"null is as good as absent":        {`{kind: JobQueue, state: null, computeEnvironmentOrder: [{order: 1, computeEnvironment: null}], ` + queue + `}`, "computeEnvironmentOrder[0].computeEnvironment: is required"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			docs, err := Read(strings.NewReader(tc.text), "f")
			if err == nil {
				err = order(docs)
			}
			var ids []string
			for i := range docs {
				ids = append(ids, docs[i].ID())
			}
			got := strings.Join(ids, " ")
			if err != nil {
				if !strings.Contains(err.Error(), tc.want) || tc.want == "" {
					t.Errorf("got error %v, want %s", err, tc.want)
				}
				return
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("a: &a [x,x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'k'; c++ {
		bomb.WriteString(string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n")
	}
	for name, text := range map[string]string{
		"a large file":   strings.Repeat("#", maxFile+1),
		"many documents": strings.Repeat("{kind: JobQueue, jobQueueName: q, priority: 1}\n---\n", maxDocuments+1),
		"a YAML bomb":    bomb.String(),
	} {
		if _, err := Read(strings.NewReader(text), "f"); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, estate)
	ctx := t.Context()
	docs := read(t, estate)
	slices.Reverse(docs)
	if err := s.Client.Call(ctx, "SubmitJob", map[string]any{"jobName": "j", "jobQueue": "research", "jobDefinition": "train", "shareIdentifier": "a"}, nil); err != nil {
		t.Fatal(err)
	}
	d := &Deleter{API: s}
	if _, err := d.Delete(ctx, JobQueue, "research"); err == nil || !strings.Contains(err.Error(), "jobs that have not ended") {
		t.Errorf("a queue with jobs: %v", err)
	}
	d.TerminatesJobs = true
	go s.collect(ctx)
	var got []string
	for _, doc := range docs {
		action, err := d.Delete(ctx, doc.Kind, doc.Name)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(action))
		again, err := d.Delete(ctx, doc.Kind, doc.Name)
		if err != nil || again != Absent {
			t.Errorf("again: %s, %v", again, err)
		}
	}
	if diff := cmp.Diff(slices.Repeat([]string{"deleted"}, len(docs)), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// collect takes away what is DELETING, as the leader does.
func (s *site) collect(ctx context.Context) {
	for ctx.Err() == nil {
		queues, _ := s.store.Queues(ctx)
		for _, q := range queues {
			if q.Status == batch.ResourceDeleting {
				_ = s.store.DeleteQueue(ctx, q.Name)
			}
		}
		environments, _ := s.store.Environments(ctx)
		for _, e := range environments {
			if e.Status == batch.ResourceDeleting {
				_ = s.store.DeleteEnvironment(ctx, e.Name)
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, estate)
	set := func(status batch.ResourceStatus) {
		_, err := s.store.UpdateEnvironment(t.Context(), "pool", func(e *batch.ComputeEnvironment) error {
			e.Status, e.StatusReason = status, "no subnet"
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	time.AfterFunc(50*time.Millisecond, func() { set(batch.ResourceValid) })
	if err := ComputeEnvironment.Await(t.Context(), s, "pool"); err != nil {
		t.Error(err)
	}
	set(batch.ResourceInvalid)
	if err := ComputeEnvironment.Await(t.Context(), s, "pool"); err == nil || !strings.Contains(err.Error(), "computeenvironment/pool is INVALID: no subnet") {
		t.Errorf("got %v", err)
	}
	if err := JobQueue.Await(t.Context(), s, "none"); err == nil {
		t.Error("what is not there was awaited")
	}
	if err := JobDefinition.Await(t.Context(), s, "train"); err != nil {
		t.Error(err)
	}
}

func TestNumbersAreComparedByTheirValue(t *testing.T) {
	t.Parallel()
	const many = "1e-999999999"
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"1", "1.0", true},
		{"1", "1e0", true},
		{"0.1", "0.10", true},
		{"1", "2", false},
		{"9007199254740993", "9007199254740992", false},
		{many, many, true},
		{many, "1e-999999998", true},
		{strings.Repeat("9", 70), "1", false},
		{"1e400", "1e401", false},
	} {
		if same(json.Number(tc.a), json.Number(tc.b)) != tc.want {
			t.Errorf("%s and %s: %v", tc.a, tc.b, !tc.want)
		}
	}
}

func TestParseKind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*Kind{
		"jq": JobQueue, "queues": JobQueue, "JobQueue": JobQueue, "ce": ComputeEnvironment, "policies": SchedulingPolicy, "SchedulingPolicies": SchedulingPolicy,
		"jd": JobDefinition, "consumables": ConsumableResource, "job": nil, "": nil,
	} {
		if got, err := ParseKind(text); got != want || (err == nil) != (want != nil) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

// FuzzRead: no text harms the reader, and what it takes can be compared with itself without a difference.
func FuzzRead(f *testing.F) {
	f.Add(estate)
	f.Add(`{"kind":"JobQueue","jobQueueName":"a","priority":1e0}`)
	f.Add("{kind: SchedulingPolicy, name: a, fairsharePolicy: {shareDistribution: [{shareIdentifier: x, weightFactor: 1e-999999999}]}}")
	f.Add("kind: List\nitems: [{kind: ConsumableResource, consumableResourceName: \"\\u202e\", totalQuantity: 1e999999999}]")
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := Read(strings.NewReader(text), "f")
		if err != nil {
			return
		}
		for _, d := range docs {
			if changes := d.Kind.differences(d.Body, cloneMap(d.Body)); len(changes) > 0 {
				t.Errorf("%s differs from itself: %v", d.ID(), changes)
			}
		}
	})
}

// TestTheDocumentedFilesApply applies the file of docs/apply.md, whose commands CI plays.
func TestTheDocumentedFilesApply(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/apply.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	s := newSite(t)
	want := []string{"schedulingpolicy/by-team created", "consumableresource/licence created", "computeenvironment/spare created", "jobqueue/research created", "jobdefinition/train created"}
	if diff := cmp.Diff(want, s.apply(t, text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want = []string{"schedulingpolicy/by-team unchanged", "consumableresource/licence unchanged", "computeenvironment/spare unchanged", "jobqueue/research configured priority", "jobdefinition/train registered parameters.text"}
	if diff := cmp.Diff(want, s.apply(t, strings.NewReplacer("priority: 10", "priority: 20", "text: hello", "text: bye").Replace(text))); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}
