// SPDX-License-Identifier: Apache-2.0

package cloudwatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8stypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/hack/sdktest"
	"github.com/muster-batch/muster/queue-api/authn"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/logs"
)

const jobID = "00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// pods are containers' logs as their kubelets have them, by task, until each is gone.
type pods struct {
	mu    sync.Mutex // guards texts
	texts map[string][]string
}

func (p *pods) write(task string, lines ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts[task] = append(p.texts[task], lines...)
}

func (p *pods) Find(_ context.Context, stream string) (logs.Origin, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	task := stream[strings.LastIndexByte(stream, '/')+1:]
	if _, ok := p.texts[task]; !ok {
		return logs.Origin{}, "", logs.ErrNotFound
	}
	return logs.Origin{Pod: batch.PodOfTask(task)}, jobID, nil
}

func (p *pods) Fate(_ context.Context, stream string, _ *logs.Origin, _ string) (logs.Fate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.texts[stream[strings.LastIndexByte(stream, '/')+1:]]; !ok {
		return logs.FateGone, nil
	}
	return logs.FateOpen, nil
}

// Read shows a line a second.
func (p *pods) Read(_ context.Context, origin logs.Origin, since time.Time, _ bool) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines, ok := p.texts[batch.TaskID(origin.Pod)]
	if !ok {
		return nil, logs.ErrNotFound
	}
	var b strings.Builder
	for i, line := range lines {
		if at := began.Add(time.Duration(i) * time.Second); !at.Before(since) {
			b.WriteString(at.Format(time.RFC3339Nano) + " " + line + "\n")
		}
	}
	return io.NopCloser(strings.NewReader(b.String())), nil
}

func (p *pods) Open(ctx context.Context, origin logs.Origin, since time.Time) (io.ReadCloser, error) {
	return p.Read(ctx, origin, since, false)
}

// viewer lets nobody but its user see jobs.
type viewer struct{ user string }

func (v viewer) VisibleJobs(_ context.Context, call batch.Call, ids []string) ([]bool, error) {
	return slices.Repeat([]bool{call.User.Name == v.user}, len(ids)), nil
}

// open lets everybody call everything.
type open struct{}

func (open) Authorize(context.Context, batch.Call, string, any) error { return nil }
func (open) Filter(context.Context, batch.Call, string, any) error    { return nil }

// site is the service behind the server's port, with its archive in a directory.
type site struct {
	*pods

	collector *logs.Collector
	service   *Service
	endpoint  string
}

func newSite(t *testing.T) *site {
	t.Helper()
	store, err := logs.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	archive, err := logs.NewArchive(store)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := logs.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{pods: &pods{texts: map[string][]string{}}}
	s.collector = logs.NewCollector(archive, s.pods, metrics, logs.CollectorConfig{Workers: 2})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.collector.Run(ctx) }) // has no error
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	keys := t.TempDir() + "/keys"
	writeFile(t, keys, "- {accessKeyId: AKIDANN, secretAccessKey: annannannannannann, user: ann}\n- {accessKeyId: AKIDBOB, secretAccessKey: bobbobbobbobbobbob, user: bob}\n")
	access, err := authn.OpenAccessKeys(keys, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	s.service = New(logs.NewView(archive, s.pods), viewer{"ann"}, clock.RealClock{})
	api, err := httpapi.New(struct{ httpapi.ControlPlane }{}, prometheus.NewRegistry(), httpapi.Config{
		Logs: s.service.Operations(), Authorizer: open{}, SealKey: func(context.Context) ([]byte, error) { return make([]byte, 32), nil }, Authenticator: &authn.Authenticator{Keys: access, Clock: clock.RealClock{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	s.endpoint = server.URL
	return s
}

func taskOf(i int) string   { return fmt.Sprintf("%032x", i) }
func streamOf(i int) string { return "hello/default/" + taskOf(i) }

// end has the pod of a task end: its log is kept, and it is gone.
func (s *site) end(t *testing.T, task string) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: batch.PodOfTask(task), UID: k8stypes.UID(task)},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "default", ContainerID: "c"}}},
	}
	kept := make(chan struct{})
	s.collector.Keep(batch.Job{ID: jobID, Definition: batch.DefinitionRef{Name: "hello"}}, pod, false, func() { close(kept) })
	select {
	case <-kept:
	case <-time.After(time.Minute):
		t.Fatal("the log is not kept")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.texts, task)
}

