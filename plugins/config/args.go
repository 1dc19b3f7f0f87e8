// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// GangFitArgs are the arguments of the plugin GangFit, under pluginConfig in a KubeSchedulerConfiguration. What is absent
// has its default.
type GangFitArgs struct {
	// TopologyKeys are the node labels that say how near nodes are to each other, the widest domain first. A gang is kept
	// in one domain of the narrowest key that can hold it. Keys that no node has cost nothing.
	// Default: zone, EKS's three network layers, host name.
	TopologyKeys []string `json:"topologyKeys,omitempty"`
	// MemberLossTimeout bounds how long a gang that replaces lost members may run with fewer than its min; then it is
	// handed back whole. Default: 5m.
	MemberLossTimeout metav1.Duration `json:"memberLossTimeout,omitzero"`
	// RoomTimeout bounds how long room is kept for the gang that is next. 0s keeps none. Default: 10m.
	RoomTimeout *metav1.Duration `json:"roomTimeout,omitempty"`
}

// maxTopologyKeys leaves room for the two keys that a gang may name itself, of the levels that a plan can tell apart.
const maxTopologyKeys = 7

// DecodeGangFit reads the arguments as kube-scheduler hands them to a plugin; nil for none. A field that is not known is
// an error, and so is a value out of range.
func DecodeGangFit(obj runtime.Object) (GangFitArgs, error) {
	var args GangFitArgs
	if err := decode(obj, &args); err != nil {
		return GangFitArgs{}, fmt.Errorf("arguments of GangFit: %w", err)
	}
	args.setDefaults()
	if err := args.validate(); err != nil {
		return GangFitArgs{}, fmt.Errorf("arguments of GangFit: %w", err)
	}
	return args, nil
}

func decode(obj runtime.Object, into any) error {
	if obj == nil {
		return nil
	}
	unknown, ok := obj.(*runtime.Unknown)
	if !ok {
		return fmt.Errorf("cannot be read from a %T", obj)
	}
	return yaml.UnmarshalStrict(unknown.Raw, into)
}

func (a *GangFitArgs) setDefaults() {
	if a.TopologyKeys == nil {
		a.TopologyKeys = []string{
			corev1.LabelTopologyZone,
			"topology.k8s.aws/network-node-layer-1", "topology.k8s.aws/network-node-layer-2", "topology.k8s.aws/network-node-layer-3",
			corev1.LabelHostname,
		}
	}
	if a.MemberLossTimeout.Duration == 0 {
		a.MemberLossTimeout.Duration = 5 * time.Minute
	}
	if a.RoomTimeout == nil {
		a.RoomTimeout = &metav1.Duration{Duration: 10 * time.Minute}
	}
}

func (a *GangFitArgs) validate() error {
	var errs []error
	if len(a.TopologyKeys) > maxTopologyKeys {
		errs = append(errs, fmt.Errorf("topologyKeys: %d keys; at most %d are allowed", len(a.TopologyKeys), maxTopologyKeys))
	}
	seen := map[string]bool{}
	for i, key := range a.TopologyKeys {
		for _, msg := range validation.IsQualifiedName(key) {
			errs = append(errs, fmt.Errorf("topologyKeys[%d]: %q: %s", i, key, msg))
		}
		if seen[key] {
			errs = append(errs, fmt.Errorf("topologyKeys[%d]: %q is there twice", i, key))
		}
		seen[key] = true
	}
	if a.MemberLossTimeout.Duration < 0 {
		errs = append(errs, errors.New("memberLossTimeout: must be above 0"))
	}
	if a.RoomTimeout.Duration < 0 {
		errs = append(errs, errors.New("roomTimeout: must be 0 or above"))
	}
	return errors.Join(errs...)
}
