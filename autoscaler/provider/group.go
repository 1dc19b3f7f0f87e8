// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	"k8s.io/autoscaler/cluster-autoscaler/config"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// groupKey tells groups apart; ids need not, as an environment may follow another of its name.
type groupKey struct {
	environmentUUID string
	instanceType    string // or class of them
	capacityType    string
}

// Group is the nodes of one instance type, or one class of them, and capacity type in an environment: a
// cloudprovider.NodeGroup. What may change is guarded by Provider.mu.
type Group struct {
	p   *Provider
	key groupKey
	id  string

	// env is the environment as last read; nil when there is none of that UUID any more.
	env *computeenv.Environment
	kind
	// offered says that the environment still has the kind: more of it may be bought.
	offered   bool
	instances map[string]*instance
	// failedInstances use no vCPUs; failedLaunches are those in a row that were not complete.
	failedInstances, failedLaunches int
	observed                        observation
}

var _ cloudprovider.NodeGroup = (*Group)(nil)

// isSpot reports whether the group's instances are Spot's.
func (g *Group) isSpot() bool { return g.key.capacityType == batchmeta.CapacitySpot }

// GroupID is the id of a node group. It is the value of the label batchmeta.NodeGroup, so a long environment's name is cut
// and told from others by a hash.
func GroupID(environment, instanceType, capacityType string) string {
	suffix := "." + instanceType + "." + capacityType
	if len(environment)+len(suffix) <= validation.LabelValueMaxLength {
		return environment + suffix
	}
	sum := sha256.Sum256([]byte(environment))
	suffix = "." + hex.EncodeToString(sum[:4]) + suffix
	return environment[:max(validation.LabelValueMaxLength-len(suffix), 1)] + suffix
}

// Id implements cloudprovider.NodeGroup.
func (g *Group) Id() string { //nolint:revive // the interface's spelling
	return g.id
}

// MinSize implements cloudprovider.NodeGroup: minvCpus spans groups, and scaledown keeps it.
func (g *Group) MinSize() int { return 0 }

// MaxSize implements cloudprovider.NodeGroup: what is there and what the environment's vCPUs allow beyond it.
func (g *Group) MaxSize() int {
	g.p.mu.Lock()
	defer g.p.mu.Unlock()
	if !g.offered || !g.env.AcceptsJobs() {
		return g.target()
	}
	b := g.env.Budget(g.p.usedVCPUs(g.key.environmentUUID))
	return g.target() + max(b.Max-b.Used, 0)/g.typ.VCPUs
}

// TargetSize implements cloudprovider.NodeGroup.
func (g *Group) TargetSize() (int, error) {
	g.p.mu.Lock()
	defer g.p.mu.Unlock()
	return g.target(), nil
}

func (g *Group) target() int {
	n := 0
	for _, i := range g.instances {
		if i.isPlanned() {
			n++
		}
	}
	return n
}

// Nodes implements cloudprovider.NodeGroup.
func (g *Group) Nodes() ([]cloudprovider.Instance, error) {
	g.p.mu.Lock()
	defer g.p.mu.Unlock()
	out := make([]cloudprovider.Instance, 0, len(g.instances))
	for _, i := range g.instances {
		out = append(out, i.status())
	}
	return out, nil
}

// IncreaseSize implements cloudprovider.NodeGroup.
func (g *Group) IncreaseSize(delta int) error { return g.increase(delta, false) }

// AtomicIncreaseSize implements cloudprovider.NodeGroup.
func (g *Group) AtomicIncreaseSize(delta int) error { return g.increase(delta, true) }

func (g *Group) increase(delta int, whole bool) error {
	_, err := g.Grow(delta, whole, nil)
	return err
}

// DecreaseTargetSize implements cloudprovider.NodeGroup. The target is the number of instances, so there is never a wish to
// withdraw; core asks only when it counts otherwise.
func (g *Group) DecreaseTargetSize(int) error {
	return fmt.Errorf("decrease size of %s: every instance of the target size exists or is being launched", g.id)
}

// DeleteNodes implements cloudprovider.NodeGroup.
func (g *Group) DeleteNodes(nodes []*corev1.Node) error { return g.p.deleteNodes(nodes) }

// ForceDeleteNodes implements cloudprovider.NodeGroup. No force ends a node with an unfinished pod.
func (g *Group) ForceDeleteNodes(nodes []*corev1.Node) error { return g.p.deleteNodes(nodes) }

// TemplateNodeInfo implements cloudprovider.NodeGroup.
func (g *Group) TemplateNodeInfo() (*framework.NodeInfo, error) {
	g.p.mu.Lock()
	spec, observed := g.spec(), g.observed
	g.p.mu.Unlock()
	if spec.Type.VCPUs == 0 {
		return nil, errors.New("draw node of " + g.id + ": its instance type is unknown")
	}
	node := nodetemplate.Node("template-"+g.id, &spec)
	if !observed.at.IsZero() && g.p.cfg.Clock.Since(observed.at) <= observedFor {
		observed.draw(node, spec.Mixed)
	}
	return framework.NewNodeInfo(node, nil), nil
}

func (g *Group) spec() nodetemplate.Spec {
	return nodetemplate.Spec{
		Group: g.id, EnvironmentUUID: g.key.environmentUUID, CapacityType: g.key.capacityType, Generation: g.generation(),
		Type: g.typ, Mixed: len(g.types) > 0,
		SoleTenant: g.env != nil && g.env.SoleTenant,
	}
}

// GetOptions implements cloudprovider.NodeGroup: nodes of an environment that is being deleted go as soon as they are empty.
func (g *Group) GetOptions(defaults config.NodeGroupAutoscalingOptions) (*config.NodeGroupAutoscalingOptions, error) {
	g.p.mu.Lock()
	defer g.p.mu.Unlock()
	o := defaults
	if g.env != nil {
		o.ScaleDownUnneededTime = max(o.ScaleDownUnneededTime, g.env.ScaleDownDelay)
		if g.env.SoleTenant {
			o.ScaleDownUnneededTime = 0 // nobody else will need it
		}
		if g.env.IsLeaving() {
			o.ScaleDownUnneededTime, o.ScaleDownUnreadyTime = 0, 0
		}
	}
	return &o, nil
}

// Debug implements cloudprovider.NodeGroup.
func (g *Group) Debug() string { return g.id }

// Exist implements cloudprovider.NodeGroup.
func (g *Group) Exist() bool { return true }

// Create implements cloudprovider.NodeGroup.
func (g *Group) Create() (cloudprovider.NodeGroup, error) { return nil, cloudprovider.ErrAlreadyExist }

// Delete implements cloudprovider.NodeGroup.
func (g *Group) Delete() error { return cloudprovider.ErrNotImplemented }

// Autoprovisioned implements cloudprovider.NodeGroup.
func (g *Group) Autoprovisioned() bool { return false }