func (s *site) client(user string) *cloudwatchlogs.Client {
	return cloudwatchlogs.New(cloudwatchlogs.Options{
		BaseEndpoint: &s.endpoint, Region: "eu-west-1", Retryer: sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID" + strings.ToUpper(user), SecretAccessKey: strings.Repeat(user, 6)}, nil
		}),
	})
}

func messages(events []types.OutputLogEvent) (list []string) {
	for _, e := range events {
		list = append(list, *e.Message)
	}
	return list
}

// page asks for a page as the SDK does.
func page(t *testing.T, c *cloudwatchlogs.Client, in *cloudwatchlogs.GetLogEventsInput) *cloudwatchlogs.GetLogEventsOutput {
	t.Helper()
	in.LogGroupName, in.LogStreamName = aws.String(Group), aws.String(streamOf(1))
	out, err := c.GetLogEvents(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGetLogEvents holds whether the pod lives or not.
func TestGetLogEvents(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"while the pod lives", "after it is gone"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.write(taskOf(1), "a", "b", "c", "d", "e")
			if name == "after it is gone" {
				s.end(t, taskOf(1))
			}
			getLogEventsCases(t, s.client("ann"))
		})
	}
}

func getLogEventsCases(t *testing.T, c *cloudwatchlogs.Client) {
	t.Helper()
	head := &cloudwatchlogs.GetLogEventsInput{StartFromHead: aws.Bool(true), Limit: aws.Int32(2)}
	var got []string
	for pages := cloudwatchlogs.NewGetLogEventsPaginator(c, withNames(head), untilTheEnd); pages.HasMorePages(); {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, messages(out.Events)...)
	}
	wantMessages(t, "the SDK's paginator", got, "a", "b", "c", "d", "e")

	last := page(t, c, &cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(2)})
	wantMessages(t, "the last page", messages(last.Events), "d", "e")
	if at := *last.Events[1].Timestamp; at != began.Add(4*time.Second).UnixMilli() {
		t.Errorf("the last event is of %d", at)
	}
	again := page(t, c, &cloudwatchlogs.GetLogEventsInput{NextToken: last.NextForwardToken})
	if len(again.Events) > 0 || *again.NextForwardToken != *last.NextForwardToken {
		t.Errorf("at the end: %d events, token %s after %s", len(again.Events), *again.NextForwardToken, *last.NextForwardToken)
	}
	before := page(t, c, &cloudwatchlogs.GetLogEventsInput{NextToken: last.NextBackwardToken, Limit: aws.Int32(2)})
	wantMessages(t, "the page before", messages(before.Events), "b", "c")
	first := page(t, c, &cloudwatchlogs.GetLogEventsInput{NextToken: before.NextBackwardToken})
	wantMessages(t, "the first page", messages(first.Events), "a")
	none := page(t, c, &cloudwatchlogs.GetLogEventsInput{NextToken: first.NextBackwardToken})
	if len(none.Events) > 0 || *none.NextBackwardToken != *first.NextBackwardToken {
		t.Errorf("at the beginning: %d events, token %s after %s", len(none.Events), *none.NextBackwardToken, *first.NextBackwardToken)
	}
	back := page(t, c, &cloudwatchlogs.GetLogEventsInput{NextToken: none.NextForwardToken, Limit: aws.Int32(1)})
	wantMessages(t, "forward from the beginning", messages(back.Events), "a")
	span := page(t, c, &cloudwatchlogs.GetLogEventsInput{
		StartTime: aws.Int64(began.Add(time.Second).UnixMilli()), EndTime: aws.Int64(began.Add(3 * time.Second).UnixMilli()), StartFromHead: aws.Bool(true),
	})
	wantMessages(t, "from a time until before another", messages(span.Events), "b", "c")
}

// untilTheEnd has the SDK end where the token does not change any more.
func untilTheEnd(o *cloudwatchlogs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true }

func withNames(in *cloudwatchlogs.GetLogEventsInput) *cloudwatchlogs.GetLogEventsInput {
	in.LogGroupName, in.LogStreamName = aws.String(Group), aws.String(streamOf(1))
	return in
}

func wantMessages(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s mismatch (-want +got):\n%s", what, diff)
	}
}

