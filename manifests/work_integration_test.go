// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/muster-batch/muster/hack/kubetest"
	muster "github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func (s *site) must(_ any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// eventually tries until it can be done.
func (s *site) eventually(what string, do func(context.Context) error) {
	s.t.Helper()
	last := errors.New("not tried")
	defer func() {
		if s.t.Failed() && last != nil {
			s.t.Logf("%s: %v", what, last)
		}
	}()
	s.Await(what, func(ctx context.Context) bool {
		last = do(ctx)
		return last == nil
	})
}

// work is everything that the programs do, each of it at least once.
func (s *site) work() {
	s.t.Helper()
	s.environment("plain", &types.ComputeResource{
		Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(16), InstanceTypes: []string{"c5.xlarge"},
		InstanceRole: aws.String("arn:aws:iam::123456789012:instance-profile/local"),
		Subnets:      []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"},
	})
	s.environment("fargate", &types.ComputeResource{
		Type: types.CRTypeFargate, MaxvCpus: aws.Int32(4), Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"},
	})
	done := s.disturbNodes()
	jobs := []string{s.single(), s.gang(), s.array(), s.task()}
	long, tooLarge := s.long(), s.tooLarge()
	s.ownNode()
	s.volumes()
	s.preemption()
	s.failsAgain()
	s.asksScheduler()
	s.awaitStatus(types.JobStatusRunning, long)
	s.must(s.update("plain", "m5.xlarge"))
	s.awaitStatus(types.JobStatusSucceeded, jobs...)
	done()
	s.readLog(long)
	s.asksStatus()
	s.loseHost(long)
	s.terminate(tooLarge)
	s.invalidAgain()
	s.deleteEnvironment("fargate")
}

// environment makes a compute environment and a queue of the same name.
func (s *site) environment(name string, resources *types.ComputeResource) {
	s.t.Helper()
	in := &batch.CreateComputeEnvironmentInput{ComputeEnvironmentName: &name, Type: types.CETypeManaged, ComputeResources: resources}
	if resources.Type != types.CRTypeFargate {
		resources.AllocationStrategy = types.CRAllocationStrategyBestFitProgressive
		in.EksConfiguration = &types.EksConfiguration{
			EksClusterArn: aws.String("arn:aws:eks:us-east-1:123456789012:cluster/local"), KubernetesNamespace: aws.String(jobs),
		}
	}
	s.eventually("environment "+name+" is made", func(ctx context.Context) error { // once queue-api answers
		_, err := s.api.CreateComputeEnvironment(ctx, in)
		return err
	})
	s.eventually("queue "+name+" is made", func(ctx context.Context) error { // once the environment is valid
		_, err := s.api.CreateJobQueue(ctx, &batch.CreateJobQueueInput{
			JobQueueName: &name, Priority: aws.Int32(1),
			ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &name}},
		})
		return err
	})
}

// deleteEnvironment deletes an environment with its queue, once nothing is left in it.
func (s *site) deleteEnvironment(name string) {
	s.t.Helper()
	s.must(s.api.UpdateJobQueue(s.t.Context(), &batch.UpdateJobQueueInput{JobQueue: &name, State: types.JQStateDisabled}))
	s.must(s.api.UpdateComputeEnvironment(s.t.Context(), &batch.UpdateComputeEnvironmentInput{ComputeEnvironment: &name, State: types.CEStateDisabled}))
	s.eventually("the queue is deleted", func(ctx context.Context) error {
		_, err := s.api.DeleteJobQueue(ctx, &batch.DeleteJobQueueInput{JobQueue: &name})
		return err
	})
	s.eventually("the environment is deleted", func(ctx context.Context) error {
		_, err := s.api.DeleteComputeEnvironment(ctx, &batch.DeleteComputeEnvironmentInput{ComputeEnvironment: &name})
		return err
	})
}

// submit registers a definition and submits a job of it.
func (s *site) submit(queue string, definition *batch.RegisterJobDefinitionInput, array int32) string {
	s.t.Helper()
	s.must(s.api.RegisterJobDefinition(s.t.Context(), definition))
	in := &batch.SubmitJobInput{JobName: definition.JobDefinitionName, JobQueue: &queue, JobDefinition: definition.JobDefinitionName}
	if array > 0 {
		in.ArrayProperties = &types.ArrayProperties{Size: &array}
	}
	out, err := s.api.SubmitJob(s.t.Context(), in)
	s.must(out, err)
	return *out.JobId
}

