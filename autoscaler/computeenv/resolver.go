// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"context"
	"errors"
	"strings"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

const (
	typesTimeout    = 10 * time.Second
	typesLifetime   = time.Minute // an admin may change what a fleet offers, and prices change
	typesRetryAfter = 5 * time.Second
)

// TypeResolver says what the names of instance types stand for: a fleet.
type TypeResolver interface {
	InstanceTypes(ctx context.Context, names []string) ([]instancetype.Type, error)
}

// resolver asks a TypeResolver seldom. It is used by one goroutine.
type resolver struct {
	fleet TypeResolver
	clock clock.Clock
	known map[string]*resolved // by the names, joined
}

type resolved struct {
	types []instancetype.Type
	err   string
	// unknown says that err is an instancetype.UnknownError.
	unknown bool
	until   time.Time
}

func newResolver(fleet TypeResolver, c clock.Clock) *resolver {
	return &resolver{fleet: fleet, clock: c, known: map[string]*resolved{}}
}

// resolve fills in Types, or TypesError. Types once known stay when the fleet does not answer.
func (r *resolver) resolve(ctx context.Context, e *Environment) {
	key := strings.Join(e.InstanceTypes, "\x00")
	answer := r.known[key]
	if answer == nil || r.clock.Now().After(answer.until) {
		answer = r.ask(ctx, e, answer)
		r.known[key] = answer
	}
	e.Types, e.TypesError, e.TypesUnknown = answer.types, answer.err, answer.unknown
}

func (r *resolver) ask(ctx context.Context, e *Environment, last *resolved) *resolved {
	ctx, cancel := context.WithTimeout(ctx, typesTimeout)
	defer cancel()
	types, err := r.fleet.InstanceTypes(ctx, e.InstanceTypes)
	if err == nil {
		return &resolved{types: types, until: r.clock.Now().Add(typesLifetime)}
	}
	answer := &resolved{err: err.Error(), until: r.clock.Now().Add(typesRetryAfter)}
	_, answer.unknown = errors.AsType[*instancetype.UnknownError](err)
	if last != nil && len(last.types) > 0 {
		answer.types, answer.err, answer.unknown = last.types, "", false
	}
	if last == nil || last.err != answer.err {
		klog.FromContext(ctx).Error(err, "Cannot resolve instance types", "computeEnvironment", e.Name)
	}
	return answer
}
