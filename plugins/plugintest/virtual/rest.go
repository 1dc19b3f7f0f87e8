// SPDX-License-Identifier: Apache-2.0

package virtual

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// Link is a program's connection to the API server, over which client-go's own REST clients work: pods, nodes and ConfigMaps.
// There are no Events. Requests take time and fail, events come late; once the link is cut nothing gets through.
type Link struct {
	c     *Cluster
	name  string
	fault func(verb, pod string) Fault
	nth   atomic.Int64
	cut   chan struct{}
}

var _ http.RoundTripper = (*Link)(nil)

// Link connects a program. fault says what goes wrong with a request that is no watch; it may be nil.
func (c *Cluster) Link(name string, fault func(verb, pod string) Fault) *Link {
	return &Link{c: c, name: name, fault: fault, cut: make(chan struct{})}
}

// Config is for client-go's constructors.
func (l *Link) Config() *rest.Config {
	return &rest.Config{Host: "http://virtual", Transport: l, QPS: -1, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
}

// Cut ends the link for good, as the death of its program does.
func (l *Link) Cut() { close(l.cut) }

func (l *Link) isCut() bool {
	select {
	case <-l.cut:
		return true
	default:
		return false
	}
}

// errCut is what requests come to that do not get through, or whose reply does not.
var errCut = errors.New("connection reset by peer")

// RoundTrip implements http.RoundTripper.
func (l *Link) RoundTrip(r *http.Request) (*http.Response, error) {
	nth := l.nth.Add(1)
	travel := func(way string) { time.Sleep(l.c.chance.upTo(l.c.config.Latency/20, way, l.name, nth)) }
	travel("there")
	if l.isCut() {
		return nil, errCut
	}
	if r.URL.Query().Get("watch") != "" {
		return l.watch(r)
	}
	fault := None
	if l.fault != nil {
		fault = l.fault(r.Method, r.URL.Path)
	}
	if fault == Refused {
		return nil, errCut
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	response := answer(l.c.serve(r, body))
	travel("back")
	if fault == Unanswered || l.isCut() {
		return nil, errCut
	}
	return response, nil
}

func answer(obj any, err error) *http.Response {
	code := http.StatusOK
	if err != nil {
		status := apierrors.NewInternalError(err).Status()
		if known := apierrors.APIStatus(nil); errors.As(err, &known) {
			status = known.Status()
		}
		status.Kind, status.APIVersion = "Status", "v1"
		obj, code = status, int(status.Code)
	}
	encoded, err := json.Marshal(obj)
	if err != nil {
		encoded, code = []byte(err.Error()), http.StatusInternalServerError
	}
	return &http.Response{
		StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(encoded)),
	}
}

// serve carries out a request.
func (c *Cluster) serve(r *http.Request, body []byte) (any, error) {
	resource, name := target(r.URL.Path)
	switch {
	case resource == "pods" && r.Method == http.MethodPost:
		return c.createPod(body)
	case resource == "pods" && name != "" && r.Method == http.MethodGet:
		return c.pods.find(name)
	case resource == "pods" && r.Method == http.MethodDelete:
		return c.deletePod(name, body)
	case resource == "pods" && r.Method == http.MethodPatch:
		return c.patchPod(name, body)
	case resource == "configmaps" && r.Method == http.MethodPost:
		return c.createConfigMap(body)
	case r.Method == http.MethodGet && name == "":
		return c.list(r, resource)
	}
	return nil, fmt.Errorf("%s %s is not supported", r.Method, r.URL.Path)
}

// target reads a path: /api/v1/pods, /api/v1/namespaces/NAMESPACE/pods/NAME and the like.
func target(path string) (resource, name string) {
	parts := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
	if parts[0] == "namespaces" && len(parts) > 2 {
		parts = parts[2:]
	}
	if len(parts) > 1 {
		name = parts[1]
	}
	return parts[0], name
}

func (c *Cluster) list(r *http.Request, resource string) (any, error) {
	if r.URL.Query().Get("sendInitialEvents") != "" {
		return nil, apierrors.NewBadRequest("watches do not begin with what is there")
	}
	matches, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return nil, err
	}
	meta := metav1.TypeMeta{Kind: "List", APIVersion: "v1"}
	switch resource {
	case "pods":
		return listOf(c.pods, matches, metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}), nil
	case "nodes":
		return listOf(c.nodes, matches, metav1.TypeMeta{Kind: "NodeList", APIVersion: "v1"}), nil
	default:
		return items[any]{TypeMeta: meta, ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: []any{}}, nil
	}
}

// items is a list as it is sent.
type items[T any] struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []T `json:"items"`
}

