// SPDX-License-Identifier: Apache-2.0

package virtual

import (
	"context"
	"slices"
	"time"

	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerapi "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/muster-batch/muster/plugins/plugintest"
)

// Leader is a scheduler that leads until it is killed. A dead leader's goroutines may go on for a while, but none of their
// requests has an effect any more, save those that were under way.
type Leader struct {
	Scheduler *scheduler.Scheduler

	term int
	die  context.CancelFunc
	dead <-chan struct{}
	tap  *tap
}

// never is the informers' period of resynchronization. Without one they wait on a channel outside the bubble.
const never = 1000 * time.Hour

// Lead starts a scheduler, which knows what the API server has and nothing else. The one before must be dead.
func (c *Cluster) Lead() *Leader {
	c.Helper()
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), c.config.Logger))
	c.led = append(c.led, time.Now())
	l := &Leader{term: len(c.led), die: cancel, dead: ctx.Done(), tap: newTap(cancel)}
	cfg, err := plugintest.Configuration()
	if err != nil {
		c.Fatal(err)
	}
	for i := range cfg.Profiles {
		set := &cfg.Profiles[i].Plugins.MultiPoint
		set.Enabled = append(slices.Clone(set.Enabled), schedulerapi.Plugin{Name: tapName})
	}
	registry := plugintest.Registry()
	registry[tapName] = l.tap.factory
	client := &client{Interface: fake.NewClientset(), c: c, l: l}
	informers := scheduler.NewInformerFactory(client, never)
	l.Scheduler, err = scheduler.New(ctx, client, informers, nil,
		func(string) events.EventRecorder { return &events.FakeRecorder{} },
		scheduler.WithProfiles(cfg.Profiles...),
		scheduler.WithFrameworkOutOfTreeRegistry(registry),
		scheduler.WithPodInitialBackoffSeconds(cfg.PodInitialBackoffSeconds),
		scheduler.WithPodMaxBackoffSeconds(cfg.PodMaxBackoffSeconds))
	if err != nil {
		c.Fatal(err)
	}
	c.leader = l
	informers.Start(ctx.Done())
	c.running.Go(func() {
		informers.WaitForCacheSync(ctx.Done())
		if l.Scheduler.WaitForHandlersSync(ctx) == nil {
			l.Scheduler.Run(ctx)
		}
		<-ctx.Done()
		informers.Shutdown()
	})
	return l
}

// Kill ends the leader at once, if there is one.
func (c *Cluster) Kill() {
	if c.leader != nil {
		c.leader.die()
	}
}

// Leader returns the leader; nil when it is dead.
func (c *Cluster) Leader() *Leader {
	if c.leader == nil || c.leader.isDead() {
		return nil
	}
	return c.leader
}

// Last returns the leader that was started last, dead or not; nil when there was none.
func (c *Cluster) Last() *Leader { return c.leader }

// KillAt makes the leader die when it comes to the point for the nth time from now. It replaces an earlier KillAt.
func (l *Leader) KillAt(point Point, nth int) { l.tap.arm(point, nth) }

// DiedAt returns the point at which KillAt's wish came true; empty when it did not.
func (l *Leader) DiedAt() Point {
	l.tap.mu.Lock()
	defer l.tap.mu.Unlock()
	if !l.tap.fired {
		return ""
	}
	return l.tap.point
}

func (l *Leader) isDead() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}
