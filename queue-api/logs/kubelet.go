// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/lru"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Kubelets reads logs of one cluster's pods, through its API server.
type Kubelets struct{ Client corev1client.PodsGetter }

var _ Source = Kubelets{}

// Read implements Source.
func (k Kubelets) Read(ctx context.Context, origin Origin, since time.Time, follow bool) (io.ReadCloser, error) {
	options := &corev1.PodLogOptions{Container: origin.Container, Timestamps: true, Follow: follow}
	if !since.IsZero() {
		options.SinceTime = &metav1.Time{Time: since}
	}
	body, err := k.Client.Pods(origin.Namespace).GetLogs(origin.Pod, options).Stream(ctx)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("pod %s: %w", origin.Pod, ErrNotFound)
	}
	return body, err
}

// JobStore reads jobs.
type JobStore interface {
	Job(ctx context.Context, id string) (batch.Job, error)
}

// Pods is the pods that live, of all clusters.
type Pods struct {
	jobs     JobStore
	clusters func() map[string]Kubelets // by ARN; the home cluster's is empty
	known    *lru.Cache                 // found, by stream
}

var _ Live = (*Pods)(nil)

type found struct {
	origin Origin
	job    string
}

// NewPods makes Pods of what gives the clusters that there are.
func NewPods(jobs JobStore, clusters func() map[string]Kubelets) *Pods {
	return &Pods{jobs: jobs, clusters: clusters, known: lru.New(maxKnown)}
}

// maxKnown is of how many streams it is remembered where they are written, which never changes.
const maxKnown = 4096

// Find implements Live. Anybody may make a pod and name a job on it: what counts is whether the job knows the pod.
func (p *Pods) Find(ctx context.Context, stream string) (Origin, string, error) {
	if f, ok := p.known.Get(stream); ok {
		return f.(found).origin, f.(found).job, nil
	}
	// Most are where an API server's cache has them. That there is none must be true.
	f, err := p.find(ctx, stream, "0")
	if errors.Is(err, ErrNotFound) {
		f, err = p.find(ctx, stream, "")
	}
	if err != nil {
		return Origin{}, "", err
	}
	p.known.Add(stream, f)
	return f.origin, f.job, nil
}

// find looks for the pod in all clusters, as of a version of what they have.
func (p *Pods) find(ctx context.Context, stream, version string) (found, error) {
	parts := strings.Split(stream, "/")
	name := batch.PodOfTask(parts[len(parts)-1])
	var trouble []error
	for cluster, kubelets := range p.clusters() {
		list, err := kubelets.Client.Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
			FieldSelector: "metadata.name=" + name, LabelSelector: batchmeta.JobID, ResourceVersion: version,
		})
		if err != nil {
			trouble = append(trouble, fmt.Errorf("find pod %s: %w", name, err))
			continue
		}
		for i := range list.Items {
			job, err := p.jobOf(ctx, &list.Items[i])
			if err != nil {
				return found{}, err
			}
			origin := Origin{Cluster: cluster, Namespace: list.Items[i].Namespace, Pod: name, Container: parts[1]}
			if job == nil || batch.LogStream(job.Definition.Name, origin.Container, name) != stream || !hasContainer(&list.Items[i], origin.Container) {
				continue
			}
			return found{origin, job.ID}, nil
		}
	}
	if len(trouble) > 0 {
		return found{}, errors.Join(trouble...)
	}
	return found{}, ErrNotFound
}

// Fate implements Live.
func (p *Pods) Fate(ctx context.Context, stream string, origin *Origin, job string) (Fate, error) {
	if origin == nil {
		f, err := p.find(ctx, stream, "")
		if errors.Is(err, ErrNotFound) {
			return FateGone, nil
		}
		if err != nil {
			return FateOpen, err
		}
		origin = &f.origin
	}
	// The job is asked first: while it runs its API server need not be.
	one, err := p.jobs.Job(ctx, job)
	if err != nil && !errors.Is(err, batch.ErrNotFound) {
		return FateOpen, err
	}
	if err == nil && one.Current != nil && hasPod(one.Current, origin.Namespace, origin.Pod) {
		return FateOpen, nil
	}
	kubelets, ok := p.clusters()[origin.Cluster]
	if !ok {
		return FateOpen, fmt.Errorf("cluster %s is not known now", origin.Cluster)
	}
	pod, err := kubelets.Client.Pods(origin.Namespace).Get(ctx, origin.Pod, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return FateGone, nil
	}
	if err != nil {
		return FateOpen, fmt.Errorf("look at pod %s: %w", origin.Pod, err)
	}
	return fateOf(pod, origin.Container), nil
}

// fateOf is what is to come of the log of a container whose job is done with the pod.
func fateOf(pod *corev1.Pod, container string) Fate {
	switch {
	case slices.Contains(pod.Finalizers, batchmeta.Tracking):
		return FateOpen
	case slices.ContainsFunc(started(pod), func(s corev1.ContainerStatus) bool { return s.Name == container }):
		return FateGone
	}
	return FateUnstarted
}

// jobOf is the job that a pod belongs to; nil if there is none that knows of the pod.
func (p *Pods) jobOf(ctx context.Context, pod *corev1.Pod) (*batch.Job, error) {
	job, err := p.jobs.Job(ctx, ownerOf(pod))
	if errors.Is(err, batch.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	attempts := job.Attempts
	if job.Current != nil {
		attempts = append(slices.Clone(attempts), *job.Current)
	}
	if slices.ContainsFunc(attempts, func(a batch.Attempt) bool { return hasPod(&a, pod.Namespace, pod.Name) }) {
		return &job, nil
	}
	return nil, nil
}

// hasPod reports whether an attempt was made with a pod.
func hasPod(a *batch.Attempt, namespace, name string) bool {
	isNode := slices.ContainsFunc(a.Nodes, func(n batch.NodeAttempt) bool { return n.PodName == name })
	return a.PodNamespace == namespace && (isNode || a.PodName == name)
}

// ownerOf names the job, or the child of an array, that the pod says it belongs to.
func ownerOf(pod *corev1.Pod) string {
	id := pod.Labels[batchmeta.JobID]
	if index, err := strconv.Atoi(pod.Labels[batchmeta.ArrayIndex]); err == nil {
		return batch.ChildID(id, index)
	}
	return id
}

func hasContainer(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers), func(c corev1.Container) bool { return c.Name == name })
}

// Open implements Live.
func (p *Pods) Open(ctx context.Context, origin Origin, since time.Time) (io.ReadCloser, error) {
	kubelets, ok := p.clusters()[origin.Cluster]
	if !ok {
		return nil, fmt.Errorf("cluster %s: %w", origin.Cluster, ErrNotFound)
	}
	body, err := kubelets.Read(ctx, origin, since, false)
	if apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "waiting to start") {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return body, err
}
