// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

// hostile is what tenants write wherever they may write anything.
const hostile = `"><script>window.broken=1</script><img src=x onerror=window.broken=2>'; rm -rf / #`

// seeder fills a server.
type seeder struct {
	t        *testing.T
	endpoint string
	store    *redisstore.Store
	kube     *kube
	begun    time.Time
	ids      map[string]string // of jobs and environments, by what they are called here
}

// call is one operation of the Batch API, by ann. It returns the members of the answer that are text.
func (s *seeder) call(operation, body string) map[string]any {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.endpoint+"/v1/"+strings.ToLower(operation), strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tokenOfAnn)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var out map[string]any
	if err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(text, &out) != nil {
		s.t.Fatalf("%s %s: %d %s %v", operation, body, response.StatusCode, text, err)
	}
	return out
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always can
	}
	return string(b)
}

// fill makes everything that there is to see.
func (s *seeder) fill() {
	s.t.Helper()
	s.environments()
	for _, d := range []string{
		`{"jobDefinitionName":"frame","type":"container","retryStrategy":{"attempts":3},"timeout":{"attemptDurationSeconds":3600},"containerProperties":{"image":"render:4.2","command":["render",` + quoted(hostile) + `],"resourceRequirements":[{"type":"VCPU","value":"2"},{"type":"MEMORY","value":"2048"}]}}`,
		`{"jobDefinitionName":"train","type":"multinode","nodeProperties":{"numNodes":4,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:","container":{"image":"train:1","resourceRequirements":[{"type":"VCPU","value":"2"},{"type":"MEMORY","value":"1024"}]}}]}}`,
	} {
		s.call("RegisterJobDefinition", d)
	}
	s.call("CreateJobQueue", `{"jobQueueName":"render","priority":10,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"spot"},{"order":2,"computeEnvironment":"on-demand"}],"tags":{"team":"film"}}`)
	policy := s.call("CreateSchedulingPolicy", `{"name":"by-lab","fairsharePolicy":{"shareDecaySeconds":3600,"computeReservation":10,"shareDistribution":[{"shareIdentifier":"physics","weightFactor":0.5},{"shareIdentifier":"bio*"}]}}`)
	s.call("CreateJobQueue", `{"jobQueueName":"science","priority":5,"schedulingPolicyArn":`+quoted(policy["arn"].(string))+`,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"on-demand"}]}`)
	s.call("CreateJobQueue", `{"jobQueueName":"idle","priority":1,"state":"DISABLED","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"on-demand"}]}`)
	s.work()
}

func (s *seeder) environments() {
	s.t.Helper()
	for name, kind := range map[string]string{"spot": "SPOT", "on-demand": "EC2"} {
		s.call("CreateComputeEnvironment", `{"computeEnvironmentName":"`+name+`","type":"MANAGED","computeResources":{"type":"`+kind+`","minvCpus":0,"maxvCpus":64,"instanceTypes":["m5"],"subnets":["subnet-1"],"securityGroupIds":["sg-1"],"instanceRole":"r"},
			"eksConfiguration":{"eksClusterArn":"arn:aws:eks:us-east-1:123456789012:cluster/home","kubernetesNamespace":"muster-jobs"}}`)
		e, err := s.store.UpdateEnvironment(s.t.Context(), name, func(e *batch.ComputeEnvironment) error {
			e.Status, e.StatusReason = batch.ResourceValid, "ComputeEnvironment Healthy"
			price := map[string]string{"spot": "0.0768", "on-demand": "0.192"}[name]
			e.Report = &batch.Report{
				Status: batch.ResourceValid, StatusReason: "ComputeEnvironment Healthy", JudgedAt: s.begun, DesiredvCPUs: 16, NodeSeconds: 40,
				InstanceTypes: "m5.xlarge 4 16384 0 3920 14500 " + price + "\nm5.2xlarge 8 32768 0 7910 30000 0.384",
			}
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
		s.ids[name] = e.UUID
	}
	spot := map[string]string{batchmeta.CapacityType: batchmeta.CapacitySpot}
	demand := map[string]string{batchmeta.CapacityType: batchmeta.CapacityOnDemand}
	s.node("ip-10-0-1-11", "spot", "us-east-1a", "m5.xlarge", spot, nil)
	s.node("ip-10-0-1-12", "spot", "us-east-1a", "m5.xlarge", spot, func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: batchmeta.Interruption, Value: batchmeta.InterruptionSpot, Effect: corev1.TaintEffectNoSchedule}}
	})
	s.node("ip-10-0-2-21", "spot", "us-east-1b", "m5.xlarge", spot, func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse })
	s.node("ip-10-0-3-31", "on-demand", "us-east-1a", "m5.2xlarge", demand, nil)
	s.node("ip-10-0-3-32", "on-demand", "us-east-1b", "m5.2xlarge", demand, func(n *corev1.Node) {
		n.Annotations[batchmeta.Reserved] = batchmeta.Reservation{Gang: "muster-jobs/gang", Until: s.begun.Add(time.Hour)}.String()
	})
	s.node("ip-10-0-3-33", "on-demand", "us-east-1b", "m5.xlarge", demand, func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: batchmeta.ToBeDeleted, Effect: corev1.TaintEffectNoSchedule}}
	})
}

