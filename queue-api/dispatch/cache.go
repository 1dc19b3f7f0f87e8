// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"sync"

	"github.com/muster-batch/muster/queue-api/batch"
)

// definitionCacheSize bounds the revisions kept; beyond it the cache starts anew.
const definitionCacheSize = 1024

// definitionCache keeps revisions of job definitions, which never change in what makes a pod.
type definitionCache struct {
	mu    sync.Mutex // guards byRef
	byRef map[batch.DefinitionRef]batch.JobDefinition
}

func (c *definitionCache) get(ctx context.Context, store Store, ref batch.DefinitionRef) (batch.JobDefinition, error) {
	c.mu.Lock()
	d, ok := c.byRef[ref]
	c.mu.Unlock()
	if ok {
		return d, nil
	}
	d, err := store.Definition(ctx, ref)
	if err != nil {
		return d, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byRef == nil || len(c.byRef) >= definitionCacheSize {
		c.byRef = map[batch.DefinitionRef]batch.JobDefinition{}
	}
	c.byRef[ref] = d
	return d, nil
}
