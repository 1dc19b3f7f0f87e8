// SPDX-License-Identifier: Apache-2.0

package nemesis

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/hack/faults/machines"
	"github.com/muster-batch/muster/hack/faults/stack"
)

// Config says how hard to attack.
type Config struct {
	Seed   uint64
	Kills  int
	Within time.Duration
	// Calm is how long before the end the faults stop whose consequences Kubernetes itself takes long to draw.
	Calm time.Duration
	Log  io.Writer
	// Redis, if set, is where entries of indexes are lost.
	Redis redis.UniversalClient
}

// Nemesis does harm.
type Nemesis struct {
	cfg   Config
	stack *stack.Stack
	fleet *machines.Fleet

	undoing sync.WaitGroup

	mu    sync.Mutex // guards what follows and the log
	done  map[string]int
	begun time.Time
}

// New makes the enemy of a stack and its machines.
func New(s *stack.Stack, f *machines.Fleet, cfg Config) *Nemesis {
	return &Nemesis{cfg: cfg, stack: s, fleet: f, done: map[string]int{}}
}

// harm is one fault: what it is called, and what takes it back after a while, if anything does.
type harm struct {
	what string
	last time.Duration
	undo func()
}

// kind is a kind of fault. do draws what it needs from r, before it does anything.
type kind struct {
	name   string
	weight int
	slow   bool // Kubernetes takes long to draw the consequences
	do     func(ctx context.Context, r *rand.Rand) harm
}

// Run attacks until its time is up and then takes everything back. For every two kills there is another fault.
func (n *Nemesis) Run(ctx context.Context) {
	r := rand.New(rand.NewPCG(n.cfg.Seed, 2)) //nolint:gosec // it has to be the same again
	n.begun = time.Now()
	n.attack(ctx, r)
	n.makeUp(ctx, r)
	n.undoing.Wait()
	n.mend()
}

func (n *Nemesis) attack(ctx context.Context, r *rand.Rand) {
	ctx, cancel := context.WithDeadline(ctx, n.begun.Add(n.cfg.Within))
	defer cancel()
	steps := n.cfg.Kills * 3 / 2
	for i := range steps {
		at := n.begun.Add(n.cfg.Within * time.Duration(i) / time.Duration(steps))
		if !pause(ctx, time.Until(at)) {
			break
		}
		step := rand.New(rand.NewPCG(r.Uint64(), r.Uint64())) //nolint:gosec // likewise
		if i%3 == 2 {
			n.harm(ctx, step)
		} else {
			n.kill(step)
		}
	}
}

// makeUpEvery is how far apart the kills are that are made up for, and makeUpTries how many of them may meet nobody, too.
const (
	makeUpEvery = 500 * time.Millisecond
	makeUpTries = 100
)

// makeUp does the kills that met nobody alive, or that were not done in time.
func (n *Nemesis) makeUp(ctx context.Context, r *rand.Rand) {
	for try := 0; n.Figures()["kill"] < n.cfg.Kills && try < n.cfg.Kills+makeUpTries && pause(ctx, makeUpEvery); try++ {
		n.kill(r)
	}
}

// weights are how likely each process is the one that is killed.
var weights = map[string]int{
	stack.QueueAPI: 20, stack.Scheduler: 8, stack.Autoscaler: 8, stack.Redis: 16, stack.Etcd: 5, stack.APIServer: 6, stack.Controller: 3,
}

// kill kills a process that is alive.
func (n *Nemesis) kill(r *rand.Rand) {
	down := time.Duration(r.Int64N(int64(1500 * time.Millisecond)))
	for range 4 * len(n.stack.Processes) { // it may be down already
		p := draw(r, n.stack.Processes, func(p *stack.Process) int { return weightOf(p.Name()) })
		if p.Kill(down) {
			n.log("kill", harm{what: fmt.Sprintf("kill %s, down for %v", p.Name(), down.Round(time.Millisecond))})
			return
		}
	}
}

func weightOf(name string) int {
	for program, weight := range weights {
		if name == program || len(name) == len(program)+2 && name[:len(program)] == program {
			return weight
		}
	}
	return 1
}

// harm does one thing that is not a kill.
func (n *Nemesis) harm(ctx context.Context, r *rand.Rand) {
	kinds := n.kinds()
	if time.Since(n.begun) > n.cfg.Within-n.cfg.Calm {
		kinds = slices.DeleteFunc(kinds, func(k kind) bool { return k.slow })
	}
	k := draw(r, kinds, func(k kind) int { return k.weight })
	h := n.try(ctx, k, r)
	if h.what == "" { // there was nobody to do it to
		return
	}
	n.log(k.name, h)
	if h.undo != nil {
		n.undoing.Go(func() {
			pause(ctx, h.last)
			h.undo()
		})
	}
}

// doTimeout is how long a fault may take that needs the API server or Redis: they may be down.
const doTimeout = 2 * time.Second

func (*Nemesis) try(ctx context.Context, k kind, r *rand.Rand) harm {
	ctx, cancel := context.WithTimeout(ctx, doTimeout)
	defer cancel()
	return k.do(ctx, r)
}

// mend takes back everything that could still be broken.
func (n *Nemesis) mend() {
	for _, p := range n.stack.Processes {
		p.Continue()
	}
	for _, c := range n.stack.Cables {
		c.Mend()
	}
	if err := n.stack.ClearDisk(); err != nil {
		n.log("mend", harm{what: err.Error()})
	}
}

// Figures are how often each kind of harm was done.
func (n *Nemesis) Figures() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.done)
}

func (n *Nemesis) log(kind string, h harm) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done[kind]++
	text := h.what
	if h.last > 0 {
		text += fmt.Sprintf(" for %v", h.last.Round(time.Millisecond))
	}
	fmt.Fprintf(n.cfg.Log, "%s +%7.3fs %s\n", time.Now().UTC().Format("15:04:05.000"), time.Since(n.begun).Seconds(), text)
}

// draw chooses by weight.
func draw[T any](r *rand.Rand, from []T, weight func(T) int) T {
	sum := 0
	for _, one := range from {
		sum += weight(one)
	}
	at := r.IntN(sum)
	for _, one := range from {
		if at -= weight(one); at < 0 {
			return one
		}
	}
	return from[len(from)-1]
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
