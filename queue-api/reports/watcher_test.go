// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fcache "k8s.io/client-go/tools/cache/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func reportOf(uuid string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "muster-system", Name: batchmeta.EnvironmentReportPrefix + uuid, Labels: map[string]string{batchmeta.EnvironmentReport: uuid},
		},
		Data: data,
	}
}

func valid(change map[string]string) map[string]string {
	data := map[string]string{
		batchmeta.ReportName: "ce", batchmeta.ReportDesiredVCPUs: "12", batchmeta.ReportStatus: "VALID",
		batchmeta.ReportStatusReason: "ComputeEnvironment Healthy", batchmeta.ReportJudgedAt: "2026-01-02T03:04:05.006Z",
	}
	maps.Copy(data, change)
	return data
}

func TestRead(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	cases := map[string]struct {
		change map[string]string
		want   *batch.Report // nil: it is not understood
	}{
		"a healthy one": {want: &batch.Report{
			DesiredvCPUs: 12, Status: batch.ResourceValid, StatusReason: "ComputeEnvironment Healthy", JudgedAt: at,
		}},
		"all of it": {
			change: map[string]string{
				batchmeta.ReportStatus: "INVALID", batchmeta.ReportStatusReason: "why", batchmeta.ReportGeneration: "7",
				batchmeta.ReportShortAt: "2026-01-02T03:04:05Z", batchmeta.ReportLastError: "boom", batchmeta.ReportNodeSeconds: "42",
				batchmeta.ReportInstanceTypes: "m5.large 2 8192 0 1930 6907 0.096\nnonsense\nc5.large 2 4096 0 1930 3100 0",
			},
			want: &batch.Report{
				DesiredvCPUs: 12, Status: batch.ResourceInvalid, StatusReason: "why", JudgedAt: at, Generation: 7,
				ShortAt: at.Truncate(time.Second), NodeSeconds: 42,
				InstanceTypes: "c5.large 2 4096 0 1930 3100 0\nm5.large 2 8192 0 1930 6907 0.096",
			},
		},
		"without vCPUs":                     {change: map[string]string{batchmeta.ReportDesiredVCPUs: ""}},
		"with negative vCPUs":               {change: map[string]string{batchmeta.ReportDesiredVCPUs: "-1"}},
		"of an unknown status":              {change: map[string]string{batchmeta.ReportStatus: "DELETING"}},
		"with less than no time for a node": {change: map[string]string{batchmeta.ReportNodeSeconds: "-1"}},
		"with a broken time":                {change: map[string]string{batchmeta.ReportShortAt: "yesterday"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(reportOf("u", valid(tc.change)))
			if (err == nil) != (tc.want != nil) {
				t.Fatalf("error %v", err)
			}
			if tc.want != nil {
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("report mismatch (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestWatcherKnowsTheLastReport(t *testing.T) {
	t.Parallel()
	source := fcache.NewFakeControllerSource()
	defer source.Shutdown()
	source.Add(reportOf("u-1", valid(nil)))
	source.Add(reportOf("broken", map[string]string{}))
	w, err := newWatcher(source)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	changes := make(chan struct{}, 10)
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx, func() { changes <- struct{}{} }); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer stop()
	<-changes
	<-changes
	if got := w.Report(ctx, "u-1"); got == nil || got.DesiredvCPUs != 12 {
		t.Errorf("report = %+v", got)
	}
	for _, uuid := range []string{"", "u-2", "broken"} {
		if got := w.Report(ctx, uuid); got != nil {
			t.Errorf("report of %q = %+v, want none", uuid, got)
		}
	}
	source.Modify(reportOf("u-1", valid(map[string]string{batchmeta.ReportStatus: "INVALID"})))
	<-changes
	if got := w.Report(ctx, "u-1"); got == nil || got.Status != batch.ResourceInvalid {
		t.Errorf("report = %+v", got)
	}
}
