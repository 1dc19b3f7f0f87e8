// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"

	"github.com/muster-batch/muster/autoscaler/envhealth"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const namespace = "muster-system"

// desk is a writer on a fake API server.
type desk struct {
	*Writer
	t            *testing.T
	api          *fake.Clientset
	recorder     *record.FakeRecorder
	environments []Environment
	unknown      bool
}

func newDesk(t *testing.T, environments ...Environment) *desk {
	t.Helper()
	d := &desk{t: t, api: fake.NewClientset(), recorder: record.NewFakeRecorder(100), environments: environments}
	d.restart()
	return d
}

func (d *desk) restart() {
	d.Writer = New(d.api.CoreV1().ConfigMaps(namespace), func() ([]Environment, bool) { return d.environments, !d.unknown }, Config{
		Namespace: namespace, Recorder: d.recorder,
	})
}

func (d *desk) write() {
	d.t.Helper()
	if err := d.Write(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// reports are the data of all reports, by UUID.
func (d *desk) reports() map[string]map[string]string {
	d.t.Helper()
	list, err := d.api.CoreV1().ConfigMaps(namespace).List(d.t.Context(), metav1.ListOptions{LabelSelector: batchmeta.EnvironmentReport})
	if err != nil {
		d.t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for _, cm := range list.Items {
		if cm.Name != "compute-environment-"+cm.Labels[batchmeta.EnvironmentReport] {
			d.t.Errorf("a report is called %s", cm.Name)
		}
		out[cm.Labels[batchmeta.EnvironmentReport]] = cm.Data
	}
	return out
}

func (d *desk) writes() int {
	n := 0
	for _, a := range d.api.Actions() {
		if a.GetVerb() != "list" {
			n++
		}
	}
	d.api.ClearActions()
	return n
}

func (d *desk) wantEvents(want ...string) {
	d.t.Helper()
	var got []string
	for len(d.recorder.Events) > 0 {
		got = append(got, <-d.recorder.Events)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
}

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func healthy(uuid string) Environment {
	return Environment{
		Name: "env-" + uuid, UUID: uuid, DesiredvCPUs: 4, Generation: 1,
		Verdict: envhealth.Verdict{Status: batch.ResourceValid, Reason: envhealth.ReasonHealthy, At: at},
	}
}

func TestReportsAreWrittenWhenTheyChange(t *testing.T) {
	t.Parallel()
	d := newDesk(t, healthy("a"), healthy("b"))
	d.write()
	want := map[string]string{
		"computeEnvironmentName": "env-a", "desiredvCpus": "4", "generation": "1", "judgedAt": "2026-01-02T03:04:05Z",
		"status": "VALID", "statusReason": "ComputeEnvironment Healthy",
	}
	if diff := cmp.Diff(want, d.reports()["a"]); diff != "" {
		t.Errorf("report mismatch (-want +got):\n%s", diff)
	}
	d.writes()
	if d.write(); d.writes() != 0 {
		t.Error("reports that did not change were written")
	}
	d.environments[0].DesiredvCPUs, d.environments[0].Generation = 8, 0
	if d.write(); d.writes() != 1 {
		t.Error("one report changed, and another number was written")
	}
	want["desiredvCpus"] = "8"
	delete(want, "generation")
	if diff := cmp.Diff(want, d.reports()["a"]); diff != "" {
		t.Errorf("report mismatch (-want +got):\n%s", diff)
	}
	d.environments[0].NodeSeconds = 42
	d.environments[0].Offers = []batchmeta.Offer{{InstanceType: "m5.large", VCPUs: 2, MemoryMiB: 8192, FreeMilliVCPU: 1930, FreeMiB: 6907, PricePerHour: 0.096}}
	d.write()
	want["nodeSeconds"], want["instanceTypes"] = "42", "m5.large 2 8192 0 1930 6907 0.096"
	if diff := cmp.Diff(want, d.reports()["a"]); diff != "" {
		t.Errorf("report mismatch (-want +got):\n%s", diff)
	}
	d.environments[0].NodeSeconds = 0 // it began anew, and has seen no node
	d.write()
	if diff := cmp.Diff(want, d.reports()["a"]); diff != "" {
		t.Errorf("report mismatch (-want +got):\n%s", diff)
	}
	d.environments = d.environments[1:]
	if d.write(); len(d.reports()) != 1 {
		t.Errorf("the report on an environment that is gone was left: %v", d.reports())
	}
	d.wantEvents()
}

func TestUnknownEnvironmentsKeepTheirReports(t *testing.T) {
	t.Parallel()
	d := newDesk(t, healthy("a"))
	d.write()
	d.environments, d.unknown = nil, true
	if d.write(); len(d.reports()) != 1 {
		t.Error("a report was deleted though nothing is known")
	}
}

func TestASuccessorKnowsWhatWasReported(t *testing.T) {
	t.Parallel()
	broken, gone := healthy("a"), healthy("gone")
	broken.Verdict = envhealth.Verdict{Status: batch.ResourceInvalid, Reason: envhealth.ReasonNoneJoined, At: at, ShortAt: at, LastError: "boom"}
	d := newDesk(t, broken, gone)
	d.write()
	d.environments = d.environments[:1]
	d.restart()
	restored := map[string]envhealth.Verdict{}
	if err := d.Load(t.Context(), func(uuid string, v envhealth.Verdict) { restored[uuid] = v }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(broken.Verdict, restored["a"]); diff != "" {
		t.Errorf("verdict mismatch (-want +got):\n%s", diff)
	}
	d.writes()
	if d.write(); d.writes() != 1 || len(d.reports()) != 1 {
		t.Errorf("want only the report on the environment that is gone to go: %v", d.reports())
	}
}

func TestEventsTellWhatChanged(t *testing.T) {
	t.Parallel()
	d := newDesk(t, healthy("a"))
	v := &d.environments[0].Verdict
	say := func(change func()) {
		change()
		d.write()
		d.write()
	}
	say(func() { v.Reason, v.ShortAt = "CAPACITY:X - none", at })
	say(func() { v.Status, v.Reason, v.ShortAt = batch.ResourceInvalid, "CLIENT_ERROR - why", time.Time{} })
	say(func() { v.Status, v.Reason = batch.ResourceValid, envhealth.ReasonHealthy })
	d.wantEvents("Warning InsufficientInstanceCapacity CAPACITY:X - none", "Warning ComputeEnvironmentInvalid CLIENT_ERROR - why",
		"Normal ComputeEnvironmentValid ComputeEnvironment Healthy")
}

func TestWithoutTheRightToReadTheWorkGoesOn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err     error
		wantErr bool
	}{
		"forbidden": {apierrors.NewForbidden(corev1.Resource("configmaps"), "", errors.New("no role")), false},
		"no answer": {errors.New("no answer"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.api.PrependReactor("list", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, tc.err })
			err := d.Load(t.Context(), func(string, envhealth.Verdict) { t.Error("something was read") })
			if (err != nil) != tc.wantErr {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestAWriteThatFailsIsRepeated(t *testing.T) {
	t.Parallel()
	d := newDesk(t, healthy("a"))
	failures := 1
	d.api.PrependReactor("patch", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) {
		failures--
		return failures >= 0, nil, errors.New("no answer")
	})
	if err := d.Write(t.Context()); err == nil || !strings.Contains(err.Error(), "env-a") {
		t.Errorf("error = %v", err)
	}
	if d.write(); len(d.reports()) != 1 {
		t.Errorf("reports = %v", d.reports())
	}
	d.wantEvents()
}
