// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"context"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// rendezvous is how long a member waits for the others before it fails: longer than any outage of what binds them.
const rendezvous = 3 * time.Minute

// gangs lets the members of a gang do their work together: each waits until all have started, as their programs would.
type gangs struct {
	mu    sync.Mutex // guards known
	known map[string]*gang
}

type gang struct {
	started map[string]bool // by the index of the node
	whole   chan struct{}   // closed once all have
}

// await reports whether all members of the pod's gang have started; of a pod that is in none, at once.
func (g *gangs) await(ctx context.Context, pod *corev1.Pod) bool {
	size, err := strconv.Atoi(pod.Annotations[batchmeta.GangSize])
	if err != nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, rendezvous)
	defer cancel()
	select {
	case <-g.join(pod, size):
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *gangs) join(pod *corev1.Pod, size int) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	name := pod.Labels[batchmeta.Gang]
	mine := g.known[name]
	if mine == nil {
		mine = &gang{started: map[string]bool{}, whole: make(chan struct{})}
		g.known[name] = mine
	}
	if index := pod.Labels[batchmeta.NodeIndex]; !mine.started[index] {
		mine.started[index] = true
		if len(mine.started) == size {
			close(mine.whole)
		}
	}
	return mine.whole
}