// TestTailAcrossTheEnd goes on by tokens while the pod writes, ends and goes.
func TestTailAcrossTheEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.client("ann")
	var token *string
	var got, want []string
	read := func() {
		out := page(t, c, &cloudwatchlogs.GetLogEventsInput{StartFromHead: aws.Bool(true), NextToken: token})
		got, token = append(got, messages(out.Events)...), out.NextForwardToken
	}
	s.write(taskOf(1))
	for i := range 20 {
		want = append(want, fmt.Sprint("line ", i))
		s.write(taskOf(1), want[i])
		if i%3 == 0 {
			read()
		}
	}
	s.end(t, taskOf(1))
	read()
	read()
	wantMessages(t, "the tail", got, want...)
}

func TestPageIsAtMostAMebibyte(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.client("ann")
	for range 30 {
		s.write(taskOf(1), strings.Repeat("x", 100_000))
	}
	for _, fromHead := range []bool{true, false} {
		out := page(t, c, &cloudwatchlogs.GetLogEventsInput{StartFromHead: &fromHead})
		if len(out.Events) != 10 { // 11 would be more
			t.Errorf("from the head %v: %d events", fromHead, len(out.Events))
		}
	}
	s.end(t, taskOf(1))
	if out := page(t, c, &cloudwatchlogs.GetLogEventsInput{}); len(out.Events) != 10 {
		t.Errorf("kept: %d events", len(out.Events))
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(taskOf(1), "secret")
	s.write(taskOf(2), "secret")
	s.end(t, taskOf(2))
	get := func(user, group, stream string) error {
		_, err := s.client(user).GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: &group, LogStreamName: &stream})
		return err
	}
	for name, err := range map[string]error{
		"another group":            get("ann", "/aws/lambda/x", streamOf(1)),
		"no such stream":           get("ann", Group, streamOf(9)),
		"not a stream":             get("ann", Group, "../../etc/passwd"),
		"another's, of a live pod": get("bob", Group, streamOf(1)),
		"another's, that is kept":  get("bob", Group, streamOf(2)),
		"another's, named to search": func() error {
			_, err := s.client("bob").FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(Group), LogStreamNames: []string{streamOf(2)}})
			return err
		}(),
	} {
		if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	bob := s.client("bob")
	list, err := bob.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(Group)})
	if err != nil || len(list.LogStreams) > 0 {
		t.Errorf("another's are listed: %v, %v", list, err)
	}
	found, err := bob.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(Group)})
	if err != nil || len(found.Events) > 0 {
		t.Errorf("another's are found: %v, %v", found, err)
	}
	for _, in := range []*cloudwatchlogs.GetLogEventsInput{{Limit: aws.Int32(10_001)}, {Limit: aws.Int32(0)}, {NextToken: aws.String("f/1")}} {
		_, err := s.client("ann").GetLogEvents(t.Context(), withNames(in))
		if _, ok := errors.AsType[*types.InvalidParameterException](err); !ok {
			t.Errorf("%+v: %v", in, err)
		}
	}
	_, err = s.client("ann").DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	if err == nil || !strings.Contains(err.Error(), "UnknownOperationException") {
		t.Errorf("another operation: %v", err)
	}
	_, err = s.client("eve").GetLogEvents(t.Context(), withNames(&cloudwatchlogs.GetLogEventsInput{}))
	if err == nil || !strings.Contains(err.Error(), batch.CodeUnrecognizedClient) {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestDescribeLogStreams(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 7 {
		s.write(taskOf(i), slices.Repeat([]string{"x"}, 1+(i*3)%7)...)
		s.end(t, taskOf(i))
	}
	s.write(taskOf(8), "lives")
	c := s.client("ann")
	list := func(in *cloudwatchlogs.DescribeLogStreamsInput) (names []string) {
		in.LogGroupName = aws.String(Group)
		for pages := cloudwatchlogs.NewDescribeLogStreamsPaginator(c, in); pages.HasMorePages(); {
			out, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range out.LogStreams {
				names = append(names, strings.TrimLeft((*one.LogStreamName)[14:], "0"))
			}
		}
		return names
	}
	wantMessages(t, "by name", list(&cloudwatchlogs.DescribeLogStreamsInput{Limit: aws.Int32(2)}), "", "1", "2", "3", "4", "5", "6")
	wantMessages(t, "by name, the last first", list(&cloudwatchlogs.DescribeLogStreamsInput{Limit: aws.Int32(3), Descending: aws.Bool(true)}), "6", "5", "4", "3", "2", "1", "")
	wantMessages(t, "by time, the latest first", list(&cloudwatchlogs.DescribeLogStreamsInput{
		Limit: aws.Int32(2), OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true),
	}), "2", "4", "6", "1", "3", "5", "")
	wantMessages(t, "by prefix", list(&cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("hell")}), "", "1", "2", "3", "4", "5", "6")
	wantMessages(t, "by another prefix", list(&cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("hellos/")}))
	wantMessages(t, "one that lives", list(&cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String(streamOf(8))}), "8")
}

func TestFilterLogEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 3 {
		for n := range 10 {
			s.write(taskOf(i), fmt.Sprintf("task %d line %d", i, n))
		}
		if i < 2 {
			s.end(t, taskOf(i))
		}
	}
	c := s.client("ann")
	filter := func(in *cloudwatchlogs.FilterLogEventsInput) (list []string) {
		in.LogGroupName = aws.String(Group)
		for pages := cloudwatchlogs.NewFilterLogEventsPaginator(c, in); pages.HasMorePages(); {
			out, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range out.Events {
				list = append(list, *e.Message)
			}
		}
		return list
	}
	wantMessages(t, "several in the order of time", filter(&cloudwatchlogs.FilterLogEventsInput{
		LogStreamNames: []string{streamOf(2), streamOf(0), streamOf(1)}, Limit: aws.Int32(2),
		StartTime: aws.Int64(began.Add(time.Second).UnixMilli()), EndTime: aws.Int64(began.Add(3 * time.Second).UnixMilli()),
	}), "task 0 line 1", "task 1 line 1", "task 2 line 1", "task 0 line 2", "task 1 line 2", "task 2 line 2")
	wantMessages(t, "what matches", filter(&cloudwatchlogs.FilterLogEventsInput{
		LogStreamNamePrefix: aws.String("hello/"), FilterPattern: aws.String(`task "line 7"`), Limit: aws.Int32(1),
	}), "task 0 line 7", "task 1 line 7")
	if all := filter(&cloudwatchlogs.FilterLogEventsInput{}); len(all) != 20 { // of the pod that lives nothing is known yet
		t.Errorf("%d events", len(all))
	}
}

// TestCommandLineAndBoto3 has both sign as they do.
func TestCommandLineAndBoto3(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(taskOf(1), "one", "two", "thrée")
	s.end(t, taskOf(1))
	run := func(program string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = []string{
			"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "LC_ALL=C.UTF-8",
			"AWS_ACCESS_KEY_ID=AKIDANN", "AWS_SECRET_ACCESS_KEY=annannannannannann", "AWS_DEFAULT_REGION=eu-west-1",
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	out := run("/usr/bin/aws", "logs", "get-log-events", "--endpoint-url", s.endpoint, "--log-group-name", Group,
		"--log-stream-name", streamOf(1), "--start-from-head", "--query", "events[].message", "--output", "json")
	var got []string
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wantMessages(t, "aws logs get-log-events", got, "one", "two", "thrée")
	out = run("/usr/bin/aws", "logs", "filter-log-events", "--endpoint-url", s.endpoint, "--log-group-name", Group,
		"--filter-pattern", "t", "--query", "events[].message", "--output", "text")
	wantMessages(t, "aws logs filter-log-events", strings.Fields(out), "two", "thrée")

	out = run("/usr/bin/python3", "-c", boto3Script, s.endpoint, streamOf(1))
	wantMessages(t, "boto3", strings.Split(out, "\n"), "one", "two", "thrée", "ResourceNotFoundException")
}

// boto3Script reads a log as Airflow does, until the token does not change any more.
const boto3Script = `
import sys, boto3
logs = boto3.client("logs", endpoint_url=sys.argv[1])
token = {}
while True:
    page = logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=sys.argv[2], startFromHead=True, limit=2, **token)
    for event in page["events"]:
        print(event["message"])
    if token.get("nextToken") == page["nextForwardToken"]:
        break
    token = {"nextToken": page["nextForwardToken"]}
try:
    logs.get_log_events(logGroupName="/aws/batch/job", logStreamName="hello/default/" + "f" * 32)
except logs.exceptions.ResourceNotFoundException as e:
    print(e.response["Error"]["Code"])
`
