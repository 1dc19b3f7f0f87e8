// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// register stores a definition as it is.
func (f *fixture) register(tb testing.TB, def batch.JobDefinition) {
	tb.Helper()
	if _, err := f.store.RegisterDefinition(tb.Context(), def); err != nil {
		tb.Fatal(err)
	}
}

const nodeContainer = `{"image":"busybox","command":["sleep","1"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}`

// newNodeFixture is a busy one with multi-node definitions: m of containers, as Metaflow registers them, and k of pods.
func newNodeFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := newBusyFixture(tb)
	f.register(tb, batch.JobDefinition{Name: "m", Type: "multinode", PlatformCapabilities: []string{"EC2"}, NodeProperties: json.RawMessage(
		`{"numNodes":3,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:0","container":` + nodeContainer + `},{"targetNodes":"1:","container":` + nodeContainer + `}]}`,
	)})
	f.register(tb, batch.JobDefinition{Name: "k", Type: "multinode", NodeProperties: json.RawMessage(
		`{"numNodes":2,"mainNode":1,"nodeRangeProperties":[{"targetNodes":"0:1","eksProperties":{"podProperties":{"containers":[{"image":"busybox","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}}]}`,
	)})
	return f
}

func nodePod(i int) string { return fmt.Sprintf("aws-batch.%032d", i) }

// start takes a multi-node job to RUNNING on all its nodes.
func (f *fixture) start(tb testing.TB, id string) {
	tb.Helper()
	job := f.job(tb, id)
	ev := lifecycle.Admitted{ComputeEnvironment: "ce", PodNamespace: "jobs"}
	for i := range job.NumNodes {
		ev.Nodes = append(ev.Nodes, nodePod(i))
	}
	f.step(tb, id, ev)
	for i := range job.NumNodes {
		f.step(tb, id,
			lifecycle.Bound{Attempt: 1, Node: i, NodeName: fmt.Sprintf("node-%d", i), InstanceID: fmt.Sprintf("i-%d", i)},
			lifecycle.Started{Attempt: 1, Node: i, At: t0.Add(time.Duration(i+1) * time.Second)},
		)
	}
}

func nodeEnded(node, exitCode int, at time.Duration) lifecycle.Event {
	return lifecycle.Ended{
		Attempt: 1, Node: node, Succeeded: exitCode == 0, StatusReason: lifecycle.ReasonExited, StoppedAt: t0.Add(at),
		Containers: []batch.ContainerOutcome{{Name: "default", ExitCode: &exitCode}},
	}
}

// TestSubmitMultiNodeJob covers contract 2.4, 3.8 and 4.10.
func TestSubmitMultiNodeJob(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		more         string
		wantNodes    int
		wantMilli    int64
		wantErr      string
		wantOverride string
	}{
		"as registered":           {"", 3, 3000, "", ""},
		"empty nodeOverrides":     {`,"nodeOverrides":{}`, 3, 3000, "", ""},
		"more nodes":              {`,"nodeOverrides":{"numNodes":5}`, 5, 5000, "", `{"numNodes":5}`},
		"another range's vCPUs":   {`,"nodeOverrides":{"nodePropertyOverrides":[{"targetNodes":"1:","containerOverrides":{"vcpus":1,"resourceRequirements":[{"type":"VCPU","value":"2"}]}}]}`, 3, 5000, "", ""},
		"an array too":            {`,"arrayProperties":{"size":2}`, 0, 0, "arrayProperties is not applicable to job definition m:1, which is of type multinode", ""},
		"too many nodes":          {`,"nodeOverrides":{"numNodes":1001}`, 0, 0, "nodeOverrides.numNodes must be between 1 and 1000", ""},
		"overrides of no range":   {`,"nodeOverrides":{"nodePropertyOverrides":[{"targetNodes":"0:2","containerOverrides":{}}]}`, 0, 0, "NodeOverride targets should match job definition. Non matching targets - 0:2", ""},
		"overrides of one pod":    {`,"containerOverrides":{"command":["x"]}`, 0, 0, "containerOverrides: does not apply to job definition m:1, which has nodeProperties", ""},
		"nodeOverrides elsewhere": {`,"jobDefinition":"d","nodeOverrides":{"numNodes":2}`, 0, 0, "nodeOverrides: does not apply to job definition d:1, which has containerProperties", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newNodeFixture(t)
			body := `{"jobName":"j","jobQueue":"q","jobDefinition":"m"` + tc.more + `}`
			if tc.wantErr != "" {
				_, err := do(t, f.SubmitJob, body)
				wantRefusal(t, err, tc.wantErr)
				return
			}
			job := f.job(t, f.submit(t, body))
			if job.NumNodes != tc.wantNodes || job.MainNode != 0 || job.Requests.MilliVCPU != tc.wantMilli || job.Status != batch.StatusRunnable {
				t.Errorf("got %d nodes, %+v, %s", job.NumNodes, job.Requests, job.Status)
			}
			if tc.wantOverride != "" && string(job.NodeOverrides) != tc.wantOverride {
				t.Errorf("kept %s", job.NodeOverrides)
			}
		})
	}
}

