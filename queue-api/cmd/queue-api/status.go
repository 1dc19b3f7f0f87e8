// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/buildinfo"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// leaders are the Leases of the programs' leaders.
var leaders = [...]string{"queue-api", "batch-scheduler", "batch-autoscaler"}

const (
	// lookedFor is how long the same answer is given.
	lookedFor = 2 * time.Second
	// lookTimeout bounds each look.
	lookTimeout = 2 * time.Second
)

// statusView tells callers how the program and what it stands on are. It says nothing that only admins should know.
type statusView struct {
	leases coordinationv1client.LeaseInterface
	redis  httpapi.Check
	keeps  bool // logs
	clock  clock.PassiveClock

	mu   sync.Mutex
	last viewapi.Status
	at   time.Time // of last
}

func newStatusView(o options, kube cluster, redis httpapi.Check, kept *logArchive) *statusView {
	return &statusView{leases: kube.coordination.Leases(o.leaseNamespace), redis: redis, keeps: kept != nil, clock: clock.RealClock{}}
}

// tell gives what was seen lately. Those who ask while somebody looks wait for that.
func (s *statusView) tell(ctx context.Context) *viewapi.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || s.clock.Since(s.at) > lookedFor {
		s.last.Checks = s.look(context.WithoutCancel(ctx))
		s.at = s.clock.Now()
	}
	told := s.last
	told.At, told.Version = s.clock.Now().UnixMilli(), buildinfo.Get().String()
	return &told
}

func (s *statusView) look(ctx context.Context) []viewapi.StatusCheck {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	checks := make([]viewapi.StatusCheck, 0, len(leaders)+2)
	redis := viewapi.StatusCheck{Name: "redis", Result: viewapi.ResultOK, Message: "answers, and is set up so that no job is lost"}
	if err := s.redis.Ready(ctx); err != nil {
		klog.FromContext(ctx).V(2).Info("Redis is not ready", "reason", err.Error())
		redis.Result, redis.Message = viewapi.ResultFail, "does not answer, or was not yet found safe: see the log of queue-api"
	}
	checks = append(checks, redis)
	for _, name := range leaders {
		checks = append(checks, s.leader(ctx, name))
	}
	logs := viewapi.StatusCheck{Name: "logs", Result: viewapi.ResultOK, Message: "kept"}
	if !s.keeps {
		logs.Result, logs.Message = viewapi.ResultWarn, "not kept: give queue-api --log-dir or --log-url"
	}
	return append(checks, logs)
}

// leader looks at the Lease of a program's leader. Who holds it is not told.
func (s *statusView) leader(ctx context.Context, name string) viewapi.StatusCheck {
	check := viewapi.StatusCheck{Name: name, Result: viewapi.ResultFail}
	lease, err := s.leases.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		check.Result, check.Message = viewapi.ResultWarn, "has no Lease: it never ran, or runs without leader election, or with another namespace for its Lease"
		return check
	case err != nil:
		klog.FromContext(ctx).V(2).Info("Lease cannot be read", "lease", name, "err", err)
		check.Result, check.Message = viewapi.ResultUnknown, "its Lease cannot be read: see the log of queue-api"
		return check
	case lease.Spec.RenewTime == nil || lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "":
		check.Message = "has no leader: the last one gave its Lease back"
		return check
	}
	// Clocks differ a little, and one Lease more lets a new leader take over.
	life := 30 * time.Second
	if seconds := lease.Spec.LeaseDurationSeconds; seconds != nil {
		life = max(life, 2*time.Duration(*seconds)*time.Second)
	}
	ago := max(0, s.clock.Since(lease.Spec.RenewTime.Time)).Round(time.Second)
	check.Message = fmt.Sprintf("its leader renewed its Lease %s ago", ago)
	if ago <= life {
		check.Result = viewapi.ResultOK
	}
	return check
}
