// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

var errTooFew = errors.New("the fleet launched fewer instances than asked for")

// launch is a launch under way.
type launch struct {
	group   *Group
	request fleet.LaunchRequest
	demands []string
}

// Grow launches n instances in the background. With whole, fewer than n are of no use. demands are keys of what the
// instances are for, named again if the launch fails. It returns the launch's token; an error means that nothing was begun.
func (g *Group) Grow(n int, whole bool, demands []string) (string, error) {
	return g.grow(n, func(r *fleet.LaunchRequest) { r.Whole = whole }, demands)
}

// GrowInOneZone launches n instances of which any is of use only if all come, and in one zone.
func (g *Group) GrowInOneZone(n int, demands []string) (string, error) {
	return g.grow(n, func(r *fleet.LaunchRequest) { r.Whole, r.OneZone = true, true }, demands)
}

func (g *Group) grow(n int, adjust func(*fleet.LaunchRequest), demands []string) (string, error) {
	p := g.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := g.mayGrow(n); err != nil {
		return "", fmt.Errorf("grow %s by %d: %w", g.id, n, err)
	}
	l := launch{group: g, request: g.request("muster-"+rand.Text(), n), demands: demands}
	adjust(&l.request)
	p.begin(l, true)
	return l.request.Token, nil
}

// mayGrow checks once more, with mu held, what scale-up decided by: never more vCPUs than the environment allows.
func (g *Group) mayGrow(n int) error {
	switch {
	case n < 1:
		return errors.New("size increase must be positive")
	case !g.offered || g.env.IsLeaving():
		return errors.New("the environment takes no more instances of the type")
	}
	if g.env.SoleTenant {
		return g.mayGrowByPods(n)
	}
	b := g.env.Budget(g.p.usedVCPUs(g.key.environmentUUID))
	within := b.Used+n*g.typ.VCPUs <= b.Max
	stretch := b.Stretch && n == 1 && g.typ.VCPUs > b.Max && b.Used < b.Max
	if !within && !stretch {
		return fmt.Errorf("%d vCPUs are in use of maxvCpus %d", b.Used, b.Max)
	}
	return nil
}

// mayGrowByPods is mayGrow where each node is for one pod: there are no more nodes than there may be pods of the least size.
// How large they are scale-up knows.
func (g *Group) mayGrowByPods(n int) error {
	nodes := 0
	for _, other := range g.p.siblings[g.key.environmentUUID] {
		nodes += g.p.doubtful(other)
		for _, i := range other.instances {
			if i.state != failed && i.state != terminating {
				nodes++
			}
		}
	}
	if most := g.env.Budget(0).Max / pack.LeastSole; nodes+n > most {
		return fmt.Errorf("%d nodes are in use of the %d pods that maxvCpus %d allows", nodes, most, g.env.MaxvCPUs)
	}
	return nil
}

func (g *Group) request(token string, n int) fleet.LaunchRequest {
	spec := g.spec()
	return fleet.LaunchRequest{
		Token: token, Count: n, NodeGroup: g.id,
		Environment: g.environment(),
		Type:        g.typ, Types: g.types, CapacityType: g.key.capacityType,
		Labels: spec.Labels(), Taints: nodetemplate.Taints(g.key.environmentUUID),
	}
}

func (g *Group) environment() fleet.Environment {
	e := fleet.Environment{Name: g.environmentName(), UUID: g.key.environmentUUID}
	if g.env != nil {
		e.Resources = g.env.Resources
	}
	return e
}

// begin puts placeholders into the books for instances that are not known yet, and launches. It is called with mu held.
func (p *Provider) begin(l launch, record bool) {
	known := map[string]bool{}
	for _, i := range l.group.instances {
		known[i.token] = true
	}
	for n := range l.request.Count {
		if token := fleet.InstanceToken(l.request.Token, n); !known[token] {
			p.add(placeholder(l.group, token, p.cfg.Clock.Now()))
		}
	}
	p.work.Go(func() { p.run(l, record) })
}