// update gives an environment other instances, so that the nodes that it has are replaced.
func (s *site) update(name, instanceType string) (*batch.UpdateComputeEnvironmentOutput, error) {
	return s.api.UpdateComputeEnvironment(s.t.Context(), &batch.UpdateComputeEnvironmentInput{
		ComputeEnvironment: &name, ComputeResources: &types.ComputeResourceUpdate{InstanceTypes: []string{instanceType}},
	})
}

// invalidAgain makes an environment invalid twice, of which batch-autoscaler tells with the same words.
func (s *site) invalidAgain() {
	s.t.Helper()
	for i, instanceType := range []string{"z9.huge", "c5.xlarge", "z9.huge"} {
		s.must(s.update("plain", instanceType))
		want := []types.CEStatus{types.CEStatusInvalid, types.CEStatusValid, types.CEStatusInvalid}[i]
		s.eventually("the environment is "+string(want), func(ctx context.Context) error {
			out, err := s.api.DescribeComputeEnvironments(ctx, &batch.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{"plain"}})
			if err == nil && out.ComputeEnvironments[0].Status != want {
				err = fmt.Errorf("it is %s: %s", out.ComputeEnvironments[0].Status, aws.ToString(out.ComputeEnvironments[0].StatusReason))
			}
			return err
		})
	}
}

// readLog asks for what a running job writes, which queue-api reads of its pod. No kubelet answers here, but it is asked.
func (s *site) readLog(id string) {
	s.t.Helper()
	list, err := s.Client.CoreV1().Pods(jobs).List(s.t.Context(), metav1.ListOptions{LabelSelector: batchmeta.JobID + "=" + id})
	if err != nil || len(list.Items) != 1 {
		s.t.Fatalf("%d pods, %v", len(list.Items), err)
	}
	stream := muster.LogStream("long", list.Items[0].Spec.Containers[0].Name, list.Items[0].Name)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.endpoint, strings.NewReader(`{"logGroupName":"/aws/batch/job","logStreamName":"`+stream+`"}`))
	s.must(r, err)
	r.Header.Set("X-Amz-Target", "Logs_20140328.GetLogEvents")
	if status := s.answers(r); status == http.StatusForbidden || status == http.StatusNotFound {
		s.t.Errorf("logs are answered with %d", status)
	}
}

// asksStatus asks queue-api how it is, which looks at the other programs' Leases, and what is in the cluster.
func (s *site) asksStatus() {
	s.t.Helper()
	for _, path := range []string{"/x/v1/status", "/x/v1/nodes", "/x/v1/decisions"} {
		r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.endpoint+path, http.NoBody)
		s.must(r, err)
		if status := s.answers(r); status != http.StatusOK {
			s.t.Errorf("%s is answered with %d", path, status)
		}
	}
}

// answers sends a request with a token of a job's and gives the status of its answer.
func (s *site) answers(r *http.Request) int {
	s.t.Helper()
	token, err := s.Client.CoreV1().ServiceAccounts(jobs).CreateToken(s.t.Context(), "default", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"muster.sh"}},
	}, metav1.CreateOptions{})
	s.must(token, err)
	r.Header.Set("Authorization", "Bearer "+token.Status.Token)
	response, err := http.DefaultClient.Do(r)
	s.must(response, err)
	defer response.Body.Close()
	return response.StatusCode
}

// loseHost says of the machine of a running job that it is off.
func (s *site) loseHost(id string) {
	s.t.Helper()
	list, err := s.Client.CoreV1().Pods(jobs).List(s.t.Context(), metav1.ListOptions{LabelSelector: batchmeta.JobID + "=" + id})
	if err != nil || len(list.Items) != 1 {
		s.t.Fatalf("%d pods, %v", len(list.Items), err)
	}
	s.eventually("the node is given up", func(ctx context.Context) error {
		node, err := s.Client.CoreV1().Nodes().Get(ctx, list.Items[0].Spec.NodeName, metav1.GetOptions{})
		if err == nil {
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: corev1.TaintNodeOutOfService, Value: "nodeshutdown", Effect: corev1.TaintEffectNoExecute})
			_, err = s.Client.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
		}
		return err
	})
	s.awaitStatus(types.JobStatusFailed, id)
}

