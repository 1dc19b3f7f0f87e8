// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Allocation strategies that change what is bought. All others choose by price, as Progressive does.
const (
	BestFit                          = "BEST_FIT"
	Progressive                      = "BEST_FIT_PROGRESSIVE"
	ProgressiveOrdered               = "BEST_FIT_PROGRESSIVE_ORDERED"
	SpotCapacityOptimized            = "SPOT_CAPACITY_OPTIMIZED"
	SpotCapacityOptimizedPrioritized = "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"
	SpotPriceCapacityOptimized       = "SPOT_PRICE_CAPACITY_OPTIMIZED"
)

// Environment is a managed compute environment whose nodes are ours to buy.
type Environment struct {
	Name          string
	UUID          string
	State         batch.State
	Status        batch.ResourceStatus
	MinvCPUs      int
	MaxvCPUs      int
	Strategy      string
	CapacityType  string // batchmeta.CapacityOnDemand or batchmeta.CapacitySpot
	InstanceTypes []string
	// Resources are what a cloud's fleet wants to know beyond that.
	Resources fleet.Resources
	// ScaleDownDelay is scalingPolicy.minScaleDownDelayMinutes: how long a node is kept after its last job. 0 is unset.
	ScaleDownDelay time.Duration
	// SoleTenant environments, those of Fargate's types, have a node for each pod, for it alone.
	SoleTenant bool
	// Generation of the infrastructure: nodes of an older one are to be replaced. 0 stands for 1, the first.
	Generation int
	// UpdateGrace is how long jobs may still run on nodes that are to be replaced, as updatePolicy says.
	UpdateGrace time.Duration
	// Types are what InstanceTypes stand for, in their order. TypesError says why there are none.
	Types      []instancetype.Type
	TypesError string
	// TypesUnknown says that it is because nobody knows the names, and not because nobody could be asked.
	TypesUnknown bool
}

// AcceptsJobs reports whether nodes may be bought for pods.
func (e *Environment) AcceptsJobs() bool {
	return e.State == batch.Enabled && (e.Status == batch.ResourceValid || e.Status == batch.ResourceUpdating)
}

// IsLeaving reports whether everything of the environment has to go.
func (e *Environment) IsLeaving() bool { return e.Status == batch.ResourceDeleting }

// MixesTypes reports whether each launch names all types that would do, as the strategy looks at how many machines the cloud
// has of each, which only the cloud knows.
func (e *Environment) MixesTypes() bool {
	switch e.Strategy {
	case SpotCapacityOptimized, SpotCapacityOptimizedPrioritized, SpotPriceCapacityOptimized:
		return e.CapacityType == batchmeta.CapacitySpot
	default:
		return false
	}
}

// Rank is the place in InstanceTypes of what a type is of. AWS Batch: a type that is named itself has that place, others that
// of their family, within which it is the better fit that counts.
func (e *Environment) Rank(t *instancetype.Type) int {
	for _, name := range []string{t.Name, t.Family()} {
		if i := slices.Index(e.InstanceTypes, name); i >= 0 {
			return i
		}
	}
	if i := slices.IndexFunc(e.InstanceTypes, instancetype.IsAlias); i >= 0 {
		return i
	}
	return len(e.InstanceTypes) + slices.IndexFunc(e.Types, func(o instancetype.Type) bool { return o.Name == t.Name })
}

// Floor is how many vCPUs are kept without jobs. AWS Batch: minvCpus is maintained even in a DISABLED environment.
func (e *Environment) Floor() int {
	if e.IsLeaving() {
		return 0
	}
	return e.MinvCPUs
}

// Budget is what may still be bought when used vCPUs exist. AWS Batch: all strategies but BEST_FIT may exceed maxvCpus by
// one instance. We do so only for pods that no instance within maxvCpus could ever hold, which else could never run. AWS
// Fargate: what the pods ask for counts, not what they run on. How much that is, whoever asks adds.
func (e *Environment) Budget(used int) pack.Budget {
	if e.SoleTenant {
		return pack.Budget{Max: 1000 * e.MaxvCPUs, Sole: true}
	}
	return pack.Budget{Max: e.MaxvCPUs, Used: used, Stretch: e.Strategy != BestFit}
}

// Snapshot is what the Batch API said last. It never changes.
type Snapshot struct {
	byUUID map[string]*Environment
}

// NewSnapshot makes a snapshot of environments.
func NewSnapshot(environments ...*Environment) *Snapshot {
	s := &Snapshot{byUUID: make(map[string]*Environment, len(environments))}
	for _, e := range environments {
		s.byUUID[e.UUID] = e
	}
	return s
}

// Environment finds an environment by its UUID; nil if there is none.
func (s *Snapshot) Environment(uuid string) *Environment { return s.byUUID[uuid] }

// All are the environments by name.
func (s *Snapshot) All() []*Environment {
	return slices.SortedFunc(maps.Values(s.byUUID), func(a, b *Environment) int { return cmp.Compare(a.Name, b.Name) })
}