// TestMaxNodesCanBeLifted covers contract 11.
func TestMaxNodesCanBeLifted(t *testing.T) {
	t.Parallel()
	f := newNodeFixture(t)
	f.cfg.MaxNodes = 1001
	if job := f.job(t, f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"m","nodeOverrides":{"numNodes":1001}}`)); job.NumNodes != 1001 {
		t.Errorf("got %d nodes", job.NumNodes)
	}
}

// TestDescribeMultiNodeJob covers contract 3.9: all node properties, no container, the main node's attempts.
func TestDescribeMultiNodeJob(t *testing.T) {
	t.Parallel()
	f := newNodeFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"m"}`)
	const filled = `{"image":"busybox","command":["sleep","1"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}],
		"volumes":[],"environment":[],"mountPoints":[],"ulimits":[],"secrets":[]}`
	show := func(more string) string {
		return fmt.Sprintf(`{"jobs":[{"jobArn":"%[1]sjob/%[2]s","jobId":%[2]q,"jobName":"j","jobQueue":"%[1]sjob-queue/q","jobDefinition":"%[1]sjob-definition/m:1","createdAt":%[3]d,
			"dependsOn":[],"parameters":{},"tags":{},"platformCapabilities":["EC2"],"eksAttempts":[],"propagateTags":false,
			"nodeProperties":{"numNodes":3,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:0","container":%[4]s},{"targetNodes":"1:","container":%[4]s}]}%[5]s}]}`,
			arnBase, id, t0.UnixMilli(), filled, more)
	}
	described := func() string { return ok(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":[%q]}`, id)) }
	wantJSON(t, show(`,"status":"RUNNABLE","attempts":[],
		"statusReason":"Number 1 of 1 waiting in job queue q; needs 3 nodes with together 3 vCPU, 192 MiB; free: ce 8 of 8 vCPU (CREATING)."`), described())
	f.start(t, id)
	f.step(t, id, nodeEnded(1, 9, 5*time.Second))
	wantJSON(t, show(`,"status":"RUNNING","attempts":[],"startedAt":`+ms(time.Second)), described())
	f.step(t, id, nodeEnded(0, 0, 6*time.Second))
	run := `"startedAt":` + ms(time.Second) + `,"stoppedAt":` + ms(6*time.Second) + `,"statusReason":"Essential container in task exited"`
	wantJSON(t, show(`,"status":"SUCCEEDED",`+run+`,"attempts":[{`+run+`,"container":{"networkInterfaces":[],"exitCode":0,
		"taskArn":"arn:aws:ecs:eu-west-1:111122223333:task/ce_Batch/`+batch.TaskID(nodePod(0))+`","containerInstanceArn":"`+instanceARN+shortHash("node-0")+`",
		"logStreamName":"m/default/`+batch.TaskID(nodePod(0))+`"}}]`), described())
}

// TestDescribeNode covers contract 3.9 and 9.8: a node has its own status, attempts and log.
func TestDescribeNode(t *testing.T) {
	t.Parallel()
	f := newNodeFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"m","tags":{"k":"v"}}`)
	node := batch.NodeID(id, 1)
	d := f.describe(t, node, id+"#0")
	if *d[0].Status != "RUNNABLE" || *d[0].NodeDetails.NodeIndex != 1 || *d[0].NodeDetails.IsMainNode || !*d[1].NodeDetails.IsMainNode || d[0].NodeProperties != nil || len(d[0].Tags) != 0 {
		t.Errorf("got %+v", d[0])
	}
	if *d[0].JobId != node || *d[0].JobArn != arnBase+"job/"+node || *d[0].Container.Image != "busybox" || value(d[0].StatusReason) == "" {
		t.Errorf("got %+v", d[0])
	}
	f.start(t, id)
	f.step(t, id, nodeEnded(1, 9, 5*time.Second))
	d = f.describe(t, node, id+"#2")
	if *d[0].Status != "FAILED" || *d[0].StatusReason != "Essential container in task exited" || *d[0].StoppedAt != t0.UnixMilli()+5000 || *d[0].Container.ExitCode != 9 || *d[0].Attempts[0].Container.ExitCode != 9 {
		t.Errorf("got %s, %+v", *d[0].Status, d[0].Container)
	}
	if *d[1].Status != "RUNNING" || *d[1].StartedAt != t0.UnixMilli()+3000 || *d[1].Container.LogStreamName != "m/default/"+batch.TaskID(nodePod(2)) {
		t.Errorf("got %s, %+v", *d[1].Status, d[1].Container)
	}
	f.step(t, id, nodeEnded(0, 0, 6*time.Second))
	d = f.describe(t, node, id+"#2")
	if len(d[0].Attempts) != 1 || *d[0].Attempts[0].Container.ExitCode != 9 || *d[0].Status != "FAILED" {
		t.Errorf("got %+v", d[0])
	}
	if *d[1].Status != "SUCCEEDED" || d[1].StoppedAt == nil || d[1].Attempts[0].Container.ExitCode != nil {
		t.Errorf("a node that was stopped has no exit code; got %+v", d[1])
	}
	wantJSON(t, `{"jobs":[]}`, ok(t, f.DescribeJobs, fmt.Sprintf(`{"jobs":["%[1]s#3","%[1]s:0"]}`, id)))
}

func TestDescribeMultiNodeJobOfPods(t *testing.T) {
	t.Parallel()
	f := newNodeFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"k"}`)
	f.start(t, id)
	f.step(t, id, nodeEnded(1, 3, 5*time.Second))
	d := f.describe(t, id, id+"#0", id+"#1")
	if d[0].EksProperties != nil || d[0].Container != nil || len(d[0].EksAttempts) != 1 || *d[0].EksAttempts[0].PodName != nodePod(1) || *d[0].EksAttempts[0].Containers[0].ExitCode != 3 {
		t.Errorf("got %+v", d[0])
	}
	if *d[1].EksProperties.PodProperties.PodName != nodePod(0) || *d[1].EksAttempts[0].NodeName != "node-0" || *d[2].EksProperties.PodProperties.Containers[0].ExitCode != 3 {
		t.Errorf("got %+v, %+v", d[1], d[2])
	}
}

