// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/envhealth"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// Config tunes a Writer.
type Config struct {
	Namespace string
	// Interval is the least time between two writes of a report. 2 seconds if zero.
	Interval time.Duration
	Recorder record.EventRecorder
	Clock    clock.Clock
}

// Source gives what is to be reported; ok is false while that is not known.
type Source func() (environments []Environment, ok bool)

// Writer keeps the reports. It is used by one goroutine.
type Writer struct {
	client typedcorev1.ConfigMapInterface
	source Source
	cfg    Config
	wrote  map[string]map[string]string // data by UUID, as the API server has it
}

// New makes a Writer over a client of the namespace's ConfigMaps.
func New(client typedcorev1.ConfigMapInterface, source Source, cfg Config) *Writer {
	cfg.Interval = cmp.Or(cfg.Interval, 2*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Writer{client: client, source: source, cfg: cfg, wrote: map[string]map[string]string{}}
}

// Load reads what a predecessor wrote and tells restore of each verdict. Without the right to read there is nothing to know:
// nodes do not depend on it.
func (w *Writer) Load(ctx context.Context, restore func(uuid string, v envhealth.Verdict)) error {
	list, err := w.client.List(ctx, metav1.ListOptions{LabelSelector: batchmeta.EnvironmentReport})
	if apierrors.IsForbidden(err) {
		klog.FromContext(ctx).Error(err, "Cannot read what was reported on compute environments, going on without")
		return nil
	}
	if err != nil {
		return fmt.Errorf("list reports on compute environments: %w", err)
	}
	for i := range list.Items {
		cm := &list.Items[i]
		uuid := cm.Labels[batchmeta.EnvironmentReport]
		w.wrote[uuid] = cm.Data
		if v, ok := verdictOf(cm); ok {
			restore(uuid, v)
		}
	}
	return nil
}

// Run writes what changed, again and again, until ctx ends.
func (w *Writer) Run(ctx context.Context) error {
	again(ctx, w.cfg.Clock, w.cfg.Interval, "Cannot report on compute environments, trying again", w.Write)
	return nil
}

// again does something at each interval until ctx ends. Of failures in a row it logs the first.
func again(ctx context.Context, c clock.Clock, interval time.Duration, complaint string, do func(context.Context) error) {
	failing := false
	for {
		err := do(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, complaint)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-c.After(interval):
		}
	}
}

// Write writes the reports that changed, and deletes those on environments that are no more.
func (w *Writer) Write(ctx context.Context) error {
	environments, ok := w.source()
	if !ok {
		return nil
	}
	var errs []error
	known := make(map[string]bool, len(environments))
	for i := range environments {
		known[environments[i].UUID] = true
		errs = append(errs, w.write(ctx, &environments[i]))
	}
	for uuid := range w.wrote {
		if !known[uuid] {
			errs = append(errs, w.remove(ctx, uuid))
		}
	}
	return errors.Join(errs...)
}

func (w *Writer) remove(ctx context.Context, uuid string) error {
	err := crashpoint.Around("reports/delete", func() error { return w.client.Delete(ctx, nameOf(uuid), metav1.DeleteOptions{}) })
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete report on compute environment %s: %w", uuid, err)
	}
	delete(w.wrote, uuid)
	return nil
}

func (w *Writer) write(ctx context.Context, e *Environment) error {
	before, data := w.wrote[e.UUID], e.data()
	if seconds := before[batchmeta.ReportNodeSeconds]; e.NodeSeconds == 0 && seconds != "" {
		data[batchmeta.ReportNodeSeconds] = seconds // a predecessor saw it
	}
	if maps.Equal(before, data) {
		return nil
	}
	if err := w.put(ctx, e, data); err != nil {
		return fmt.Errorf("report on compute environment %s: %w", e.Name, err)
	}
	w.wrote[e.UUID] = data
	w.tell(e, before)
	return nil
}

// put changes the keys of the report that is there, or makes one.
func (w *Writer) put(ctx context.Context, e *Environment, data map[string]string) error {
	change := make(map[string]*string, len(keys))
	for _, key := range keys {
		change[key] = nil
		if v, ok := data[key]; ok {
			change[key] = &v
		}
	}
	doc, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"labels": map[string]string{batchmeta.EnvironmentReport: e.UUID}}, "data": change,
	})
	if err != nil {
		return err
	}
	err = crashpoint.Around("reports/change", func() error {
		_, err := w.client.Patch(ctx, nameOf(e.UUID), types.MergePatchType, doc, metav1.PatchOptions{})
		return err
	})
	if !apierrors.IsNotFound(err) {
		return err
	}
	return crashpoint.Around("reports/create", func() error {
		_, err := w.client.Create(ctx, e.configMap(w.cfg.Namespace), metav1.CreateOptions{})
		return err
	})
}

// Reasons of the Events of reports.
const (
	EventInvalid = "ComputeEnvironmentInvalid"
	EventValid   = "ComputeEnvironmentValid"
	EventShort   = "InsufficientInstanceCapacity"
)

// tell puts an Event on the report when the verdict changed.
func (w *Writer) tell(e *Environment, before map[string]string) {
	v := &e.Verdict
	was := batch.ResourceStatus(before[batchmeta.ReportStatus])
	cm := e.configMap(w.cfg.Namespace)
	switch {
	case v.Status == batch.ResourceInvalid && (was != v.Status || before[batchmeta.ReportStatusReason] != v.Reason):
		w.cfg.Recorder.Event(cm, corev1.EventTypeWarning, EventInvalid, v.Reason)
	case v.Status == batch.ResourceValid && was == batch.ResourceInvalid:
		w.cfg.Recorder.Event(cm, corev1.EventTypeNormal, EventValid, v.Reason)
	case !v.ShortAt.IsZero() && before[batchmeta.ReportShortAt] == "":
		w.cfg.Recorder.Event(cm, corev1.EventTypeWarning, EventShort, v.Reason)
	}
}
