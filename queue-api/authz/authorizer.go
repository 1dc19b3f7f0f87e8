// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

const (
	// rememberedFor is how long an answer counts, whichever it is.
	rememberedFor  = 10 * time.Second
	maxRemembered  = 8192
	maxAskedAtOnce = 16

	// group holds the resources that are Muster's own.
	group = "batch.muster.sh"
)

// ReviewClient is the part of the API server that knows who may do what.
type ReviewClient interface {
	Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, opts metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error)
}

// NamespaceClient reads namespaces.
type NamespaceClient interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (*corev1.Namespace, error)
}

// Store is what the Authorizer looks up.
type Store interface {
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	Environment(ctx context.Context, name string) (batch.ComputeEnvironment, error)
}

// Authorizer asks Kubernetes whether callers may do what they ask for.
type Authorizer struct {
	reviews    ReviewClient
	namespaces NamespaceClient
	store      Store
	pod        podspec.Options
	clock      clock.PassiveClock
	answers    *cache.LRUExpireCache // allowed (bool) by the hash of the question
	levels     *cache.LRUExpireCache // Pod Security level by namespace

	mu     sync.Mutex
	queues map[int]string // names by number; a number is given once
	looked time.Time      // when queues was last read
}

// New makes an Authorizer. pod is what the server adds to every pod.
func New(reviews ReviewClient, namespaces NamespaceClient, store Store, pod podspec.Options, clk clock.PassiveClock) *Authorizer {
	return &Authorizer{
		reviews: reviews, namespaces: namespaces, store: store, pod: pod, clock: clk,
		answers: cache.NewLRUExpireCacheWithClock(maxRemembered, clk),
		levels:  cache.NewLRUExpireCacheWithClock(maxRemembered, clk),
		queues:  map[int]string{},
	}
}

// question is one SubjectAccessReview.
type question struct {
	group, resource, verb, name, namespace string
	arn                                    string // of what it is about, for the refusal
}

// Authorize implements httpapi.Authorizer.
func (a *Authorizer) Authorize(ctx context.Context, call batch.Call, operation string, in any) error {
	r, ok := rules[operation]
	if !ok {
		return denied(call, operation, "*")
	}
	n := needs{authorizer: a, scope: call.Scope}
	if err := r.ask(ctx, &n, in); err != nil {
		return fmt.Errorf("authorize %s: %w", operation, err)
	}
	return a.require(ctx, call, operation, n.list)
}

// Filter implements httpapi.Authorizer.
func (a *Authorizer) Filter(ctx context.Context, call batch.Call, operation string, out any) error {
	r, ok := rules[operation]
	if !ok {
		return denied(call, operation, "*")
	}
	if r.filter == nil {
		return nil
	}
	return r.filter(ctx, &viewer{authorizer: a, call: call}, out)
}

// require refuses unless every question is answered with yes.
func (a *Authorizer) require(ctx context.Context, call batch.Call, operation string, list []question) error {
	answers, err := a.askAll(ctx, call.User, list)
	if err != nil {
		return fmt.Errorf("authorize %s: %w", operation, err)
	}
	for i, allowed := range answers {
		if !allowed {
			return denied(call, operation, list[i].arn)
		}
	}
	return nil
}

// denied is AWS's own text.
func denied(call batch.Call, operation, arn string) error {
	return &batch.Error{Code: batch.CodeAccessDenied, Message: fmt.Sprintf(
		"User: %s is not authorized to perform: batch:%s on resource: %s", call.User.Name, operation, arn,
	)}
}

// askAll asks each different question once.
func (a *Authorizer) askAll(ctx context.Context, user batch.User, list []question) ([]bool, error) {
	unique := make(map[question]*bool, len(list))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(maxAskedAtOnce)
	for _, q := range list {
		q.arn = ""
		if unique[q] != nil {
			continue
		}
		answer := new(bool)
		unique[q] = answer
		asking.Go(func() (err error) {
			*answer, err = a.ask(ctx, user, q)
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	answers := make([]bool, len(list))
	for i, q := range list {
		q.arn = ""
		answers[i] = *unique[q]
	}
	return answers, nil
}

func (a *Authorizer) ask(ctx context.Context, user batch.User, q question) (bool, error) {
	if user.Name == "" { // nobody: a review would speak of anybody
		return false, nil
	}
	spec := authorizationv1.SubjectAccessReviewSpec{
		User: user.Name, UID: user.UID, Groups: user.Groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: q.group, Version: "v1", Resource: q.resource, Verb: q.verb, Name: q.name, Namespace: q.namespace,
		},
	}
	for name, values := range user.Extra {
		if spec.Extra == nil {
			spec.Extra = map[string]authorizationv1.ExtraValue{}
		}
		spec.Extra[name] = values
	}
	text, err := json.Marshal(&spec)
	if err != nil {
		return false, fmt.Errorf("review access: %w", err)
	}
	key := sha256.Sum256(text)
	if known, ok := a.answers.Get(key); ok {
		return known.(bool), nil
	}
	review, err := a.reviews.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("review access: %w", err)
	}
	allowed := review.Status.Allowed && !review.Status.Denied
	a.answers.Add(key, allowed, rememberedFor)
	return allowed, nil
}

// lookAgain is how soon the queues are read again for a number that none of them has.
const lookAgain = time.Second

// queueOf gives the name of the queue that a job's id or ARN belongs to; empty if there is none.
func (a *Authorizer) queueOf(ctx context.Context, job string) (string, error) {
	id, ok := batch.NameFromARN(batch.ARNJob, job)
	if !ok {
		return "", nil
	}
	number, err := batch.QueueNumber(id)
	if err != nil { // not a job's id
		return "", nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if name := a.queues[number]; name != "" || a.clock.Since(a.looked) < lookAgain {
		return name, nil
	}
	queues, err := a.store.Queues(ctx)
	if err != nil {
		return "", err
	}
	a.looked = a.clock.Now()
	for _, q := range queues {
		a.queues[q.Number] = q.Name
	}
	return a.queues[number], nil
}
