// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// read decodes a report. One that is not understood is an error, and nothing of it counts.
func read(cm *corev1.ConfigMap) (*batch.Report, error) {
	r := &batch.Report{
		Status:       batch.ResourceStatus(cm.Data[batchmeta.ReportStatus]),
		StatusReason: cm.Data[batchmeta.ReportStatusReason],
		// What comes in is bounded, whoever wrote it.
		InstanceTypes: batchmeta.FormatOffers(batchmeta.ParseOffers(cm.Data[batchmeta.ReportInstanceTypes])),
	}
	if r.Status != batch.ResourceValid && r.Status != batch.ResourceInvalid {
		return nil, fmt.Errorf("read report %s: status %q is neither VALID nor INVALID", cm.Name, r.Status)
	}
	var err error
	if r.DesiredvCPUs, err = strconv.Atoi(cm.Data[batchmeta.ReportDesiredVCPUs]); err != nil || r.DesiredvCPUs < 0 {
		return nil, fmt.Errorf("read report %s: %s is %q", cm.Name, batchmeta.ReportDesiredVCPUs, cm.Data[batchmeta.ReportDesiredVCPUs])
	}
	if text := cm.Data[batchmeta.ReportGeneration]; text != "" {
		if r.Generation, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("read report %s: %s: %w", cm.Name, batchmeta.ReportGeneration, err)
		}
	}
	if text := cm.Data[batchmeta.ReportNodeSeconds]; text != "" {
		if r.NodeSeconds, err = strconv.Atoi(text); err != nil || r.NodeSeconds < 0 {
			return nil, fmt.Errorf("read report %s: %s is %q", cm.Name, batchmeta.ReportNodeSeconds, text)
		}
	}
	if r.JudgedAt, err = timeOf(cm, batchmeta.ReportJudgedAt); err != nil {
		return nil, err
	}
	r.ShortAt, err = timeOf(cm, batchmeta.ReportShortAt)
	return r, err
}

// timeOf is zero if the key is absent.
func timeOf(cm *corev1.ConfigMap, key string) (time.Time, error) {
	text := cm.Data[key]
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("read report %s: %s: %w", cm.Name, key, err)
	}
	return at.UTC(), nil
}
