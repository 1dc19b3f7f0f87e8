// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	// autoscaler is the component that the autoscaler's Events name as their source.
	autoscaler = "batch-autoscaler"
	// maxEvents bounds what is read of a cluster, maxDecisions an answer.
	maxEvents    = 5000
	maxDecisions = 500
	// maxMessage is what Kubernetes allows an Event's message; what wrote more was no API server.
	maxMessage = 1024
)

// told is a cluster's Events of the autoscaler.
type told struct {
	list  []corev1.Event
	isCut bool // there are more
}

func readEvents(ctx context.Context, client Client) (told, error) {
	page, err := client.Events(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "source=" + autoscaler, Limit: maxEvents})
	if err != nil {
		return told{}, fmt.Errorf("list events: %w", err)
	}
	// Some API servers, such as tests' fakes, do not select by field.
	list := slices.DeleteFunc(page.Items, func(e corev1.Event) bool { return cmp.Or(e.Source.Component, e.ReportingController) != autoscaler })
	for i := range list {
		list[i].ManagedFields = nil
	}
	return told{list, page.Continue != ""}, nil
}

// Decisions shows what the autoscaler did and said lately, newest first. Each says which environment or job it is about, where
// that is known; what says neither is of the whole cluster.
func (v *View) Decisions(ctx context.Context) (*viewapi.Decisions, error) {
	known, err := v.environments(ctx)
	if err != nil {
		return nil, err
	}
	type seen struct {
		told
		*state
	}
	answers, clusters := look(ctx, v, func(ctx context.Context, m *member) (seen, error) {
		events, err := m.events.get(ctx, v.clock, func(ctx context.Context) (told, error) { return readEvents(ctx, m.client) })
		if err != nil {
			return seen{}, err
		}
		s, err := v.state(ctx, m)
		return seen{events, s}, err
	})
	out := &viewapi.Decisions{At: millis(v.clock.Now()), Decisions: []viewapi.Decision{}, Clusters: clusters}
	claims := map[string]*corev1.Event{} // those about pods that are gone, by UID
	for i, a := range answers {
		out.Truncated = out.Truncated || a.isCut
		for j := range a.list {
			e := &a.list[j]
			d := a.decision(e, known, clusters[i].Name)
			if e.InvolvedObject.Kind == "Pod" && d.JobID == "" && e.Labels[batchmeta.JobID] != "" {
				claims[d.ID] = e
			}
			out.Decisions = append(out.Decisions, d)
		}
	}
	slices.SortFunc(out.Decisions, func(a, b viewapi.Decision) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.ID, b.ID)) })
	if len(out.Decisions) > maxDecisions {
		out.Decisions, out.Truncated = out.Decisions[:maxDecisions], true
	}
	for i := range out.Decisions {
		d := &out.Decisions[i]
		if e := claims[d.ID]; e != nil {
			if d.JobID = v.claimed(ctx, e); d.JobID != "" {
				d.ComputeEnvironment = known.name(e.Labels[batchmeta.ComputeEnvironmentUUID])
			}
		}
	}
	return out, nil
}

func (s *state) decision(e *corev1.Event, known environments, cluster string) viewapi.Decision {
	last, first, count := times(e)
	about := e.InvolvedObject
	d := viewapi.Decision{
		ID: string(e.UID), At: millis(last), FirstAt: millis(first), Count: count, Type: e.Type, Reason: e.Reason,
		Message: clip(e.Message, maxMessage), Cluster: cluster, Object: about.Kind + "/" + about.Name,
	}
	switch about.Kind {
	case "Pod":
		if p := s.pods[podName{about.Namespace, about.Name}]; p != nil {
			d.JobID, d.ComputeEnvironment = p.job, known.name(p.uuid)
		}
	case "Node":
		if n := s.names[about.Name]; n != nil {
			d.ComputeEnvironment = known.name(n.uuid)
		}
	case "ConfigMap":
		if uuid, ok := strings.CutPrefix(about.Name, batchmeta.EnvironmentReportPrefix); ok {
			d.ComputeEnvironment = known.name(uuid)
		}
	}
	return d
}

// times are when an Event was last and first seen, and how often. Newer recorders write a series.
func times(e *corev1.Event) (last, first time.Time, count int) {
	last, first, count = e.LastTimestamp.Time, e.FirstTimestamp.Time, int(e.Count)
	if e.Series != nil {
		last, count = e.Series.LastObservedTime.Time, int(e.Series.Count)
	}
	if first.IsZero() {
		first = e.EventTime.Time
	}
	if first.IsZero() {
		first = e.CreationTimestamp.Time
	}
	if last.IsZero() {
		last = first
	}
	return last, first, max(count, 1)
}

// clip cuts a text at a character's end.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