// run launches, and puts what came of it into the books.
func (p *Provider) run(l launch, record bool) {
	ctx, cancel := context.WithTimeoutCause(p.base, p.cfg.LaunchTimeout, errors.New("the fleet did not answer in time"))
	defer cancel()
	logger := klog.LoggerWithValues(klog.FromContext(ctx),
		"nodeGroup", l.request.NodeGroup, "launch", l.request.Token, "count", l.request.Count)
	logger.V(2).Info("Launching instances")
	started := p.cfg.Clock.Now()
	var instances []fleet.Instance
	var err error
	if record {
		err = p.ledger.Record(ctx, entryOf(l, started))
	}
	if errors.Is(err, ErrDeposed) {
		p.depose()
	}
	if err == nil {
		instances, err = p.ask(ctx, l.request)
	}
	missing := p.settle(l, instances, err)
	took := p.cfg.Clock.Since(started)
	p.cfg.Metrics.answered(l.request.Environment.Name, took)
	p.cfg.Launched(Launched{NodeGroup: l.request.NodeGroup, Demands: l.demands, Since: started, Until: started.Add(took), Err: err})
	if missing == 0 {
		logger.Info("Launched instances", "took", took)
	} else {
		logger.Error(err, "Cannot launch all instances", "missing", missing, "took", took)
	}
	p.cfg.Changed()
	if missing == l.request.Count && !fleet.IsUncertain(err) {
		p.forget(ctx, l.request.Token)
	}
}

const (
	firstPause = 500 * time.Millisecond // before a launch is asked for again
	mostPause  = 10 * time.Second
)

// ask launches. It asks again for as long as nobody knows what came of it, until ctx or the term ends.
func (p *Provider) ask(ctx context.Context, r fleet.LaunchRequest) (instances []fleet.Instance, err error) {
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		err = crashpoint.Around("fleet/launch", func() error {
			instances, err = p.fleet.Launch(ctx, r)
			return err
		})
		if !fleet.IsUncertain(err) {
			return instances, err
		}
		klog.FromContext(ctx).Error(err, "Launch is repeated", "nodeGroup", r.NodeGroup, "launch", r.Token)
		select {
		case <-ctx.Done():
			return instances, err
		case <-p.over:
			return instances, err
		case <-p.cfg.Clock.After(pause):
		}
	}
}

// settle swaps placeholders for instances and marks the rest failed. It returns how many failed.
func (p *Provider) settle(l launch, instances []fleet.Instance, err error) int {
	missing := p.book(l, instances, err)
	if missing > 0 && err == nil {
		err = errTooFew
	}
	m := p.cfg.Metrics
	environment, names := l.request.Environment.Name, instancetype.Names(l.request.Choices())
	for i := range instances {
		m.launched(environment, instances[i].InstanceType)
	}
	if missing < l.request.Count {
		p.cfg.Health.Launched(l.request.Environment.UUID)
	}
	if missing > 0 {
		p.cfg.Health.LaunchFailed(l.request.Environment.UUID, names, err)
		m.failed(environment, l.request.Type.Name, string(fleet.ClassOf(err)), missing)
		p.cfg.LaunchFailed(FailedLaunch{
			NodeGroup: l.request.NodeGroup, ComputeEnvironment: environment, InstanceType: names,
			Demands: l.demands, Missing: missing, Err: err,
		})
	}
	return missing
}

func (p *Provider) book(l launch, instances []fleet.Instance, err error) (missing int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unproven[l.request.Token] = unproven{group: l.group, count: l.request.Count, at: p.cfg.Clock.Now(), inDoubt: fleet.IsUncertain(err)}
	for i := range instances {
		adopted := p.adopt(l.group, &instances[i])
		adopted.launched, adopted.demands = true, l.demands
	}
	for n := range l.request.Count {
		if i := p.instances[placeholderPrefix+fleet.InstanceToken(l.request.Token, n)]; i != nil {
			i.fail(errorInfo(err))
			missing++
		}
	}
	if l.group.failedLaunches++; missing == 0 {
		l.group.failedLaunches = 0
	}
	return missing
}

func errorInfo(err error) *cloudprovider.InstanceErrorInfo {
	if err == nil {
		err = errTooFew
	}
	class := cloudprovider.OtherErrorClass
	if fleet.IsOutOfCapacity(err) {
		class = cloudprovider.OutOfResourcesErrorClass
	}
	return &cloudprovider.InstanceErrorInfo{ErrorClass: class, ErrorCode: string(fleet.ClassOf(err)), ErrorMessage: err.Error()}
}

// forget strikes a launch from the ledger, now or after one of the next lists.
func (p *Provider) forget(ctx context.Context, token string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := p.ledger.Forget(ctx, token); err != nil {
		klog.FromContext(ctx).Error(err, "Cannot strike launch from the ledger yet", "launch", token)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.unproven, token)
}
