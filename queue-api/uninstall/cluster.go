// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// pageSize is how many objects are read at once.
const pageSize = 500

// counts are how often batch-autoscaler must have counted none: the first count may have been made before the last environment
// was gone.
const counts = 2

// awaitNoInstances waits until batch-autoscaler, which alone knows of instances that are no nodes yet, says that there is
// none, and no node of one is left. One that has never counted has never led, and has bought nothing.
func (u *Uninstaller) awaitNoInstances(ctx context.Context) error {
	last, seen := "", -1 // the first is what stood there
	for {
		nodes, err := u.nodes(ctx)
		if err != nil {
			return err
		}
		census, err := u.census(ctx)
		if err != nil {
			return err
		}
		if at := census[batchmeta.InstancesCountedAt]; at != last {
			last = at
			seen++
		}
		none := len(nodes) == 0 && (census == nil || census[batchmeta.InstancesCount] == "0")
		switch {
		case !none:
			u.tell("Waiting for instances to end: %s are there%s", orNo(census[batchmeta.InstancesCount]), listed(nodes))
		case census == nil || seen >= counts:
			return nil
		default:
			u.tell("Waiting for batch-autoscaler to count its instances again")
		}
		if err := u.pause(ctx); err != nil {
			return fmt.Errorf("wait for instances to end: %w; %s; is batch-autoscaler running?", err, u.told)
		}
	}
}

func orNo(count string) string {
	if count == "" {
		return "no"
	}
	return count
}

// listed names nodes, not all of many.
func listed(nodes []string) string {
	const most = 5
	switch {
	case len(nodes) == 0:
		return ""
	case len(nodes) > most:
		return fmt.Sprintf("; nodes %s and %d more", strings.Join(nodes[:most], ", "), len(nodes)-most)
	}
	return "; nodes " + strings.Join(nodes, ", ")
}

// hasNothing reports whether neither instances nor pods of jobs are in the cluster.
func (u *Uninstaller) hasNothing(ctx context.Context) (bool, error) {
	census, err := u.census(ctx)
	if err != nil || census != nil && census[batchmeta.InstancesCount] != "0" {
		return false, err
	}
	nodes, err := u.nodes(ctx)
	if err != nil || len(nodes) > 0 {
		return false, err
	}
	pods, err := u.cfg.Kube.Pods("").List(ctx, metav1.ListOptions{LabelSelector: batchmeta.JobID, Limit: 1})
	if err != nil {
		return false, fmt.Errorf("list pods: %w", err)
	}
	return len(pods.Items) == 0, nil
}

// census is what batch-autoscaler said last; nil if it has said nothing.
func (u *Uninstaller) census(ctx context.Context) (map[string]string, error) {
	cm, err := u.cfg.Kube.ConfigMaps(u.cfg.Namespace).Get(ctx, batchmeta.InstancesReport, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the number of instances: %w", err)
	}
	return cm.Data, nil
}

// nodes are the names of those that instances of a fleet are.
func (u *Uninstaller) nodes(ctx context.Context) ([]string, error) {
	list, err := u.cfg.Kube.Nodes().List(ctx, metav1.ListOptions{LabelSelector: batchmeta.NodeGroup})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	names := make([]string, len(list.Items))
	for i := range list.Items {
		names[i] = list.Items[i].Name
	}
	slices.Sort(names)
	return names, nil
}

// freePods waits a while for queue-api to settle and delete the last pods of jobs, then takes its finalizer off those that are
// left, and deletes them: nobody else would, once it is gone.
func (u *Uninstaller) freePods(ctx context.Context) error {
	until := u.cfg.Clock.Now().Add(u.cfg.Grace)
	for {
		pods, err := u.pods(ctx)
		if err != nil {
			return err
		}
		if len(pods) == 0 {
			u.tell("Nothing is left: no jobs, no instances, no pods")
			return nil
		}
		if u.cfg.Clock.Now().Before(until) {
			u.tell("Waiting for queue-api to delete %d pods", len(pods))
		} else if err := u.free(ctx, pods); err != nil {
			return err
		}
		if err := u.pause(ctx); err != nil {
			return fmt.Errorf("free pods of jobs: %w; %d are left", err, len(pods))
		}
	}
}

// pods are those of jobs, in every namespace. One that somebody deletes and that waits for nothing but its node's kubelet is none
// of ours any more.
func (u *Uninstaller) pods(ctx context.Context) (all []corev1.Pod, err error) {
	options := metav1.ListOptions{LabelSelector: batchmeta.JobID, Limit: pageSize}
	for {
		page, err := u.cfg.Kube.Pods("").List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("list pods: %w", err)
		}
		for i := range page.Items {
			if p := &page.Items[i]; p.DeletionTimestamp == nil || slices.Contains(p.Finalizers, batchmeta.Tracking) {
				all = append(all, *p)
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return all, nil
		}
	}
}

func (u *Uninstaller) free(ctx context.Context, pods []corev1.Pod) error {
	u.tell("Freeing and deleting %d pods that nobody settles", len(pods))
	var errs []error
	for i := range pods {
		errs = append(errs, u.freeOne(ctx, &pods[i]))
	}
	return errors.Join(errs...)
}

// freeOne takes our finalizer off a pod, if it has not changed since, and deletes it. One that has changed is looked at again.
func (u *Uninstaller) freeOne(ctx context.Context, p *corev1.Pod) error {
	client := u.cfg.Kube.Pods(p.Namespace)
	if slices.Contains(p.Finalizers, batchmeta.Tracking) {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
			"uid": p.UID, "resourceVersion": p.ResourceVersion,
			"finalizers": slices.DeleteFunc(slices.Clone(p.Finalizers), func(f string) bool { return f == batchmeta.Tracking }),
		}})
		if err != nil {
			return err
		}
		_, err = client.Patch(ctx, p.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		switch {
		case apierrors.IsNotFound(err), apierrors.IsConflict(err):
			return nil
		case err != nil:
			return fmt.Errorf("free pod %s/%s: %w", p.Namespace, p.Name, err)
		}
	}
	err := client.Delete(ctx, p.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(p.UID))})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}
