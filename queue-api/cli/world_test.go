// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/authn"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/events"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/logs/cloudwatch"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// world is queue-api's API over the reference store, in which jobs move on as the test says.
type world struct {
	*storetest.Memory

	url string
	pods
	collector *logs.Collector
	archive   *faulty

	mu       sync.Mutex        // guards what follows
	answers  map[string][]byte // given for a path instead of the API's
	requests []string          // methods and paths of all that was asked
}

// newWorld starts the API and gives what ends it. Keys that the file of access keys has are wanted, if there is one.
func newWorld(keysFile string) (*world, func(), error) {
	w := &world{
		Memory: storetest.NewMemory(), pods: pods{texts: map[string][]string{}, jobs: map[string]string{}, open: map[string]bool{}}, answers: map[string][]byte{},
	}
	plane, err := controlplane.New(w.Memory, clock.RealClock{}, controlplane.Config{})
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "muster-logs-")
	if err != nil {
		return nil, nil, err
	}
	store, err := logs.OpenDir(dir)
	if err != nil {
		return nil, nil, err
	}
	w.archive = &faulty{Store: store}
	archive, err := logs.NewArchive(w.archive)
	if err != nil {
		return nil, nil, err
	}
	metrics, err := logs.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		return nil, nil, err
	}
	w.collector = logs.NewCollector(archive, &w.pods, metrics, logs.CollectorConfig{Workers: 4, Followers: 1})
	done := make(chan struct{})
	cfg := httpapi.Config{
		Logs: cloudwatch.New(logs.NewView(archive, &w.pods), nil, clock.RealClock{}).Operations(),
		Events: events.NewStream(w.Memory, events.Composer{Jobs: plane, Scope: batch.Scope{Region: "us-east-1", Account: "123456789012"}},
			events.StreamConfig{Poll: 20 * time.Millisecond, Done: done}),
	}
	if keysFile != "" {
		keys, err := authn.OpenAccessKeys(keysFile, clock.RealClock{})
		if err != nil {
			return nil, nil, err
		}
		sessions, err := authn.OpenSessionKeys(filepath.Join(filepath.Dir(keysFile), "sessions"), clock.RealClock{})
		if err != nil {
			return nil, nil, err
		}
		cfg.Authenticator = &authn.Authenticator{Keys: keys, Sessions: sessions, Tokens: tokens{}, Clock: clock.RealClock{}}
		cfg.Credentials, cfg.Authorizer = sessions.Issue, keepers{}
	}
	api, err := httpapi.New(plane, prometheus.NewRegistry(), cfg)
	if err != nil {
		return nil, nil, err
	}
	server := httptest.NewServer(w.before(api))
	w.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	var collecting sync.WaitGroup
	collecting.Go(func() { _ = w.collector.Run(ctx) }) // has no error
	return w, func() {
		close(done)
		cancel()
		collecting.Wait()
		server.CloseClientConnections()
		server.Close()
		_ = os.RemoveAll(dir)
	}, nil
}

// tokens are users' names, after "token-of-".
type tokens struct{}

// Review implements authn.TokenReviewer.
func (tokens) Review(_ context.Context, token string) (batch.User, error) {
	name, ok := strings.CutPrefix(token, "token-of-")
	if !ok {
		return batch.User{}, &batch.Error{Code: batch.CodeUnrecognizedClient, Message: "The security token included in the request is invalid."}
	}
	return batch.User{Name: name, Groups: []string{"people"}}, nil
}

// keepers let everybody do everything but delete.
type keepers struct{}

// Authorize implements httpapi.Authorizer.
func (keepers) Authorize(_ context.Context, call batch.Call, operation string, _ any) error {
	if strings.HasPrefix(operation, "Delete") {
		return &batch.Error{Code: batch.CodeAccessDenied, Message: "User: " + call.User.Name + " is not authorized to perform: batch:" + operation}
	}
	return nil
}

// Filter implements httpapi.Authorizer.
func (keepers) Filter(context.Context, batch.Call, string, any) error { return nil }

// before gives the answers that the test gave, and notes what was asked.
func (w *world) before(api http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests = append(w.requests, r.Method+" "+r.URL.Path)
		answer, ok := w.answers[r.URL.Path]
		w.mu.Unlock()
		if !ok {
			api.ServeHTTP(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(answer)
	})
}

