// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	caerrors "k8s.io/autoscaler/cluster-autoscaler/utils/errors"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/fleet"
)

// Name is the provider's name in cluster-autoscaler's metrics.
const Name = "muster"

// Environments is where the compute environments come from: a computeenv.Reader.
type Environments interface {
	// Snapshot is nil until the environments are known.
	Snapshot() *computeenv.Snapshot
}

// Cluster is the Kubernetes side of an instance. It reads from the API server, never from a cache.
type Cluster interface {
	// Node is the node that registered for the instance; nil if there is none.
	Node(ctx context.Context, instanceID string) (*corev1.Node, error)
	// ProviderIDs are the spec.providerID of all nodes of fleets.
	ProviderIDs(ctx context.Context) (map[string]bool, error)
	// LabelNode tells a node which instance it is.
	LabelNode(ctx context.Context, node, instanceID string) error
	// ReserveNode says for which gang a node is kept, by a value of batchmeta.Reserved; an empty one says for none. A node that
	// is gone is no error.
	ReserveNode(ctx context.Context, node, value string) error
	// IsClosed reports whether no new pod is put on the node, because core marked it as one that is to be deleted, or because
	// it is gone.
	IsClosed(ctx context.Context, node *corev1.Node) (bool, error)
	// Occupant is an unfinished pod on the node; empty if there is none and the node, if it is closed, may go.
	Occupant(ctx context.Context, node string) (string, error)
	// Homeless is an unfinished pod on a node that is not there: somebody deleted the Node of a machine that may well run on.
	// Empty if there is none.
	Homeless(ctx context.Context) (string, error)
	// DeleteNode deletes the Node object; one that is gone or was replaced is no error.
	DeleteNode(ctx context.Context, node *corev1.Node) error
}

// Config tunes a Provider. Zero values mean the defaults.
type Config struct {
	LaunchTimeout    time.Duration // of one launch; 2 minutes
	TerminateTimeout time.Duration // of one termination; 2 minutes
	ListInterval     time.Duration // between two lists of the fleet; 5 seconds
	// ReplayWithin is how old a recorded launch may be to be repeated at start; 15 minutes.
	ReplayWithin time.Duration
	// Changed is called after instances came, failed or went; it wakes the loop. May be nil.
	Changed func()
	// LaunchFailed is told of each launch that brought fewer instances than asked for. May be nil.
	LaunchFailed func(FailedLaunch)
	// Launched is told of each launch that was answered, and Joined of each instance that became a node, with what they were
	// for. Joined is called with the provider locked. May be nil.
	Launched func(Launched)
	Joined   func(Launched)
	Health   Health   // may be nil
	Metrics  *Metrics // may be nil
	Clock    clock.Clock
}

// Launched is a launch, or an instance of one.
type Launched struct {
	NodeGroup string
	Demands   []string // keys of the demands that it was for
	Since     time.Time
	Until     time.Time
	Err       error // of the launch
}

// FailedLaunch is a launch that failed, at least in part.
type FailedLaunch struct {
	NodeGroup          string
	ComputeEnvironment string
	InstanceType       string   // or the names of several
	Demands            []string // keys of the demands that it was for
	Missing            int
	Err                error
}

// Provider is a cloudprovider.CloudProvider over a fleet.
type Provider struct {
	// base is the context of launches and terminations, which outlive the loop that starts them: core's interfaces pass none.
	base         context.Context
	over         <-chan struct{} // closed when the term is over, for what has no end of its own
	deposed      chan struct{}   // closed once another autoscaler has taken over
	depose       func()          // closes it
	fleet        fleet.Fleet
	environments Environments
	cluster      Cluster
	ledger       Ledger
	nodes        kubeutil.NodeLister
	cfg          Config
	work         sync.WaitGroup
	reserving    sync.Mutex // held while reservations are written

	mu        sync.Mutex           // guards all below
	unproven  map[string]unproven  // launches that the ledger still has, by token
	snapshot  *computeenv.Snapshot // that groups were last made of
	kinds     map[string][]kind    // of its environments, by UUID
	groups    map[groupKey]*Group
	siblings  map[string][]*Group      // groups by environment's UUID
	nodeAfter map[string]time.Duration // by environment's UUID: how long its last instance took to be a node
	sorted    []cloudprovider.NodeGroup
	instances map[string]*instance // by provider id, placeholders too
	judging   map[string]int       // by environment's UUID: instances that are being ended as they did not join
	ended     map[string]time.Time // provider ids of instances that are gone, until no list can still name them
	strangers map[string]time.Time // nodes whose instance the fleet does not know, since when
}

