// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
)

// shortLease has a lease run out soon.
func shortLease() *options {
	o := newOptions()
	o.LeaseDuration = 750 * time.Millisecond
	return o
}

func TestALeaderThatIsToldToStopGivesTheLeaseBackAfterItsTerm(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	ctx, cancel := context.WithCancel(t.Context())
	holder := func() string {
		lease, err := client.CoordinationV1().Leases("muster-system").Get(t.Context(), leaseName, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return *lease.Spec.HolderIdentity
	}
	err := elect(ctx, client, record.NewFakeRecorder(10), newOptions(), func(term context.Context) error {
		cancel()
		<-term.Done()
		if holder() == "" {
			t.Error("the lease was given back before the term was over")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if h := holder(); h != "" {
		t.Errorf("lease is held by %s", h)
	}
}

func TestALeaderThatLosesTheLeaseStandsAgain(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	down := make(chan struct{})
	client.PrependReactor("update", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		select {
		case <-down: // once
			return true, nil, errors.New("the API server is down")
		default:
			return false, nil, nil
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	terms := 0
	err := elect(ctx, client, record.NewFakeRecorder(10), shortLease(), func(term context.Context) error {
		terms++
		if terms == 1 {
			stop := make(chan struct{})
			go func() {
				for {
					select {
					case down <- struct{}{}:
					case <-stop:
						return
					}
				}
			}()
			<-term.Done() // the lease runs out
			close(stop)
			return nil
		}
		cancel()
		return nil
	})
	if err != nil || terms != 2 {
		t.Errorf("%d terms, %v; want 2", terms, err)
	}
}

func TestAnErrorOfTheLeaderEndsAll(t *testing.T) {
	t.Parallel()
	want := errors.New("cannot build")
	err := elect(t.Context(), fake.NewClientset(), record.NewFakeRecorder(10), newOptions(), func(context.Context) error { return want })
	if !errors.Is(err, want) {
		t.Errorf("elect = %v", err)
	}
}
