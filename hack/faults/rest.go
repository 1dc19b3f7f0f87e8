// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/faults/check"
	"github.com/muster-batch/muster/hack/faults/stack"
	"github.com/muster-batch/muster/queue-api/batch"
)

// await waits until all jobs have ended and nothing is left of them.
func (r *rig) await(ctx context.Context) error {
	if err := r.users.Settle(ctx); err != nil {
		return err
	}
	for {
		left, err := r.left(ctx)
		if err == nil && len(left.Instances)+len(left.Nodes)+len(left.Pods)+len(left.ConfigMaps) == 0 {
			return nil
		}
		if !pause(ctx, time.Second) {
			return fmt.Errorf("there still are %v, %w", left, ctx.Err())
		}
	}
}

// left is what there still is.
func (r *rig) left(ctx context.Context) (check.Left, error) {
	var left check.Left
	for _, i := range r.fleet.Alive() {
		left.Instances = append(left.Instances, i.ID)
	}
	core := r.fleet.Kube().CoreV1()
	nodes, err := core.Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return left, err
	}
	for i := range nodes.Items {
		left.Nodes = append(left.Nodes, nodes.Items[i].Name)
	}
	pods, err := core.Pods(stack.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return left, err
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		left.Pods = append(left.Pods, fmt.Sprintf("%s (%s on %s, deleted %v, finalizers %v)", p.Name, p.Status.Phase, p.Spec.NodeName, p.DeletionTimestamp, p.Finalizers))
	}
	maps, err := core.ConfigMaps(stack.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return left, err
	}
	for i := range maps.Items {
		if name := maps.Items[i].Name; strings.HasPrefix(name, "muster-gang.") {
			left.ConfigMaps = append(left.ConfigMaps, name)
		}
	}
	return left, nil
}

// described is how many children an array has at most of which all are looked at, and not only those that ran.
const described = 100

// world gathers all that is to be checked.
func (r *rig) world(ctx context.Context) (*check.World, error) {
	w := &check.World{}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var refusals []string
	w.Submits, refusals = r.users.Submits()
	var err error
	if w.Runs, err = check.ReadLedger(r.ledgerFile()); err != nil {
		return nil, err
	}
	if w.Jobs, err = r.users.Describe(ctx, idsOf(w)); err != nil {
		return nil, err
	}
	if w.Left, err = r.left(ctx); err != nil {
		return nil, err
	}
	if err = r.outbox.catchUp(ctx); err != nil {
		return nil, err
	}
	w.Changes = r.outbox.changes
	r.fleet.Report(w)
	if w.Left.Store, err = r.outbox.audit(ctx); err != nil {
		return nil, err
	}
	alarm := raceFound + "|^panic: |^fatal error: |Observed a panic"
	if !r.keys {
		alarm += "|The store breaks a rule"
	}
	alarms, err := alarmsIn(filepath.Join(r.dir, "logs"), regexp.MustCompile(alarm))
	w.Alarms = slices.Concat(refusals, alarms)
	return w, err
}

// idsOf are the jobs to ask about.
func idsOf(w *check.World) []string {
	ids := map[string]bool{}
	for i := range w.Submits {
		s := &w.Submits[i]
		ids[s.ID()] = true
		for index := range s.Children {
			if s.Children <= described {
				ids[batch.ChildID(s.ID(), index)] = true
			}
		}
	}
	for i := range w.Runs {
		ids[w.Runs[i].JobID()] = true
	}
	out := make([]string, 0, len(ids))
	for id := range ids {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// alarmsIn are the lines of our programs' logs that are alarms.
func alarmsIn(dir string, alarm *regexp.Regexp) ([]string, error) {
	var out []string
	for _, program := range []string{stack.QueueAPI, stack.Scheduler, stack.Autoscaler} {
		logs, err := filepath.Glob(filepath.Join(dir, program+"-*.log"))
		if err != nil {
			return nil, err
		}
		for _, log := range logs {
			text, err := os.ReadFile(log)
			if err != nil {
				return nil, err
			}
			out = append(out, alarmsOf(filepath.Base(log), string(text), alarm)...)
		}
	}
	return out, nil
}

const (
	raceFound = "WARNING: DATA RACE"
	raceEnd   = "=================="
	ours      = "github.com/muster-batch/muster/"
)

// alarmsOf are the alarms of one log. A race that none of our code takes part in, as kube-scheduler has some, is not ours to
// mend: only who started its goroutines may be ours.
func alarmsOf(log, text string, alarm *regexp.Regexp) []string {
	var out []string
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !alarm.MatchString(line) {
			continue
		}
		if strings.Contains(line, raceFound) {
			length := slices.IndexFunc(lines[i:], func(l string) bool { return strings.HasPrefix(l, "Goroutine ") || l == raceEnd })
			if length > 0 && !strings.Contains(strings.Join(lines[i:i+length], "\n"), ours) {
				continue
			}
		}
		out = append(out, fmt.Sprintf("%s:%d: %s", log, i+1, strings.TrimSpace(line)))
	}
	return out
}