func (s *site) terminate(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		s.must(s.api.TerminateJob(s.t.Context(), &batch.TerminateJobInput{JobId: &id, Reason: aws.String("enough")}))
	}
	s.awaitStatus(types.JobStatusFailed, ids...)
}

func (s *site) awaitStatus(status types.JobStatus, ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		s.eventually("job "+id+" is "+string(status), func(ctx context.Context) error {
			out, err := s.api.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: []string{id}})
			if err == nil && (len(out.Jobs) != 1 || out.Jobs[0].Status != status) {
				err = fmt.Errorf("it is %s: %s", out.Jobs[0].Status, aws.ToString(out.Jobs[0].StatusReason))
			}
			return err
		})
	}
}

// pod is a definition of a pod that kwok runs for some seconds.
func pod(name string, seconds int) *batch.RegisterJobDefinitionInput {
	return &batch.RegisterJobDefinitionInput{
		JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer,
		EksProperties: &types.EksProperties{PodProperties: &types.EksPodProperties{Containers: []types.EksContainer{{
			Image:     aws.String("busybox"),
			Env:       []types.EksContainerEnvironmentVariable{{Name: aws.String("SIMULATED_DURATION"), Value: aws.String(strconv.Itoa(seconds) + "s")}},
			Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "64Mi"}},
		}}}},
	}
}

func (s *site) single() string { return s.submit("plain", pod("single", 1), 0) }
func (s *site) long() string   { return s.submit("plain", pod("long", 7200), 0) } // longer than the test

// tooLarge is a job whose pod fits no node that may be bought.
func (s *site) tooLarge() string {
	definition := pod("large", 1)
	definition.EksProperties.PodProperties.Containers[0].Resources.Limits["cpu"] = "6"
	return s.submit("plain", definition, 0)
}

func (s *site) array() string { return s.submit("plain", pod("array", 1), 3) }

// gang is a job of two nodes, whose pods are told where the main one is.
func (s *site) gang() string {
	return s.submit("plain", &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("gang"), Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{MainNode: aws.Int32(0), NumNodes: aws.Int32(2), NodeRangeProperties: []types.NodeRangeProperty{{
			TargetNodes: aws.String("0:1"), EksProperties: pod("", 1).EksProperties,
		}}},
	}, 0)
}

// task is one of Fargate, which has a node of its own.
func (s *site) task() string {
	return s.submit("fargate", &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("task"), Type: types.JobDefinitionTypeContainer, PlatformCapabilities: []types.PlatformCapability{types.PlatformCapabilityFargate},
		ContainerProperties: &types.ContainerProperties{
			Image: aws.String("busybox"), ExecutionRoleArn: aws.String("arn:aws:iam::123456789012:role/execution"),
			ResourceRequirements: []types.ResourceRequirement{
				{Type: types.ResourceTypeVcpu, Value: aws.String("0.25")}, {Type: types.ResourceTypeMemory, Value: aws.String("512")},
			},
		},
	}, 4)
}

