// SPDX-License-Identifier: Apache-2.0

package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// indexes are the keys of a queue that can be made again from its records, as patterns.
var indexes = []string{
	"status:*", "waiting:*", "waiting-shares", "active-shares", "live", "usage", "share-usage", "share-live", "ended", "k:*",
}

// loseEntry loses an entry of an index, or, where it has none, the whole of it.
func (n *Nemesis) loseEntry(ctx context.Context, r *rand.Rand) harm {
	pattern, choice := indexes[r.IntN(len(indexes))], r.Uint64()
	keys, err := n.cfg.Redis.Keys(ctx, "muster:{0*}:"+pattern).Result()
	if err != nil || len(keys) == 0 {
		return harm{}
	}
	slices.Sort(keys)
	key := keys[choice%uint64(len(keys))]
	var member string
	switch kind, err := n.cfg.Redis.Type(ctx, key).Result(); {
	case err != nil:
		return harm{}
	case kind == "zset":
		member, err = one(n.cfg.Redis.ZRandMember(ctx, key, 1).Result())
		if err == nil {
			err = n.cfg.Redis.ZRem(ctx, key, member).Err()
		}
		if err != nil {
			return harm{}
		}
	case kind == "set":
		if member, err = n.cfg.Redis.SPop(ctx, key).Result(); err != nil {
			return harm{}
		}
	default:
		if err := n.cfg.Redis.Del(ctx, key).Err(); err != nil {
			return harm{}
		}
	}
	return harm{what: fmt.Sprintf("lose %x of %s", member, key)}
}

var errNoMember = errors.New("no member")

func one(members []string, err error) (string, error) {
	if err == nil && len(members) == 0 {
		err = errNoMember
	}
	if err != nil {
		return "", err
	}
	return members[0], nil
}