// TestListNodes covers contract 2.5 and 3.9.
func TestListNodes(t *testing.T) {
	t.Parallel()
	f := newNodeFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"m"}`)
	f.start(t, id)
	f.step(t, id, nodeEnded(1, 9, 5*time.Second))
	for query, want := range map[string][]int{
		fmt.Sprintf(`{"multiNodeJobId":%q}`, id):                                 {0, 2},
		fmt.Sprintf(`{"multiNodeJobId":"%sjob/%s","maxResults":1}`, arnBase, id): {0, 2},
		fmt.Sprintf(`{"multiNodeJobId":%q,"jobStatus":"FAILED"}`, id):            {1},
		fmt.Sprintf(`{"multiNodeJobId":%q,"jobStatus":"SUCCEEDED"}`, id):         nil,
	} {
		got, _ := f.indexes(t, query)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: indexes mismatch (-want +got):\n%s", query, diff)
		}
	}
	wantJSON(t, fmt.Sprintf(`{"jobSummaryList":[{"jobArn":"%[1]sjob/%[2]s#1","jobId":"%[2]s#1","jobName":"j","createdAt":%[3]d,"status":"FAILED","statusReason":"Essential container in task exited",
		"startedAt":%[4]s,"stoppedAt":%[5]s,"container":{"exitCode":9},"jobDefinition":"%[1]sjob-definition/m:1","nodeProperties":{"isMainNode":false,"numNodes":3,"nodeIndex":1}}]}`,
		arnBase, id, t0.UnixMilli(), ms(2*time.Second), ms(5*time.Second)), ok(t, f.ListJobs, fmt.Sprintf(`{"multiNodeJobId":%q,"jobStatus":"FAILED"}`, id)))
	s := reply(t, f.ListJobs, `{"jobQueue":"q"}`).JobSummaryList[0]
	if *s.JobId != id || *s.NodeProperties.NumNodes != 3 || s.NodeProperties.NodeIndex != nil || *s.CapacityUsage[0].Quantity != 3 {
		t.Errorf("got %+v", s)
	}
	_, err := do(t, f.ListJobs, fmt.Sprintf(`{"multiNodeJobId":"%s#1"}`, id))
	wantRefusal(t, err, "Job "+id+"#1 does not exist")
}

// TestStopNode covers contract 4.7: a node means its job.
func TestStopNode(t *testing.T) {
	t.Parallel()
	f := newNodeFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"m"}`)
	ok(t, f.TerminateJob, fmt.Sprintf(`{"jobId":"%s#2","reason":"enough"}`, id))
	for _, d := range f.describe(t, id, id+"#0", id+"#2") {
		if *d.Status != "FAILED" || *d.StatusReason != "enough" || d.StoppedAt == nil || !*d.IsTerminated {
			t.Errorf("got %+v", d)
		}
	}
}