func (s *seeder) node(name, environment, zone, instanceType string, labels map[string]string, change func(*corev1.Node)) {
	cpu := map[string]string{"m5.xlarge": "3920m", "m5.2xlarge": "7910m"}[instanceType]
	n := corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, CreationTimestamp: metav1.NewTime(s.begun.Add(-90 * time.Minute)), Annotations: map[string]string{},
			Labels: map[string]string{
				batchmeta.ComputeEnvironmentUUID: s.ids[environment], corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: instanceType, batchmeta.InstanceID: "i-0" + strings.ReplaceAll(name, "-", ""),
			},
		},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse("14Gi"), "pods": resource.MustParse("58")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	maps.Copy(n.Labels, labels)
	if change != nil {
		change(&n)
	}
	s.kube.mu.Lock()
	defer s.kube.mu.Unlock()
	s.kube.nodes = append(s.kube.nodes, n)
}

// submit submits a job to be called name here.
func (s *seeder) submit(name, queue, definition, more string) string {
	s.t.Helper()
	if more != "" {
		more = "," + more
	}
	s.ids[name] = s.call("SubmitJob", `{"jobName":"`+name+`","jobQueue":"`+queue+`","jobDefinition":"`+definition+`"`+more+`}`)["jobId"].(string)
	return s.ids[name]
}

// attempt is how one attempt of a job goes.
type attempt struct {
	environment, node string
	admitted          time.Duration // before now
	until             batch.JobStatus
	exitCode          int
	reason            string
}

// run takes a job's attempt as far as a says.
func (s *seeder) run(id string, a attempt) {
	s.t.Helper()
	at := s.begun.Add(-a.admitted)
	job := s.step(id, at, func(j batch.Job) lifecycle.Event { return s.admitted(j, a) })
	number, members := job.Current.Number, max(job.NumNodes, 1)
	for i := range members {
		s.step(id, at.Add(2*time.Second), func(batch.Job) lifecycle.Event {
			host := &batch.Host{InstanceType: "m5.xlarge", CapacityType: "ON_DEMAND", PricePerHour: 0.192, Share: 0.5, BoundAt: at.Add(2 * time.Second)}
			return lifecycle.Bound{Attempt: number, Node: i, NodeName: a.node, InstanceID: "i-" + a.node, Host: host}
		})
	}
	if a.until == batch.StatusStarting {
		s.pods(job, a)
		return
	}
	for i := range members {
		s.step(id, at.Add(5*time.Second), func(batch.Job) lifecycle.Event {
			return lifecycle.Started{Attempt: number, Node: i, At: at.Add(5 * time.Second)}
		})
	}
	if a.until == batch.StatusRunning {
		s.pods(job, a)
		return
	}
	s.step(id, at.Add(5*time.Minute), func(batch.Job) lifecycle.Event {
		return lifecycle.Ended{
			Attempt: number, Succeeded: a.until == batch.StatusSucceeded, StatusReason: lifecycle.ReasonExited, StoppedAt: at.Add(5 * time.Minute),
			Containers: []batch.ContainerOutcome{{Name: "Default", ExitCode: &a.exitCode, Reason: a.reason}},
		}
	})
}

func (s *seeder) admitted(j batch.Job, a attempt) lifecycle.Event {
	number := len(j.Attempts) + 1
	ev := lifecycle.Admitted{ComputeEnvironment: a.environment, PodName: podspec.PodName(j.ID, number), PodNamespace: "muster-jobs"}
	for i := range j.NumNodes {
		ev.Nodes = append(ev.Nodes, podspec.PodName(batch.NodeID(j.ID, i), number))
	}
	return ev
}

func (s *seeder) step(id string, at time.Time, event func(batch.Job) lifecycle.Event) batch.Job {
	s.t.Helper()
	job, err := s.store.Transition(context.WithoutCancel(s.t.Context()), id, func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, event(j), at)
		return next, err
	})
	if err != nil {
		s.t.Fatalf("job %s: %v", id, err)
	}
	return job
}

// pods puts the pods of an attempt on their node.
func (s *seeder) pods(job batch.Job, a attempt) {
	ref, err := batch.ParseJobID(job.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	names := []string{job.Current.PodName}
	if job.NumNodes > 0 {
		names = nil
		for _, n := range job.Current.Nodes {
			names = append(names, n.PodName)
		}
	}
	s.kube.mu.Lock()
	defer s.kube.mu.Unlock()
	for i, name := range names {
		p := corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "muster-jobs", Name: name, UID: types.UID(name),
				Labels: map[string]string{
					batchmeta.JobID: ref.Job, batchmeta.JobQueue: job.Queue, batchmeta.Attempt: strconv.Itoa(job.Current.Number), batchmeta.ComputeEnvironmentUUID: s.ids[a.environment],
				},
				Annotations: map[string]string{batchmeta.Job: `{"name":` + quoted(job.Name) + `,"queue":` + quoted(job.Queue) + `}`},
			},
			Spec: corev1.PodSpec{NodeName: a.node, Containers: []corev1.Container{{Name: "default", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				"cpu": resource.MustParse("1500m"), "memory": resource.MustParse("1Gi"),
			}}}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning},
		}
		if ref.Child >= 0 {
			p.Labels[batchmeta.ArrayIndex] = strconv.Itoa(ref.Child)
		}
		if job.NumNodes > 0 {
			p.Labels[batchmeta.NodeIndex] = strconv.Itoa(i)
		}
		s.kube.pods = append(s.kube.pods, p)
	}
}

