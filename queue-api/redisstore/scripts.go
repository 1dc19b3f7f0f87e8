// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

var (
	//go:embed lua/prelude.lua
	preludeLua string
	//go:embed lua/submit.lua
	submitLua string
	//go:embed lua/transition.lua
	transitionLua string
	//go:embed lua/child.lua
	childLua string
	//go:embed lua/retire.lua
	retireLua string
	//go:embed lua/settle.lua
	settleLua string
	//go:embed lua/unsettle.lua
	unsettleLua string
	//go:embed lua/depend.lua
	dependLua string
	//go:embed lua/saveledger.lua
	saveLedgerLua string
	//go:embed lua/forgetshare.lua
	forgetShareLua string
	//go:embed lua/setconsumable.lua
	setConsumableLua string
	//go:embed lua/deleteconsumable.lua
	deleteConsumableLua string
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/giveback.lua
	giveBackLua string
	//go:embed lua/compareandset.lua
	compareAndSetLua string
	//go:embed lua/register.lua
	registerLua string
	//go:embed lua/deregister.lua
	deregisterLua string
	//go:embed lua/claim.lua
	claimLua string
	//go:embed lua/auditing.lua
	auditingLua string
	//go:embed lua/audit.lua
	auditLua string
	//go:embed lua/auditarray.lua
	auditArrayLua string
	//go:embed lua/auditchild.lua
	auditChildLua string
	//go:embed lua/auditlost.lua
	auditLostLua string
	//go:embed lua/auditentry.lua
	auditEntryLua string
	//go:embed lua/auditshare.lua
	auditShareLua string
	//go:embed lua/faillost.lua
	failLostLua string
	//go:embed lua/raise.lua
	raiseLua string
)

// scripts are the store's changes of state, each loaded once and then run by its hash.
type scripts struct {
	submit, transition, child                       script
	settle, unsettle, depend                        script
	saveLedger, forgetShare                         script
	setConsumable, deleteConsumable, take, giveBack script
	compareAndSet, register, deregister, claim      script

	audit, auditArray, auditChild, auditLost, auditEntry, auditShare, raise, failLost script
}

// script is one change of state.
type script struct {
	*redis.Script
	point crashpoint.Point
}

func newScript(point crashpoint.Point, lua string) script {
	return script{Script: redis.NewScript(lua), point: point}
}

func newScripts() scripts {
	return scripts{
		submit:           newScript("redis/submit", submitLua),
		transition:       newScript("redis/transition", preludeLua+transitionLua),
		child:            newScript("redis/child", preludeLua+childLua),
		settle:           newScript("redis/settle", settleLua),
		unsettle:         newScript("redis/unsettle", unsettleLua),
		depend:           newScript("redis/depend", dependLua),
		saveLedger:       newScript("redis/save-ledger", preludeLua+saveLedgerLua),
		forgetShare:      newScript("redis/forget-share", forgetShareLua),
		setConsumable:    newScript("redis/set-consumable", setConsumableLua),
		deleteConsumable: newScript("redis/delete-consumable", deleteConsumableLua),
		take:             newScript("redis/take", takeLua),
		giveBack:         newScript("redis/give-back", giveBackLua),
		compareAndSet:    newScript("redis/compare-and-set", compareAndSetLua),
		register:         newScript("redis/register", registerLua),
		deregister:       newScript("redis/deregister", deregisterLua),
		claim:            newScript("redis/claim", claimLua),
		audit:            newScript("redis/audit", auditingLua+auditLua),
		auditArray:       newScript("redis/audit", preludeLua+auditingLua+auditArrayLua),
		auditChild:       newScript("redis/audit", preludeLua+auditingLua+auditChildLua),
		auditLost:        newScript("redis/audit", preludeLua+auditLostLua),
		auditEntry:       newScript("redis/audit", auditEntryLua),
		auditShare:       newScript("redis/audit", auditingLua+auditShareLua),
		raise:            newScript("redis/audit", raiseLua),
		failLost:         newScript("redis/audit", preludeLua+failLostLua),
	}
}

// run executes a script and makes its write as durable as configured before it returns.
func (s *Store) run(ctx context.Context, script script, keys []string, args ...any) (reply any, err error) {
	start := time.Now()
	err = crashpoint.Around(script.point, func() error {
		reply, err = s.runDurably(ctx, script, keys, args)
		return err
	})
	s.metrics.wrote(script.point, start, err)
	return reply, err
}

func (s *Store) runDurably(ctx context.Context, script script, keys []string, args []any) (any, error) {
	var reply *redis.Cmd
	err := s.writes.do(ctx, keys[0], func(pipe redis.Pipeliner) { reply = script.EvalSha(ctx, pipe, keys, args...) })
	if err == nil && redis.HasErrorPrefix(reply.Err(), "NOSCRIPT") {
		err = s.writes.do(ctx, keys[0], func(pipe redis.Pipeliner) { reply = script.Eval(ctx, pipe, keys, args...) })
	}
	if err != nil {
		return nil, err
	}
	v, err := reply.Result()
	return v, wrap(err)
}

// put carries out a write that needs no script, as durably as one.
func (s *Store) put(ctx context.Context, point crashpoint.Point, key string, write func(redis.Pipeliner) redis.Cmder) error {
	start := time.Now()
	err := crashpoint.Around(point, func() error {
		var reply redis.Cmder
		if err := s.writes.do(ctx, key, func(pipe redis.Pipeliner) { reply = write(pipe) }); err != nil {
			return err
		}
		return wrap(reply.Err())
	})
	s.metrics.wrote(point, start, err)
	return err
}

// increment counts, as durably.
func (s *Store) increment(ctx context.Context, point crashpoint.Point, key string) (int64, error) {
	var reply *redis.IntCmd
	err := s.put(ctx, point, key, func(pipe redis.Pipeliner) redis.Cmder {
		reply = pipe.Incr(ctx, key)
		return reply
	})
	if err != nil {
		return 0, err
	}
	return reply.Val(), nil
}

// confirm makes what a caller read in a slot, and is about to be told, as durable as what it writes: another call may have
// written it whose replica was late. WAIT speaks of writes alone, so this is one.
func (s *Store) confirm(ctx context.Context, q slot) error {
	if s.durability != Replicated {
		return nil
	}
	var reply *redis.StatusCmd
	if err := s.writes.do(ctx, q.confirmed(), func(pipe redis.Pipeliner) { reply = pipe.Set(ctx, q.confirmed(), 1, 0) }); err != nil {
		return err
	}
	return wrap(reply.Err())
}

// wrap marks an error as Redis's; a nil reply is not an error of ours.
func wrap(err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	if errors.Is(err, redis.ErrPoolTimeout) { // nothing was asked of Redis: others have all connections
		return fmt.Errorf("%w: %w: %w", errRedis, err, &batch.Error{Code: batch.CodeTooManyRequests, Message: "Too many requests at once, please retry"})
	}
	if isAway(err) {
		return fmt.Errorf("%w: %w: %w", errRedis, batch.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", errRedis, err)
}

// isAway reports whether Redis did not answer, or answered that it does not serve now.
func isAway(err error) bool {
	if _, isReply := errors.AsType[redis.Error](err); !isReply {
		return !errors.Is(err, context.Canceled)
	}
	return slices.ContainsFunc(away, func(prefix string) bool { return redis.HasErrorPrefix(err, prefix) })
}

// away begin what Redis answers while it does not serve.
var away = []string{"LOADING", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "MISCONF", "TRYAGAIN"}

// errRedis is in every error that came with a call of Redis.
var errRedis = errors.New("redis")
