// SPDX-License-Identifier: Apache-2.0

package fake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
)

var errNoStock = errors.New("stock is empty")

// Config is what a fake fleet does.
type Config struct {
	// Launched, if set, is called for each new instance, so that a test can register its node.
	Launched func(fleet.Instance, fleet.LaunchRequest)
	// Terminated, if set, is called for each instance that ends.
	Terminated func(fleet.Instance)
}

// Fleet is a fleet in memory. Its types are those of the built-in catalogue.
type Fleet struct {
	cfg       Config
	catalogue *instancetype.Catalogue

	mu        sync.Mutex // guards all below
	instances map[string]fleet.Instance
	launches  []fleet.LaunchRequest
	stock     map[string]int
	failure   error
	gate      chan struct{} // launches wait until it is closed; nil when they need not
	serial    int
}

var _ fleet.Fleet = (*Fleet)(nil)

// New makes an empty fleet with unlimited stock.
func New(cfg Config) *Fleet {
	return &Fleet{
		cfg:       cfg,
		catalogue: instancetype.Builtin(),
		instances: map[string]fleet.Instance{},
		stock:     map[string]int{},
	}
}

// SetStock lets n more instances of a type be launched.
func (f *Fleet) SetStock(instanceType string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stock[instanceType] = n
}

// Fail lets every call fail with err until it is nil again.
func (f *Fleet) Fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failure = err
}

// Hold lets launches wait until the returned function is called.
func (f *Fleet) Hold() (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	gate := make(chan struct{})
	f.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

// Launches are the requests so far, repeated ones too.
func (f *Fleet) Launches() []fleet.LaunchRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.launches)
}

// Lose ends an instance as a cloud does: unasked.
func (f *Fleet) Lose(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.instances, id)
}

// InstanceTypes implements fleet.Fleet.
func (f *Fleet) InstanceTypes(_ context.Context, names []string) ([]instancetype.Type, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure != nil {
		return nil, f.failure
	}
	return f.catalogue.Resolve(names)
}

// Launch implements fleet.Fleet.
func (f *Fleet) Launch(ctx context.Context, r fleet.LaunchRequest) ([]fleet.Instance, error) {
	f.mu.Lock()
	f.launches = append(f.launches, r)
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, fmt.Errorf("launch: %w", context.Cause(ctx))
		}
	}
	return fleet.LaunchEach(ctx, f, r)
}

// LaunchOne implements fleet.Single.
func (f *Fleet) LaunchOne(ctx context.Context, r fleet.LaunchRequest, token string) (fleet.Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(ctx.Err(), f.failure); err != nil {
		return fleet.Instance{}, fmt.Errorf("launch: %w", err)
	}
	for _, known := range f.instances {
		if known.Token == token {
			return known, nil
		}
	}
	if n, limited := f.stock[r.Type.Name]; limited {
		if n == 0 {
			return fleet.Instance{}, &fleet.CapacityError{InstanceType: r.Type.Name, Err: errNoStock}
		}
		f.stock[r.Type.Name] = n - 1
	}
	f.serial++
	id := fmt.Sprintf("i-%017x", f.serial)
	instance := fleet.Instance{
		ID: id, ProviderID: "muster:///fake/" + id, NodeGroup: r.NodeGroup, EnvironmentUUID: r.Environment.UUID,
		InstanceType: r.Type.Name, Token: token, State: fleet.Running,
	}
	f.instances[id] = instance
	if f.cfg.Launched != nil {
		f.cfg.Launched(instance, r)
	}
	return instance, nil
}

// List implements fleet.Fleet.
func (f *Fleet) List(context.Context) ([]fleet.Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure != nil {
		return nil, f.failure
	}
	out := make([]fleet.Instance, 0, len(f.instances))
	for _, i := range f.instances {
		out = append(out, i)
	}
	return out, nil
}

// Terminate implements fleet.Fleet.
func (f *Fleet) Terminate(_ context.Context, ids []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure != nil {
		return f.failure
	}
	for _, id := range ids {
		instance, known := f.instances[id]
		if !known {
			continue
		}
		delete(f.instances, id)
		if _, limited := f.stock[instance.InstanceType]; limited {
			f.stock[instance.InstanceType]++
		}
		if f.cfg.Terminated != nil {
			f.cfg.Terminated(instance)
		}
	}
	return nil
}
