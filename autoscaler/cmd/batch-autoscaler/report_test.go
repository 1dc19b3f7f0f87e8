// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/autoscaler/envhealth"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// reported is the report on the environment, which the Batch API takes over as queue-api does.
func (r *rig) reported() map[string]string {
	r.Helper()
	if err := r.reports.Write(r.Context()); err != nil {
		r.Fatal(err)
	}
	cm, err := r.client.CoreV1().ConfigMaps(r.options.Namespace).Get(r.Context(), batchmeta.EnvironmentReportPrefix+envUUID, metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	r.api.environments[0].Status = types.CEStatus(cm.Data[batchmeta.ReportStatus])
	return cm.Data
}

func (r *rig) wantReport(status, reason string) {
	r.Helper()
	if got := r.reported(); got[batchmeta.ReportStatus] != status || !strings.HasPrefix(got[batchmeta.ReportStatusReason], reason) {
		r.Errorf("report = %v, want %s %s", got, status, reason)
	}
}

// forgive waits until the environment is INVALID, as nothing joined, and then until it is tried again.
func (r *rig) forgive() {
	r.Helper()
	r.loops("the verdict", func() bool { return r.reported()[batchmeta.ReportStatus] == "INVALID" })
	r.clock.Step(5 * time.Minute)
	r.reported()
}

func TestEnvironmentIsReported(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.pods("a", "b", "c", "d") // 3 fit on a node of 4 vCPUs
	r.loops("two nodes", func() bool { return len(r.nodeNames()) == 2 })
	r.wantReport("VALID", envhealth.ReasonHealthy)
	if got := r.reported()[batchmeta.ReportDesiredVCPUs]; got != "8" {
		t.Errorf("desiredvCpus = %s, want 8", got)
	}
}

// EC2's words reach the environment, and it is tried again after a while.
func TestRefusedEnvironmentIsInvalid(t *testing.T) {
	t.Parallel()
	r, cloud := newEC2Rig(t, types.CRTypeEc2)
	cloud.Break(ec2fake.Fault{Action: "CreateFleet", Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation.", Times: 2})
	r.pods("a")
	r.expectEvent("MISCONFIGURATION:FLEET_LAUNCH_FAILED - ")
	r.wantReport("INVALID", "CLIENT_ERROR - UnauthorizedOperation: You are not authorized to perform this operation.")
	r.restart()
	r.loop(3)
	r.wantReport("INVALID", "CLIENT_ERROR - UnauthorizedOperation")
	if got := cloud.Calls("CreateFleet"); got != 1 {
		t.Errorf("an INVALID environment was launched in: %d calls", got)
	}
	for _, wait := range []time.Duration{5 * time.Minute, 10 * time.Minute} {
		r.clock.Step(wait)
		r.wantReport("VALID", envhealth.ReasonHealthy)
		calls := cloud.Calls("CreateFleet")
		r.loops("a launch", func() bool { return cloud.Calls("CreateFleet") > calls })
		r.provider.Wait()
		r.reported()
	}
	r.loops("a node", func() bool { return len(r.nodeNames()) == 1 })
	r.wantReport("VALID", envhealth.ReasonHealthy)
}

// AWS Batch: an environment of which no instance joins the cluster is INVALID. One instance at a time shows whether it is
// well again, and then what waits is bought.
func TestEnvironmentWhoseInstancesDoNotJoinIsInvalid(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.mute = true
	r.pods("a", "b", "c", "d", "e", "f", "g")
	r.loops("three instances", func() bool { return r.instances() == 3 })
	r.wantReport("VALID", envhealth.ReasonHealthy)
	r.elapse(r.options.MaxNodeProvisionTime)
	r.loops("no instance", func() bool { return r.reported()[batchmeta.ReportStatus] == "INVALID" && r.instances() == 0 })
	r.wantReport("INVALID", "Your compute environment has been INVALIDATED and scaled down because none of the nodes joined the underlying EKS Cluster.")
	r.loop(5)
	if got := r.launched(); got != 3 {
		t.Errorf("%d instances launched, want none after the first 3", got)
	}
	r.clock.Step(5 * time.Minute)
	r.wantReport("VALID", envhealth.ReasonHealthy)
	r.loops("one instance on trial", func() bool { return r.instances() == 1 })
	r.loop(5)
	if got := r.instances(); got != 1 {
		t.Errorf("%d instances on trial, want one", got)
	}
	r.elapse(r.options.MaxNodeProvisionTime)
	r.loops("it fails, too", func() bool { return r.reported()[batchmeta.ReportStatus] == "INVALID" && r.instances() == 0 })
	r.mute = false
	r.clock.Step(10 * time.Minute)
	r.reported()
	r.loops("all nodes", func() bool { return len(r.nodeNames()) == 3 })
	r.wantReport("VALID", envhealth.ReasonHealthy)
	if got := r.launched(); got != 7 {
		t.Errorf("%d instances launched in all, want 3, 1, and 3", got)
	}
}

// The same of EC2, where an instance may end before it joins: by itself, three times in a row.
func TestInstancesThatDieBeforeTheyJoin(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.mute = true
	r.pods("a")
	for range 3 {
		r.wantReport("VALID", envhealth.ReasonHealthy)
		r.loops("an instance", func() bool { return r.instances() == 1 })
		r.provider.Wait()
		listed, err := r.machines.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.reconcile(time.Second)
		r.fleet.Lose(listed[0].ID)
		r.reconcile(time.Second)
		r.reconcile(10 * time.Second)
	}
	r.wantReport("INVALID", envhealth.ReasonNoneJoined)
}

// The instance on trial is for nobody, and yet it is not given back while only a gang waits, which it does not hold.
func TestOnTrialForAGang(t *testing.T) {
	t.Parallel()
	r := newRig(t, environment(0, 64))
	r.mute = true
	for _, name := range []string{"a", "b"} {
		r.create(pod(name, gang("g", 2), cpus(3)))
	}
	r.loops("two instances", func() bool { return r.instances() == 2 })
	r.elapse(r.options.MaxNodeProvisionTime)
	r.loops("none that joins", func() bool { return r.reported()[batchmeta.ReportStatus] == "INVALID" && r.instances() == 0 })
	r.clock.Step(5 * time.Minute)
	r.wantReport("VALID", envhealth.ReasonHealthy)
	r.loops("one instance on trial", func() bool { return r.instances() == 1 })
	r.loop(60)
	if got := r.launched(); got != 3 {
		t.Errorf("%d instances launched, want 2 and the one on trial", got)
	}
	r.mute = false
	r.elapse(r.options.MaxNodeProvisionTime)
	r.loops("it fails", func() bool { return r.reported()[batchmeta.ReportStatus] == "INVALID" && r.instances() == 0 })
	r.clock.Step(10 * time.Minute)
	r.reported()
	r.loops("the gang's nodes", func() bool { return len(r.nodeNames()) == 2 })
	r.wantReport("VALID", envhealth.ReasonHealthy)
}