// answer has a path answered so from now on.
func (w *world) answer(path string, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[path] = body
}

// client asks the world as the program does.
func (w *world) client() (*client.Client, error) { return client.New(client.Config{Endpoint: w.url}) }

// outcome is how an attempt ends.
type outcome struct {
	exitCode int
	reason   string
	isLost   bool // the machine is gone, and the log with it
}

// keep has the logs of a job's attempt under way kept; its pods are gone then.
func (w *world) keep(job batch.Job, isLost bool) {
	for _, name := range podsOf(job) {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)},
			Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "default", ContainerID: "c"}}},
		}
		w.collector.Keep(job, pod, isLost, func() { w.forget(name) })
	}
}

// faulty is a Store that can be made to take nothing.
type faulty struct {
	logs.Store

	isDown atomic.Bool
}

// Put implements logs.Store.
func (f *faulty) Put(ctx context.Context, key string, content []byte) error {
	if f.isDown.Load() {
		return errors.New("the store takes nothing")
	}
	return f.Store.Put(ctx, key, content)
}

// advance moves a job on to a status, through those before it. The log of an attempt that ends is kept.
func (w *world) advance(ctx context.Context, id string, to batch.JobStatus, end outcome) error {
	for {
		var reached batch.JobStatus
		var before batch.Job
		job, err := w.Transition(ctx, id, func(j batch.Job) (batch.Job, error) {
			before = j
			if reached = j.Status; j.Status == to || j.Status.IsTerminal() {
				return j, nil
			}
			next, _, err := lifecycle.Step(j, w.next(j, to, end), time.Now())
			reached = next.Status
			return next, err
		})
		if err != nil {
			return fmt.Errorf("job %s: %w", id, err)
		}
		w.note(job)
		if before.Current != nil && job.Current == nil {
			w.keep(before, end.isLost)
		}
		if reached == to || reached.IsTerminal() {
			return nil
		}
	}
}

// next is what happens to a job on its way.
func (w *world) next(j batch.Job, to batch.JobStatus, end outcome) lifecycle.Event {
	attempt := len(j.Attempts) + 1
	switch {
	case j.Current == nil:
		ev := lifecycle.Admitted{ComputeEnvironment: "ce", PodName: newPodName(), PodNamespace: "jobs"}
		for range j.NumNodes {
			ev.Nodes = append(ev.Nodes, newPodName())
		}
		return ev
	case j.Status == batch.StatusRunnable:
		return lifecycle.Bound{Attempt: attempt, Node: j.MainNode, NodeName: "node-1", InstanceID: "i-0123456789abcdef0"}
	case j.Status == batch.StatusStarting && to != batch.StatusStarting:
		return lifecycle.Started{Attempt: attempt, Node: j.MainNode, At: time.Now()}
	}
	return lifecycle.Ended{
		Attempt: attempt, Node: j.MainNode, Succeeded: to == batch.StatusSucceeded, StatusReason: lifecycle.ReasonExited,
		Containers: []batch.ContainerOutcome{{Name: "default", ExitCode: &end.exitCode, Reason: end.reason}},
	}
}

func newPodName() string { return "aws-batch." + uuid.NewString() }

// pods are containers' logs as their kubelets have them, by task.
type pods struct {
	mu    sync.Mutex // guards what follows
	texts map[string][]string
	jobs  map[string]string
	open  map[string]bool // whose last line has no end
}

// forget has a pod be gone.
func (p *pods) forget(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.jobs, batch.TaskID(name))
}

func (p *pods) hasPod(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.jobs[batch.TaskID(name)]
	return ok
}

// writeOpen has the pod of a job's attempt under way write a line that has no end.
func (p *pods) writeOpen(job batch.Job, line string) {
	p.write(job, 0, line)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[batch.TaskID(podsOf(job)[0])] = true
}

// note has the pods of a job's attempt be there.
func (p *pods) note(job batch.Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if job.Current == nil {
		return
	}
	for _, pod := range podsOf(job) {
		p.jobs[batch.TaskID(pod)] = job.ID
	}
}

