// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/redis/go-redis/v9"
)

// sealBytes is the length of a key of AES-256.
const sealBytes = 32

// SealKey is a secret that all servers of the store share and nobody else knows; it is made when it is first asked for, and
// stays.
func (s *Store) SealKey(ctx context.Context) ([]byte, error) {
	key, err := s.client.Get(ctx, seal).Bytes()
	if errors.Is(err, redis.Nil) {
		if err := s.provideSeal(ctx); err != nil {
			return nil, err
		}
		key, err = s.client.Get(ctx, seal).Bytes()
	}
	return key, wrap(err)
}

// provideSeal makes the secret unless it is there.
func (s *Store) provideSeal(ctx context.Context) error {
	key := make([]byte, sealBytes)
	_, _ = rand.Read(key) // never fails
	return s.put(ctx, "redis/seal", seal, func(pipe redis.Pipeliner) redis.Cmder { return pipe.SetNX(ctx, seal, key, 0) })
}