// work makes jobs in every state, an array of 10,000, a gang and a graph.
func (s *seeder) work() {
	s.t.Helper()
	failed := s.submit("lighting", "render", "frame", `"tags":{"team":`+quoted(hostile)+`,"scene":"12"}`)
	s.run(failed, attempt{"spot", "ip-10-0-1-11", 40 * time.Minute, batch.StatusFailed, 1, ""})
	s.run(failed, attempt{"spot", "ip-10-0-1-11", 30 * time.Minute, batch.StatusFailed, 137, "OOMKilled"})
	running := s.submit("compositing", "render", "frame", `"tags":{"team":"film","scene":"13"}`)
	s.run(running, attempt{"spot", "ip-10-0-1-11", 20 * time.Minute, batch.StatusRunning, 0, ""})
	done := s.submit("geometry", "render", "frame", `"tags":{"team":"film"}`)
	s.run(done, attempt{"on-demand", "ip-10-0-3-31", 50 * time.Minute, batch.StatusSucceeded, 0, ""})
	array := s.submit("frames", "render", "frame", `"arrayProperties":{"size":10000},"tags":{"team":"film"}`)
	for i := range 8 {
		child := batch.ChildID(array, i)
		until := []batch.JobStatus{batch.StatusSucceeded, batch.StatusFailed, batch.StatusRunning, batch.StatusStarting}[i%4]
		s.run(child, attempt{"spot", "ip-10-0-1-12", time.Duration(10+i) * time.Minute, until, i % 2, ""})
	}
	gang := s.submit("climate", "science", "train", `"shareIdentifier":"physics"`)
	s.run(gang, attempt{"on-demand", "ip-10-0-3-31", 15 * time.Minute, batch.StatusRunning, 0, ""})
	s.submit("climate-next", "science", "train", `"shareIdentifier":"biology"`)
	fold := s.submit("fold", "science", "frame", `"shareIdentifier":"biochem"`)
	s.run(fold, attempt{"on-demand", "ip-10-0-3-32", 12 * time.Minute, batch.StatusRunning, 0, ""})
	for i := range 30 {
		s.submit(fmt.Sprintf("sweep-%02d", i), "science", "frame", `"shareIdentifier":"physics"`)
	}
	left := s.submit("left-eye", "render", "frame", `"dependsOn":[{"jobId":"`+running+`"}]`)
	right := s.submit("right-eye", "render", "frame", `"dependsOn":[{"jobId":"`+running+`"}]`)
	s.submit("edit", "render", "frame", `"dependsOn":[{"jobId":"`+left+`"},{"jobId":"`+right+`"}]`)
	s.submit("to-cancel", "render", "frame", "")
	s.say()
}

// say writes logs and Events.
func (s *seeder) say() {
	s.t.Helper()
	pod := podspec.PodName(s.ids["compositing"], 1)
	at := s.begun.Add(-20 * time.Minute)
	for i := range 600 {
		s.kube.write(pod, at.Add(time.Duration(i)*time.Second), fmt.Sprintf("tile %03d of 600: %d samples, noise %.3f", i, 256+i%7*64, 1/float64(i+1)))
	}
	s.kube.write(pod, at.Add(601*time.Second), hostile+"\x1b[31m red \x1b[0m\u202e turned")
	now := s.begun
	about := func(kind, namespace, name string) corev1.ObjectReference {
		return corev1.ObjectReference{Kind: kind, Namespace: namespace, Name: name}
	}
	s.kube.decide(now.Add(-9*time.Minute), "Normal", "ScaledUpGroup", "Scale-up: group spot.m5.xlarge.spot size set to 3 instead of 2 (max: 16)", about("ConfigMap", "muster-system", "cluster-autoscaler-status"))
	s.kube.decide(now.Add(-8*time.Minute), "Normal", "TriggeredScaleUp", "pod triggered scale-up: [{spot.m5.xlarge.spot 2->3 (max: 16)}]", about("Pod", "muster-jobs", pod))
	s.kube.decide(now.Add(-4*time.Minute), "Warning", "InsufficientInstanceCapacity", "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - "+hostile, about("ConfigMap", "muster-system", batchmeta.EnvironmentReportPrefix+s.ids["spot"]))
	s.kube.decide(now.Add(-time.Minute), "Normal", "ScaleDown", "marked the node as toBeDeleted/unschedulable", about("Node", "", "ip-10-0-3-33"))
}
