// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package console

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
)

// kube is an API server that knows who has which token, and the nodes, pods, Events and logs that the test puts there. It has no
// Leases: nobody leads, and nothing changes but by the test.
type kube struct {
	mu     sync.Mutex // guards what follows
	nodes  []corev1.Node
	pods   []corev1.Pod
	events []corev1.Event
	logs   map[string][]string // lines with their times, by pod
}

// The users, by their tokens. ann may do everything; bob may only look at one queue.
const (
	tokenOfAnn = "token-of-ann"
	tokenOfBob = "token-of-bob"
)

func (k *kube) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	object, _, _ := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	var answer runtime.Object
	switch review := object.(type) {
	case *authenticationv1.TokenReview:
		if user, ok := strings.CutPrefix(review.Spec.Token, "token-of-"); ok && slices.Contains([]string{"ann", "bob"}, user) {
			review.Status = authenticationv1.TokenReviewStatus{
				Authenticated: true, Audiences: review.Spec.Audiences, User: authenticationv1.UserInfo{Username: user},
			}
		}
		review.TypeMeta = metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview"}
		answer = review
	case *authorizationv1.SubjectAccessReview:
		a := review.Spec.ResourceAttributes
		review.Status.Allowed = review.Spec.User == "ann" || a.Name == "render" && slices.Contains([]string{"get", "list"}, a.Verb)
		review.TypeMeta = metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SubjectAccessReview"}
		answer = review
	default:
		k.read(w, r)
		return
	}
	reply(w, answer)
}

func reply(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// read answers with what there is.
func (k *kube) read(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch path := r.URL.Path; {
	case path == "/api/v1/nodes":
		reply(w, &corev1.NodeList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"}, Items: k.nodes})
	case path == "/api/v1/events":
		reply(w, &corev1.EventList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "EventList"}, Items: k.events})
	case path == "/api/v1/pods":
		pods := k.pods
		if name, ok := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name="); ok {
			pods = slices.DeleteFunc(slices.Clone(pods), func(p corev1.Pod) bool { return p.Name != name })
		}
		reply(w, &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: pods})
	case path == "/api/v1/namespaces/muster-jobs":
		reply(w, &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: "muster-jobs"}})
	case strings.HasSuffix(path, "/log"):
		parts := strings.Split(path, "/")
		k.log(w, parts[len(parts)-2], r.URL.Query().Get("sinceTime"))
	default:
		http.Error(w, "there is no more", http.StatusServiceUnavailable)
	}
}

func (k *kube) log(w http.ResponseWriter, pod, since string) {
	from, _ := time.Parse(time.RFC3339, since) // none: from the beginning
	for _, line := range k.logs[pod] {
		stamp, _, _ := strings.Cut(line, " ")
		if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil && !at.Before(from) {
			_, _ = io.WriteString(w, line+"\n")
		}
	}
}

// write has a pod write a line.
func (k *kube) write(pod string, at time.Time, line string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.logs[pod] = append(k.logs[pod], at.UTC().Format(time.RFC3339Nano)+" "+line)
}

// decide has the autoscaler say something.
func (k *kube) decide(at time.Time, kind, reason, message string, about corev1.ObjectReference) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := fmt.Sprintf("event-%d", len(k.events))
	k.events = append(k.events, corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "muster-jobs", Name: id, UID: types.UID(id)}, InvolvedObject: about, Type: kind, Reason: reason, Message: message,
		Source: corev1.EventSource{Component: "batch-autoscaler"}, FirstTimestamp: metav1.NewTime(at), LastTimestamp: metav1.NewTime(at), Count: 1,
	})
}