func podsOf(job batch.Job) []string {
	if !job.IsMultiNode() {
		return []string{job.Current.PodName}
	}
	var names []string
	for _, n := range job.Current.Nodes {
		names = append(names, n.PodName)
	}
	return names
}

// write has the pod of a job's attempt under way write lines; of a multi-node job, that of a node.
func (p *pods) write(job batch.Job, node int, lines ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	task := batch.TaskID(podsOf(job)[node])
	p.texts[task] = append(p.texts[task], lines...)
}

// Find implements logs.Live.
func (p *pods) Find(_ context.Context, stream string) (logs.Origin, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	task := stream[strings.LastIndexByte(stream, '/')+1:]
	job, ok := p.jobs[task]
	if !ok {
		return logs.Origin{}, "", logs.ErrNotFound
	}
	return logs.Origin{Pod: batch.PodOfTask(task)}, job, nil
}

// writtenFrom is when the first line of each log was written; a line a second follows.
var writtenFrom = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Open implements logs.Live.
func (p *pods) Open(_ context.Context, origin logs.Origin, since time.Time) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	task := batch.TaskID(origin.Pod)
	if _, ok := p.jobs[task]; !ok {
		return nil, logs.ErrNotFound
	}
	var b strings.Builder
	for i, line := range p.texts[task] {
		if at := writtenFrom.Add(time.Duration(i) * time.Second); !at.Before(since) {
			b.WriteString(at.Format(time.RFC3339Nano) + " " + line + "\n")
		}
	}
	text := b.String()
	if p.open[task] {
		text = strings.TrimSuffix(text, "\n")
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// Read implements logs.Source.
func (p *pods) Read(ctx context.Context, origin logs.Origin, since time.Time, _ bool) (io.ReadCloser, error) {
	return p.Open(ctx, origin, since)
}

// Fate implements logs.Live.
func (p *pods) Fate(_ context.Context, stream string, _ *logs.Origin, _ string) (logs.Fate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.jobs[stream[strings.LastIndexByte(stream, '/')+1:]]; !ok {
		return logs.FateGone, nil
	}
	return logs.FateOpen, nil
}

// furnish makes what jobs need: environment ce, queues q and empty, definitions d of a container and e of a pod.
func (w *world) furnish(ctx context.Context) error {
	c, err := w.client()
	if err != nil {
		return err
	}
	for _, step := range []struct{ operation, body string }{
		{"CreateComputeEnvironment", `{"computeEnvironmentName":"ce","type":"MANAGED","computeResources":{"type":"EC2","minvCpus":0,"maxvCpus":8,"instanceTypes":["c5.large"]},
			"eksConfiguration":{"eksClusterArn":"arn:aws:eks:eu-west-1:123456789012:cluster/c","kubernetesNamespace":"jobs"}}`},
		{"CreateJobQueue", `{"jobQueueName":"q","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`},
		{"CreateJobQueue", `{"jobQueueName":"empty","priority":5,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`},
		{"RegisterJobDefinition", `{"jobDefinitionName":"d","type":"container","parameters":{"n":"1"},"containerProperties":{"image":"busybox","command":["echo","Ref::n"],
			"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}}`},
		{"RegisterJobDefinition", `{"jobDefinitionName":"e","type":"container","eksProperties":{"podProperties":{"containers":[{"image":"busybox","command":["sleep","1"],
			"resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}}`},
		{"RegisterJobDefinition", `{"jobDefinitionName":"m","type":"multinode","nodeProperties":{"numNodes":2,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:",
			"container":{"image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}}]}}`},
	} {
		if err := c.Call(ctx, step.operation, rawJSON(step.body), nil); err != nil {
			return err
		}
	}
	return nil
}

// rawJSON is a request as it is.
type rawJSON string

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// startWorld is a furnished world for a test in Go.
func startWorld(t *testing.T) *world {
	t.Helper()
	w, end, err := newWorld("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	if err := w.furnish(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// keysIn writes a file of access keys: AKIDANN with the secret annannannannannann.
func keysIn(dir string) (string, error) {
	path := filepath.Join(dir, "keys.yaml")
	if err := os.WriteFile(filepath.Join(dir, "sessions"), []byte(strings.Repeat("k", 40)), 0o600); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte("- {accessKeyId: AKIDANN, secretAccessKey: annannannannannann, user: ann}\n"), 0o600)
}
