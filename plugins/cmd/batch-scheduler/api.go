// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// api is how the scheduler writes to the API server: our plugins bind and evict only while it leads for sure, and all of its
// Events name the job. kube-scheduler makes its own client and recorder and lets nobody change them, so each
// framework is handed on as a profile.
type api struct {
	term   *term
	client kubernetes.Interface    // the plugins', made for the first of them
	events events.EventBroadcaster // made with it
}

func newAPI() *api { return &api{term: newTerm()} }

// withPlugin registers a plugin.
func (a *api) withPlugin(name string, factory frameworkruntime.PluginFactory) app.Option {
	return app.WithPlugin(name, func(ctx context.Context, args runtime.Object, handle framework.Handle) (framework.Plugin, error) {
		fwk, ok := handle.(framework.Framework)
		if !ok {
			return nil, fmt.Errorf("start %s: the handle is a %T, not a framework", name, handle)
		}
		own, err := a.profileOf(fwk)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
		return factory(ctx, args, own)
	})
}

// guard has the term follow the election; nil for none.
func (a *api) guard(election *leaderelection.LeaderElectionConfig) {
	if election != nil {
		election.Lock = &lock{Interface: election.Lock, term: a.term}
	}
}

// adopt has the scheduler write its Events over the api, from now until stop is called.
func (a *api) adopt(ctx context.Context, sched *scheduler.Scheduler) (stop func(), err error) {
	for name, fwk := range sched.Profiles {
		if sched.Profiles[name], err = a.profileOf(fwk); err != nil {
			return nil, err
		}
	}
	if err := a.events.StartRecordingToSinkWithContext(ctx); err != nil {
		return nil, fmt.Errorf("start to record Events: %w", err)
	}
	return a.events.Shutdown, nil
}

// profile is a framework of kube-scheduler's with another client and recorder.
type profile struct {
	framework.Framework
	client   kubernetes.Interface
	recorder events.EventRecorder
}

// ClientSet implements framework.Handle.
func (p *profile) ClientSet() kubernetes.Interface { return p.client }

// EventRecorder implements framework.Handle.
func (p *profile) EventRecorder() events.EventRecorder { return p.recorder }

func (a *api) profileOf(fwk framework.Framework) (*profile, error) {
	if a.client == nil {
		if err := a.connect(fwk); err != nil {
			return nil, err
		}
	}
	return &profile{Framework: fwk, client: a.client, recorder: a.events.NewRecorder(scheme.Scheme, fwk.ProfileName())}, nil
}

// connect makes the clients, as kube-scheduler does: one for pods, and one for Events, which must not use up its rate.
func (a *api) connect(fwk framework.Framework) error {
	fenced := rest.CopyConfig(fwk.KubeConfig())
	fenced.Wrap(func(next http.RoundTripper) http.RoundTripper { return &fence{next: next, term: a.term} })
	client, err := kubernetes.NewForConfig(fenced)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	eventClient, err := kubernetes.NewForConfig(fwk.KubeConfig())
	if err != nil {
		return fmt.Errorf("make a client for Events: %w", err)
	}
	a.client = client
	a.events = events.NewBroadcaster(&jobSink{
		EventSink: &events.EventSinkImpl{Interface: eventClient.EventsV1()},
		pods:      fwk.SharedInformerFactory().Core().V1().Pods().Lister(),
	})
	return nil
}
