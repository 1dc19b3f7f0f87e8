// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestPendingPodsGetNodesOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.pods("a", "b", "c", "d", "e") // 3 fit on a node
	r.loops("two nodes", func() bool { return len(r.nodeNames()) == 2 })
	r.loop(5)
	if got := r.launched(); got != 2 {
		t.Errorf("launched %d instances, want 2", got)
	}
	req := r.fleet.Launches()[0]
	want := map[string]string{
		batchmeta.ComputeEnvironmentUUID: envUUID, batchmeta.CapacityType: "on-demand", batchmeta.Generation: "1",
		batchmeta.NodeGroup: "env.c5.xlarge.on-demand", "node.kubernetes.io/instance-type": "c5.xlarge",
	}
	if diff := cmp.Diff(want, req.Labels); diff != "" || req.NodeGroup != "env.c5.xlarge.on-demand" || len(req.Taints) != 2 {
		t.Errorf("request %+v, labels mismatch (-want +got):\n%s", req, diff)
	}
}

func TestALaunchUnderWayIsNotLaunchedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	release := r.fleet.Hold()
	r.pods("a")
	r.loops("a launch", func() bool { return r.launched() > 0 })
	r.loop(5)
	release()
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.loop(3)
	if got := r.launched(); got != 1 {
		t.Errorf("launched %d instances, want 1", got)
	}
}

func TestANodeThatIsNotYetInitializedIsNotBoughtAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.taint = r.options.StartupTaints[0]
	r.pods("a")
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.loop(5)
	if got := r.launched(); got != 1 {
		t.Errorf("launched %d instances, want 1", got)
	}
}

func TestMaxvCpusIsNeverExceeded(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 8))
	for i := range 20 {
		r.pods(string(rune('a' + i)))
	}
	r.loops("two nodes", func() bool { return r.instances() == 2 })
	r.loop(5)
	if got := r.launched(); got != 2 {
		t.Errorf("launched %d instances of 4 vCPUs, maxvCpus is 8", got)
	}
}

func TestAGangIsBoughtWhollyOrNotAtAll(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 12))
	for _, name := range []string{"a", "b", "c", "d"} {
		r.create(pod(name, gang("wide", 4), cpus(3)))
	}
	r.loop(5)
	if got := r.launched(); got != 0 {
		t.Errorf("launched %d instances for a gang of 4 nodes where 3 are allowed", got)
	}
	for _, name := range []string{"e", "f", "g"} {
		r.create(pod(name, gang("narrow", 3), cpus(3)))
	}
	r.loops("three nodes", func() bool { return len(r.nodeNames()) == 3 })
	if got := r.fleet.Launches(); len(got) != 1 || !got[0].Whole {
		t.Errorf("launches = %+v, want one that is whole", got)
	}
}

func TestAGangThatTheFleetCannotCompleteKeepsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.fleet.SetStock("c5.xlarge", 2)
	for _, name := range []string{"a", "b", "c"} {
		r.create(pod(name, gang("g", 3), cpus(3)))
	}
	r.expectEvent("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [c5.xlarge]: stock is empty")
	if got := r.instances(); got != 0 {
		t.Errorf("%d instances are kept", got)
	}
}

func TestAFailedLaunchIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.fleet.SetStock("c5.xlarge", 0)
	r.pods("a")
	r.loops("a launch", func() bool { return r.launched() > 0 })
	r.provider.Wait() // no time passes before it has failed
	r.expectEvent("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [c5.xlarge]: stock is empty")
	r.loop(2)
	if got := r.launched(); got != 1 {
		t.Errorf("launched %d times within the back-off", got)
	}
	r.fleet.SetStock("c5.xlarge", 10)
	r.elapse(r.options.InitialBackoff)
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	if got := r.launched(); got != 2 {
		t.Errorf("launched %d times, want 2", got)
	}
}

func TestABrokenFleetIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.fleet.Fail(errBroken)
	r.pods("a")
	r.expectEvent("MISCONFIGURATION:FLEET_LAUNCH_FAILED - instance type [c5.xlarge]: launch: the command is broken")
}

func TestPodsThatCanNeverRunAreTold(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pods []*corev1.Pod
		want string
	}{
		"larger than every type": {
			pods: []*corev1.Pod{pod("a", cpus(5))},
			want: "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue.",
		},
		"asking for more storage than a node's disk has": {
			pods: []*corev1.Pod{pod("a", func(p *corev1.Pod) {
				p.Spec.Containers[0].Resources.Requests[corev1.ResourceEphemeralStorage] = resource.MustParse("200Gi")
			})},
			want: "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue. (it asks for 200 GiB of ephemeral storage, and a node has 72)",
		},
		"asking for a label that no node has": {
			pods: []*corev1.Pod{pod("a", func(p *corev1.Pod) { p.Spec.NodeSelector["disk"] = "fast" })},
			want: "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - ",
		},
		"a gang wider than maxvCpus": {
			pods: []*corev1.Pod{pod("a", gang("g", 3), cpus(3)), pod("b", gang("g", 3), cpus(3)), pod("c", gang("g", 3), cpus(3))},
			want: "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU requirement of the job.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, environment(0, 8))
			for _, p := range tc.pods {
				r.create(p)
			}
			r.expectEvent(tc.want)
			if got := r.launched(); got != 0 {
				t.Errorf("launched %d instances", got)
			}
		})
	}
}

func TestMinvCpusAreKeptWithoutJobs(t *testing.T) {
	t.Parallel()
	cases := map[string]types.CEState{"ENABLED": types.CEStateEnabled, "DISABLED": types.CEStateDisabled}
	for name, state := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := environment(6, 64)
			env.State = state
			r := newRig(t, env)
			r.loops("two nodes", func() bool { return len(r.nodeNames()) == 2 })
			for range 3 {
				r.elapse(2 * r.options.ScaleDownDelay)
			}
			if got := r.instances(); got != 2 || r.launched() != 2 {
				t.Errorf("%d instances of %d launched, want 2", got, r.launched())
			}
		})
	}
}

func TestADisabledEnvironmentBuysNothingForPods(t *testing.T) {
	t.Parallel()
	env := environment(0, 64)
	env.State = types.CEStateDisabled
	r := newRig(t, env)
	r.pods("a")
	r.loop(5)
	if got := r.launched(); got != 0 {
		t.Errorf("launched %d instances", got)
	}
}

func TestAnUnknownEnvironmentIsReadAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pods("a")
	r.loop(2)
	r.api.environments = []types.ComputeEnvironmentDetail{environment(0, 64)}
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
}

func TestARestartInTheMiddleOfALaunchBuysNothingTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	release := r.fleet.Hold()
	r.pods("a")
	r.loops("a launch", func() bool { return r.launched() > 0 })
	r.restart() // the first process still waits for its fleet
	r.loops("the launch again", func() bool { return r.launched() > 1 })
	release()
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.loop(3)
	launches := r.fleet.Launches()
	if r.instances() != 1 || len(launches) != 2 || launches[0].Token != launches[1].Token {
		t.Errorf("%d instances of launches %+v", r.instances(), launches)
	}
	r.loops("nothing in the ledger but whose it is", func() bool {
		r.reconcile(time.Second)
		ledger, err := r.client.CoreV1().ConfigMaps(r.options.Namespace).Get(t.Context(), ledgerName, metav1.GetOptions{})
		return err == nil && len(ledger.Data) == 1
	})
}

func TestARestartFindsItsInstances(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.mute = true
	r.pods("a")
	r.loops("an instance", func() bool { return r.instances() == 1 })
	r.provider.Wait()
	r.restart()
	r.loop(5)
	if got := r.launched(); got != 1 {
		t.Errorf("launched %d instances, want 1", got)
	}
}
