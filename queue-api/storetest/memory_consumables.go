// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"maps"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
)

// CreateConsumable implements Store.
func (m *Memory) CreateConsumable(_ context.Context, c batch.ConsumableResource) error {
	return create(&m.mu, m.consumables, c.Name, c)
}

// Consumable implements Store.
func (m *Memory) Consumable(_ context.Context, name string) (batch.ConsumableResource, error) {
	return get(&m.mu, m.consumables, name)
}

// Consumables implements Store.
func (m *Memory) Consumables(context.Context) ([]batch.ConsumableResource, error) {
	return sorted(&m.mu, m.consumables), nil
}

// UpdateConsumable implements Store.
func (m *Memory) UpdateConsumable(_ context.Context, name string, change func(*batch.ConsumableResource) error) (batch.ConsumableResource, error) {
	return update(&m.mu, m.consumables, name, change)
}

// DeleteConsumable implements Store.
func (m *Memory) DeleteConsumable(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.consumables, name)
	for holder, held := range m.held {
		delete(held, name)
		if len(held) == 0 {
			delete(m.held, holder)
		}
	}
	return nil
}

// TakeConsumables implements Store.
func (m *Memory) TakeConsumables(_ context.Context, holder string, want []batch.ConsumableRequirement) (short string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held[holder] != nil || len(want) == 0 {
		return "", nil
	}
	held := map[string]int64{}
	for _, w := range want {
		held[w.Name] += w.Quantity
		resource, ok := m.consumables[w.Name]
		if !ok || held[w.Name] > resource.Available() {
			return w.Name, nil
		}
	}
	for name, quantity := range held {
		resource := m.consumables[name]
		resource.InUseQuantity += quantity
		m.consumables[name] = resource
	}
	m.held[holder] = held
	return "", nil
}

// ReturnConsumables implements Store.
func (m *Memory) ReturnConsumables(_ context.Context, holder string, spent bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, quantity := range m.held[holder] {
		resource := m.consumables[name]
		resource.InUseQuantity -= quantity
		if spent && resource.Type == batch.NonReplenishable {
			resource.TotalQuantity -= quantity
		}
		m.consumables[name] = resource
	}
	delete(m.held, holder)
	return nil
}

// ConsumableHolders implements Store.
func (m *Memory) ConsumableHolders(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.held)), nil
}

// ListConsumers implements Store.
func (m *Memory) ListConsumers(_ context.Context, queueNumber int, resource, after string, limit int) ([]batch.Job, string, error) {
	return m.latestFirst(queueNumber, after, limit, func(j batch.Job) bool {
		return slices.ContainsFunc(j.Consumables, func(r batch.ConsumableRequirement) bool { return r.Name == resource })
	})
}