func TestNodeOfAJobThatIsRetried(t *testing.T) {
	t.Parallel()
	f := newNodeFixture(t)
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"m","retryStrategy":{"attempts":2}}`)
	f.start(t, id)
	f.step(t, id, nodeEnded(0, 1, 6*time.Second))
	if d := f.describe(t, id+"#1")[0]; *d.Status != "RUNNABLE" || len(d.Attempts) != 1 || d.StoppedAt != nil || value(d.StatusReason) == "" {
		t.Errorf("got %+v", d)
	}
	ok(t, f.CancelJob, fmt.Sprintf(`{"jobId":%q,"reason":"enough"}`, id))
	if d := f.describe(t, id+"#1")[0]; *d.Status != "FAILED" || len(d.Attempts) != 1 || *d.StatusReason != "enough" {
		t.Errorf("got %+v", d)
	}
}

// TestDescribeTask covers contract 3.7: a job with ecsProperties, container by container.
func TestDescribeTask(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	f.register(t, batch.JobDefinition{Name: "t", Type: "container", PlatformCapabilities: []string{"EC2"}, ECSProperties: json.RawMessage(`{"taskProperties":[{"containers":[
		{"name":"Main","image":"busybox","command":["true"],"dependsOn":[{"containerName":"init","condition":"SUCCESS"}],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]},
		{"name":"init","image":"busybox","essential":false,"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}]}]}`)})
	id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"t","ecsPropertiesOverride":{"taskProperties":[{"containers":[{"name":"Main","command":["false"]}]}]}}`)
	task := f.describe(t, id)[0].EcsProperties.TaskProperties[0]
	if task.TaskArn != nil || task.Containers[0].Command[0] != "false" || task.Containers[0].LogStreamName != nil {
		t.Errorf("got %+v", task)
	}
	f.step(t, id, admitted(), bound(), started(), lifecycle.Ended{
		Attempt: 1, StatusReason: lifecycle.ReasonExited, StoppedAt: t0.Add(2 * time.Second),
		InitContainers: []batch.ContainerOutcome{{Name: "init", ExitCode: new(0), Reason: "Completed"}},
		Containers:     []batch.ContainerOutcome{{Name: "main", ExitCode: new(137), Reason: "OOMKilled"}},
	})
	d := f.describe(t, id)[0]
	task = d.EcsProperties.TaskProperties[0]
	if d.Container != nil || d.EksProperties != nil || *task.TaskArn != taskARN || *task.Containers[0].ExitCode != 137 || *task.Containers[1].ExitCode != 0 || task.Containers[1].Reason != nil {
		t.Errorf("got %+v", d)
	}
	attempt := d.Attempts[0].TaskProperties[0]
	if *attempt.TaskArn != taskARN || *attempt.Containers[0].Name != "Main" || *attempt.Containers[0].Reason != lifecycle.ReasonOutOfMemory || *attempt.Containers[1].LogStreamName != "t/init/"+batch.TaskID(podName) || d.Attempts[0].Container != nil {
		t.Errorf("got %+v", attempt)
	}
}
