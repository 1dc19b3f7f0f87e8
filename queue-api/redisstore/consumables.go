// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// A consumable resource is a hash: r what was registered, t the total, u what is in use, y the type. What each holder has
// is one field, "name quantity name quantity"; names have no blanks.

// CreateConsumable implements storetest.Store.
func (s *Store) CreateConsumable(ctx context.Context, c batch.ConsumableResource) error {
	ok, err := s.setConsumable(ctx, c, storedConsumable{})
	if err == nil && !ok {
		return batch.ErrExists
	}
	return err
}

// storedConsumable is how a resource is stored, but for what is in use.
type storedConsumable struct{ record, total string }

func (s *Store) setConsumable(ctx context.Context, c batch.ConsumableResource, expected storedConsumable) (bool, error) {
	total := c.TotalQuantity
	c.TotalQuantity, c.InUseQuantity = 0, 0
	record, err := json.Marshal(c)
	if err != nil {
		return false, fmt.Errorf("encode %s: %w", c.Name, err)
	}
	v, err := s.run(ctx, s.scripts.setConsumable, []string{consumableKey(c.Name), consumables}, c.Name, expected.record, expected.total,
		record, total, c.Type, changes, Change{}.String())
	return v == int64(1), err
}

// Consumable implements storetest.Store.
func (s *Store) Consumable(ctx context.Context, name string) (batch.ConsumableResource, error) {
	c, _, err := s.loadConsumable(ctx, name)
	return c, err
}

var consumableFields = []string{"r", "t", "u"}

func (s *Store) loadConsumable(ctx context.Context, name string) (batch.ConsumableResource, storedConsumable, error) {
	fields, err := s.client.HMGet(ctx, consumableKey(name), consumableFields...).Result()
	if err != nil {
		return batch.ConsumableResource{}, storedConsumable{}, wrap(err)
	}
	return decodeConsumable(name, fields)
}

func decodeConsumable(name string, fields []any) (c batch.ConsumableResource, stored storedConsumable, err error) {
	record, ok1 := fields[0].(string)
	total, ok2 := fields[1].(string)
	inUse, ok3 := fields[2].(string)
	if !ok1 || !ok2 || !ok3 {
		return c, stored, batch.ErrNotFound
	}
	err = json.Unmarshal([]byte(record), &c)
	var err2, err3 error
	c.TotalQuantity, err2 = strconv.ParseInt(total, 10, 64)
	c.InUseQuantity, err3 = strconv.ParseInt(inUse, 10, 64)
	if err := errors.Join(err, err2, err3); err != nil {
		return c, stored, fmt.Errorf("decode consumable resource %s: %w", name, err)
	}
	return c, storedConsumable{record: record, total: total}, nil
}

// consumablesAtOnce is how many resources are read in one round trip.
const consumablesAtOnce = 1000

// Consumables implements storetest.Store.
func (s *Store) Consumables(ctx context.Context) ([]batch.ConsumableResource, error) {
	names, err := s.sortedMembers(ctx, consumables)
	if err != nil {
		return nil, err
	}
	out := make([]batch.ConsumableResource, 0, len(names))
	for chunk := range slices.Chunk(names, consumablesAtOnce) {
		pipe := s.client.Pipeline()
		replies := make([]*redis.SliceCmd, len(chunk))
		for i, name := range chunk {
			replies[i] = pipe.HMGet(ctx, consumableKey(name), consumableFields...)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, wrap(err)
		}
		for i, reply := range replies {
			c, _, err := decodeConsumable(chunk[i], reply.Val())
			if errors.Is(err, batch.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// UpdateConsumable implements storetest.Store.
func (s *Store) UpdateConsumable(ctx context.Context, name string, change func(*batch.ConsumableResource) error) (batch.ConsumableResource, error) {
	for range casAttempts {
		c, stored, err := s.loadConsumable(ctx, name)
		if err != nil {
			return batch.ConsumableResource{}, err
		}
		if err := change(&c); err != nil {
			return batch.ConsumableResource{}, err
		}
		ok, err := s.setConsumable(ctx, c, stored)
		if err != nil || ok {
			return c, err
		}
	}
	return batch.ConsumableResource{}, batch.ErrConflict
}

// DeleteConsumable implements storetest.Store.
func (s *Store) DeleteConsumable(ctx context.Context, name string) error {
	_, err := s.run(ctx, s.scripts.deleteConsumable, []string{consumableKey(name), consumables, holders}, name, changes, Change{}.String())
	return err
}

// TakeConsumables implements storetest.Store.
func (s *Store) TakeConsumables(ctx context.Context, holder string, want []batch.ConsumableRequirement) (short string, err error) {
	if len(want) == 0 {
		return "", nil
	}
	amounts := map[string]int64{}
	var names []string
	for _, w := range want {
		if _, ok := amounts[w.Name]; !ok {
			names = append(names, w.Name)
		}
		amounts[w.Name] += w.Quantity
	}
	keys, held := []string{holders}, make([]string, len(names))
	args := []any{holder, ""}
	for i, name := range names {
		keys = append(keys, consumableKey(name))
		held[i] = name + " " + strconv.FormatInt(amounts[name], 10)
		args = append(args, amounts[name])
	}
	args[1] = strings.Join(held, " ")
	v, err := s.run(ctx, s.scripts.take, keys, args...)
	if err != nil {
		return "", err
	}
	if n, ok := v.(int64); ok && n >= 0 && n <= int64(len(names)) {
		if n == 0 {
			return "", nil
		}
		return names[n-1], nil
	}
	return "", fmt.Errorf("redis: take gave %v", v)
}

// ReturnConsumables implements storetest.Store.
func (s *Store) ReturnConsumables(ctx context.Context, holder string, spent bool) error {
	for range casAttempts {
		held, err := s.client.HGet(ctx, holders, holder).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		if err != nil {
			return wrap(err)
		}
		keys, args := []string{holders}, []any{holder, held, flag(spent)}
		words := strings.Fields(held)
		for i := 0; i+1 < len(words); i += 2 {
			keys = append(keys, consumableKey(words[i]))
			args = append(args, words[i+1])
		}
		v, err := s.run(ctx, s.scripts.giveBack, keys, args...)
		if err != nil || v == int64(1) {
			return err
		}
	}
	return batch.ErrConflict
}

// ConsumableHolders implements storetest.Store.
func (s *Store) ConsumableHolders(ctx context.Context) ([]string, error) {
	all, err := s.client.HGetAll(ctx, holders).Result()
	return slices.Sorted(maps.Keys(all)), wrap(err)
}
