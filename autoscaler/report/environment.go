// SPDX-License-Identifier: Apache-2.0

package report

import (
	"maps"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/autoscaler/envhealth"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Environment is what is reported of a compute environment.
type Environment struct {
	Name         string
	UUID         string
	DesiredvCPUs int // of instances that are there, on their way or being launched
	Generation   int // of all of them; 0 while some are of an older one
	Offers       []batchmeta.Offer
	NodeSeconds  int // how long the last instance took to be a node; 0 if that is not known
	Verdict      envhealth.Verdict
}

// keys are all keys of a report, so that one that is absent is taken out.
var keys = [...]string{
	batchmeta.ReportName, batchmeta.ReportDesiredVCPUs, batchmeta.ReportStatus, batchmeta.ReportStatusReason, batchmeta.ReportJudgedAt,
	batchmeta.ReportShortAt, batchmeta.ReportGeneration, batchmeta.ReportLastError,
	batchmeta.ReportInstanceTypes, batchmeta.ReportNodeSeconds,
}

// data is the report; what is zero is absent.
func (e *Environment) data() map[string]string {
	out := map[string]string{
		batchmeta.ReportName:         e.Name,
		batchmeta.ReportDesiredVCPUs: strconv.Itoa(e.DesiredvCPUs),
		batchmeta.ReportStatus:       string(e.Verdict.Status),
		batchmeta.ReportStatusReason: e.Verdict.Reason,
		batchmeta.ReportJudgedAt:     timeText(e.Verdict.At),
		batchmeta.ReportShortAt:      timeText(e.Verdict.ShortAt),
		batchmeta.ReportLastError:    e.Verdict.LastError,

		batchmeta.ReportInstanceTypes: batchmeta.FormatOffers(e.Offers),
	}
	if e.NodeSeconds > 0 {
		out[batchmeta.ReportNodeSeconds] = strconv.Itoa(e.NodeSeconds)
	}
	if e.Generation > 0 {
		out[batchmeta.ReportGeneration] = strconv.Itoa(e.Generation)
	}
	maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
	return out
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// verdictOf reads what a predecessor wrote; ok is false if that is no report.
func verdictOf(cm *corev1.ConfigMap) (v envhealth.Verdict, ok bool) {
	v = envhealth.Verdict{
		Status: batch.ResourceStatus(cm.Data[batchmeta.ReportStatus]), Reason: cm.Data[batchmeta.ReportStatusReason],
		LastError: cm.Data[batchmeta.ReportLastError],
	}
	var err error
	if v.At, err = time.Parse(time.RFC3339Nano, cm.Data[batchmeta.ReportJudgedAt]); err != nil {
		return v, false
	}
	v.ShortAt, _ = time.Parse(time.RFC3339Nano, cm.Data[batchmeta.ReportShortAt]) // absent is zero
	return v, v.Status == batch.ResourceValid || v.Status == batch.ResourceInvalid
}

func nameOf(uuid string) string { return batchmeta.EnvironmentReportPrefix + uuid }

func (e *Environment) configMap(namespace string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: nameOf(e.UUID), Labels: map[string]string{batchmeta.EnvironmentReport: e.UUID},
		},
		Data: e.data(),
	}
}