var _ cloudprovider.CloudProvider = (*Provider)(nil)

// New makes a provider without any instances; Start fills it. ctx carries the logger; it may end without stopping what is
// under way: Wait for that.
func New(ctx context.Context, f fleet.Fleet, e Environments, c Cluster, l Ledger, nodes kubeutil.NodeLister, cfg Config) *Provider {
	cfg.LaunchTimeout = cmp.Or(cfg.LaunchTimeout, 2*time.Minute)
	cfg.TerminateTimeout = cmp.Or(cfg.TerminateTimeout, 2*time.Minute)
	cfg.ListInterval = cmp.Or(cfg.ListInterval, 5*time.Second)
	cfg.ReplayWithin = cmp.Or(cfg.ReplayWithin, 15*time.Minute)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.LaunchFailed == nil {
		cfg.LaunchFailed = func(FailedLaunch) {}
	}
	if cfg.Launched == nil {
		cfg.Launched = func(Launched) {}
	}
	if cfg.Joined == nil {
		cfg.Joined = func(Launched) {}
	}
	if cfg.Health == nil {
		cfg.Health = indifferent{}
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	deposed := make(chan struct{})
	return &Provider{
		base: context.WithoutCancel(ctx), over: ctx.Done(), deposed: deposed, depose: sync.OnceFunc(func() { close(deposed) }),
		fleet: f, environments: e, cluster: c, ledger: l, nodes: nodes, cfg: cfg, unproven: map[string]unproven{}, judging: map[string]int{},
		groups: map[groupKey]*Group{}, siblings: map[string][]*Group{}, nodeAfter: map[string]time.Duration{}, instances: map[string]*instance{},
		ended: map[string]time.Time{}, strangers: map[string]time.Time{},
	}
}

// Wait returns when no launch and no termination is under way.
func (p *Provider) Wait() { p.work.Wait() }

// Name implements cloudprovider.CloudProvider.
func (p *Provider) Name() string { return Name }

// NodeGroups implements cloudprovider.CloudProvider.
func (p *Provider) NodeGroups() []cloudprovider.NodeGroup {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sorted)
}

// NodeGroupForNode implements cloudprovider.CloudProvider. It also finds the groups of core's stand-ins for instances
// without a node, which carry the instance's id as provider id.
func (p *Provider) NodeGroupForNode(node *corev1.Node) (cloudprovider.NodeGroup, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.instances[node.Spec.ProviderID]; i != nil {
		return viewOf(i), nil
	}
	return nil, nil
}

// HasInstance implements cloudprovider.CloudProvider.
func (p *Provider) HasInstance(node *corev1.Node) (bool, error) { return p.Knows(node), nil }

// Knows reports whether the node is one of the fleet's instances.
func (p *Provider) Knows(node *corev1.Node) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.instances[node.Spec.ProviderID] != nil
}

// GetResourceLimiter implements cloudprovider.CloudProvider: there are no limits but those of the environments.
func (p *Provider) GetResourceLimiter() (*cloudprovider.ResourceLimiter, error) {
	return cloudprovider.NewResourceLimiter(nil, nil), nil
}

// Pricing implements cloudprovider.CloudProvider.
func (p *Provider) Pricing() (cloudprovider.PricingModel, caerrors.AutoscalerError) {
	return nil, cloudprovider.ErrNotImplemented
}

// GetAvailableMachineTypes implements cloudprovider.CloudProvider.
func (p *Provider) GetAvailableMachineTypes() ([]string, error) {
	return nil, cloudprovider.ErrNotImplemented
}

// NewNodeGroup implements cloudprovider.CloudProvider.
func (p *Provider) NewNodeGroup(
	string, map[string]string, map[string]string, []corev1.Taint, map[string]resource.Quantity,
) (cloudprovider.NodeGroup, error) {
	return nil, cloudprovider.ErrNotImplemented
}

// GPULabel implements cloudprovider.CloudProvider. There is none: GPUReadiness goes by the instance type.
func (p *Provider) GPULabel() string { return "" }

// GetAvailableGPUTypes implements cloudprovider.CloudProvider.
func (p *Provider) GetAvailableGPUTypes() map[string]struct{} { return nil }

// GetNodeGpuConfig implements cloudprovider.CloudProvider.
func (p *Provider) GetNodeGpuConfig(*corev1.Node) *cloudprovider.GpuConfig { return nil }

// Cleanup implements cloudprovider.CloudProvider.
func (p *Provider) Cleanup() error { return nil }