// disturbNodes changes nodes that are for one pod all the time until it is told to stop, so that batch-scheduler has to look
// twice before it claims one.
func (s *site) disturbNodes() (done func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var disturbing sync.WaitGroup
	nodes := s.Client.CoreV1().Nodes()
	disturb := func(n *corev1.Node) {
		for i := 0; ctx.Err() == nil && n.Annotations[batchmeta.Tenant] == ""; i++ {
			changed, err := nodes.Patch(ctx, n.Name, apitypes.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{"disturbed":"%d"}}}`, i), metav1.PatchOptions{})
			if err != nil { // gone
				return
			}
			n = changed
		}
	}
	disturbing.Go(func() {
		seen, err := nodes.Watch(ctx, metav1.ListOptions{LabelSelector: batchmeta.SoleTenant})
		if err != nil {
			return
		}
		defer seen.Stop()
		for event := range seen.ResultChan() {
			if n, ok := event.Object.(*corev1.Node); ok && event.Type == watch.Added {
				disturbing.Go(func() { disturb(n) })
				disturbing.Go(func() { disturb(n) })
			}
		}
	})
	return func() {
		cancel()
		disturbing.Wait()
	}
}

// ownNode is a node of no environment, which kwok plays, too.
func (s *site) ownNode() {
	s.t.Helper()
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	s.must(s.Client.CoreV1().Nodes().Create(s.t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "own", Labels: map[string]string{corev1.LabelHostname: "own", "own": "true"}, Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"}},
		Status:     corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
	}, metav1.CreateOptions{}))
}

// ownPod is a user's for the node of its own.
func (s *site) ownPod(name, class, cpus, claim string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: jobs, Annotations: map[string]string{"pod-complete.stage.kwok.x-k8s.io/delay": "7200s"}},
		Spec: corev1.PodSpec{
			SchedulerName: batchmeta.SchedulerName, PriorityClassName: class, NodeSelector: map[string]string{"own": "true"},
			TerminationGracePeriodSeconds: new(int64),
			Containers: []corev1.Container{{Name: "main", Image: "busybox", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpus)},
			}}},
		},
	}
	if claim != "" {
		p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
	}
	return p
}

func (s *site) create(p *corev1.Pod) {
	s.t.Helper()
	s.eventually("pod "+p.Name+" is made", func(ctx context.Context) error { // once the namespace has a service account
		_, err := s.Client.CoreV1().Pods(p.Namespace).Create(ctx, p, metav1.CreateOptions{})
		return err
	})
}

func (s *site) awaitBound(name string) {
	s.t.Helper()
	s.Await(name+" has a node", func(ctx context.Context) bool {
		p, err := s.Client.CoreV1().Pods(jobs).Get(ctx, name, metav1.GetOptions{})
		return err == nil && p.Spec.NodeName != ""
	})
}

// volumes has two pods wait for volumes that wait for them: one that is there, and one that a provisioner is to make.
func (s *site) volumes() {
	s.t.Helper()
	core := s.Client.CoreV1()
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	for class, provisioner := range map[string]string{"local": "kubernetes.io/no-provisioner", "made": "example.com/none"} {
		s.must(s.Client.StorageV1().StorageClasses().Create(s.t.Context(), &storagev1.StorageClass{
			ObjectMeta: metav1.ObjectMeta{Name: class}, Provisioner: provisioner, VolumeBindingMode: new(storagev1.VolumeBindingWaitForFirstConsumer),
		}, metav1.CreateOptions{}))
		s.must(core.PersistentVolumeClaims(jobs).Create(s.t.Context(), &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: class},
			Spec: corev1.PersistentVolumeClaimSpec{
				StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Resources: corev1.VolumeResourceRequirements{Requests: size},
			},
		}, metav1.CreateOptions{}))
	}
	s.must(core.PersistentVolumes().Create(s.t.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "disk"},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: "local", AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Capacity: size,
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/disk"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "own", Operator: corev1.NodeSelectorOpIn, Values: []string{"true"}}},
			}}}},
		},
	}, metav1.CreateOptions{}))
	s.create(s.ownPod("local", "", "1m", "local"))
	s.create(s.ownPod("made", "", "1m", "made"))
	s.awaitBound("local")
}

// preemption has one pod take another's place.
func (s *site) preemption() {
	s.t.Helper()
	s.create(s.ownPod("low", "", "3", ""))
	s.awaitBound("low")
	s.must(s.Client.SchedulingV1().PriorityClasses().Create(s.t.Context(), &schedulingv1.PriorityClass{
		ObjectMeta: metav1.ObjectMeta{Name: "urgent", Annotations: map[string]string{batchmeta.Preemption: batchmeta.PreemptionEnabled}}, Value: 100,
	}, metav1.CreateOptions{}))
	s.create(s.ownPod("high", "urgent", "3", ""))
	s.awaitBound("high")
}

// failsAgain has a pod find no room more than once: whenever another has ended.
func (s *site) failsAgain() {
	s.t.Helper()
	s.create(s.ownPod("never", "", "100", ""))
	for i := range 4 {
		name := "short-" + strconv.Itoa(i)
		s.create(s.ownPod(name, "", "10m", ""))
		s.awaitBound(name)
		s.must(nil, s.Client.CoreV1().Pods(jobs).Delete(s.t.Context(), name, metav1.DeleteOptions{}))
	}
}

// asksScheduler asks batch-scheduler for what it shows to those alone who may read it.
func (s *site) asksScheduler() {
	s.t.Helper()
	anybody := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://"+s.scheduler+"/configz", http.NoBody)
	s.must(r, err)
	r.Header.Set("Authorization", "Bearer "+kubetest.QueueAPIToken)
	response, err := anybody.Do(r)
	s.must(response, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		s.t.Errorf("queue-api gets %s of batch-scheduler", response.Status)
	}
}