func listOf[T object[T]](s *store[T], matches labels.Selector, kind metav1.TypeMeta) items[T] {
	all, version := s.list()
	out := items[T]{TypeMeta: kind, ListMeta: metav1.ListMeta{ResourceVersion: version}, Items: []T{}}
	for _, obj := range all {
		if matches.Matches(labels.Set(obj.GetLabels())) {
			out.Items = append(out.Items, obj)
		}
	}
	return out
}

func (c *Cluster) createPod(body []byte) (any, error) {
	var pod corev1.Pod
	if err := json.Unmarshal(body, &pod); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	n := c.created.Add(1)
	pod.UID, pod.CreationTimestamp = types.UID(fmt.Sprintf("%s-%d", pod.Name, n)), metav1.Now()
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending}
	if err := c.pods.create(&pod); err != nil {
		return nil, err
	}
	return c.pods.find(pod.Name)
}

// createConfigMap remembers that there is one.
func (c *Cluster) createConfigMap(body []byte) (any, error) {
	var m corev1.ConfigMap
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.configMaps[m.Name] {
		return nil, apierrors.NewAlreadyExists(corev1.Resource("configmaps"), m.Name)
	}
	c.configMaps[m.Name] = true
	return m, nil
}

// HasConfigMap reports whether a ConfigMap was made.
func (c *Cluster) HasConfigMap(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.configMaps[name]
}

func (c *Cluster) deletePod(name string, body []byte) (any, error) {
	var options metav1.DeleteOptions
	if len(body) > 0 {
		if err := json.Unmarshal(body, &options); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	pod, err := c.pods.find(name)
	if err != nil {
		return nil, err
	}
	if p := options.Preconditions; p != nil {
		if p.UID != nil && *p.UID != pod.UID || p.ResourceVersion != nil && *p.ResourceVersion != pod.ResourceVersion {
			return nil, c.conflict(pod, "the precondition does not hold")
		}
	}
	c.delete(name, options.GracePeriodSeconds != nil && *options.GracePeriodSeconds == 0)
	return pod, nil
}

// patchPod merges a patch into a pod's metadata. A pod that was only waiting to be released goes with its last finalizer.
func (c *Cluster) patchPod(name string, patch []byte) (any, error) {
	pod, err := c.pods.update(name, func(pod *corev1.Pod) error {
		before, err := json.Marshal(pod)
		if err != nil {
			return fmt.Errorf("encode pod: %w", err)
		}
		after, err := strategicpatch.StrategicMergePatch(before, patch, pod)
		if err != nil {
			return apierrors.NewBadRequest(err.Error())
		}
		var patched corev1.Pod
		if err := json.Unmarshal(after, &patched); err != nil {
			return fmt.Errorf("decode pod: %w", err)
		}
		if patched.UID != pod.UID {
			return c.conflict(pod, "the UID in the patch is %s", patched.UID)
		}
		pod.ObjectMeta = patched.ObjectMeta
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.letGo(name)
	return pod, nil
}

// watch streams what changes until the request ends or the link is cut.
func (l *Link) watch(r *http.Request) (*http.Response, error) {
	matches, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return nil, err
	}
	if r.URL.Query().Get("sendInitialEvents") != "" {
		return answer(nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil)), nil
	}
	resource, _ := target(r.URL.Path)
	version := r.URL.Query().Get("resourceVersion")
	lag := func() time.Duration {
		return l.c.chance.upTo(l.c.config.Lag, resource, l.name, time.Since(l.c.began)/spell)
	}
	var w watch.Interface
	switch resource {
	case "pods":
		w = l.c.pods.watch(version, func(p *corev1.Pod) bool { return matches.Matches(labels.Set(p.Labels)) }, lag)
	case "nodes":
		w = l.c.nodes.watch(version, func(n *corev1.Node) bool { return matches.Matches(labels.Set(n.Labels)) }, lag)
	default:
		w = watch.NewEmptyWatch()
		w = idle{w, make(chan watch.Event)}
	}
	reader, writer := io.Pipe()
	l.c.running.Go(func() { l.stream(r.Context(), w, writer) })
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: reader}, nil
}

// idle is a watch on which nothing ever comes.
type idle struct {
	watch.Interface

	events chan watch.Event
}

// ResultChan returns the channel of no events.
func (i idle) ResultChan() <-chan watch.Event { return i.events }

func (l *Link) stream(ctx context.Context, w watch.Interface, out *io.PipeWriter) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = out.CloseWithError(ctx.Err())
			return
		case <-l.cut:
			_ = out.CloseWithError(errCut)
			return
		case event := <-w.ResultChan():
			if err := send(out, event); err != nil {
				return
			}
		}
	}
}

func send(out io.Writer, event watch.Event) error {
	obj := event.Object.DeepCopyObject()
	kind := "Pod"
	if _, ok := obj.(*corev1.Node); ok {
		kind = "Node"
	}
	obj.GetObjectKind().SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return json.NewEncoder(out).Encode(map[string]any{"type": event.Type, "object": obj})
}
