// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/hack/faults/check"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// run is a pod on a machine.
type run struct {
	*machine

	pod    *corev1.Pod // as it was when it was seen first
	stop   context.CancelFunc
	isDone atomic.Bool // its end was told

	mu     sync.Mutex // guards what follows
	entry  check.Run
	isOver bool // the entry has an end, or there never was a start
}

// attemptOf reads off a pod what it is.
func attemptOf(pod *corev1.Pod) check.Attempt {
	number := func(key string, without int) int {
		if n, err := strconv.Atoi(pod.Labels[key]); err == nil {
			return n
		}
		return without
	}
	return check.Attempt{
		Part:   check.Part{Job: pod.Labels[batchmeta.JobID], Index: number(batchmeta.ArrayIndex, -1), Node: number(batchmeta.NodeIndex, -1)},
		Number: number(batchmeta.Attempt, 1),
	}
}

func newRun(m *machine, pod *corev1.Pod, stop context.CancelFunc) *run {
	return &run{machine: m, pod: pod, stop: stop, entry: check.Run{Attempt: attemptOf(pod), UID: string(pod.UID), Instance: m.instance.ID}}
}

// live runs the pod: started, running for its time or until it is stopped, ended, told. ctx ends when the pod is to stop.
func (r *run) live(ctx context.Context) {
	// 1. A machine that ends, or a pod that is stopped, before it began, has run nothing.
	d, exitCode := r.cfg.Plan.run(r.pod, r.entry.Attempt)
	if !pause(ctx, r.cfg.Plan.boot(r.entry.UID, 100*time.Millisecond)) || !r.begin() {
		r.never()
		return
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		r.tell(ctx, r.runningStatus())
	}()
	// 2. The work.
	how := check.Exited
	if !r.gangs.await(ctx, r.pod) {
		exitCode = 3
	} else if !pause(ctx, d) {
		how = check.Killed
	}
	if ctx.Err() != nil {
		how, exitCode = check.Killed, 137
	}
	// 3. Its end is told until the API server has understood, or the machine is gone.
	if !r.finish(how, exitCode) {
		return
	}
	<-told
	if r.tell(r.ctx, r.endedStatus()) {
		r.report()
	}
	r.isDone.Store(true)
	r.remove()
}

// begin writes the start; false if the machine is gone.
func (r *run) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isOver {
		return false
	}
	r.entry.Start = time.Now()
	r.note()
	return true
}

// finish writes the end; false if there was one already.
func (r *run) finish(how string, exitCode int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isOver {
		return false
	}
	r.isOver = true
	r.entry.End, r.entry.How, r.entry.ExitCode = time.Now(), how, exitCode
	r.note()
	return true
}

// lose ends the run with its machine, and reports whether it ran.
func (r *run) lose() bool {
	r.mu.Lock()
	started := !r.entry.Start.IsZero()
	r.mu.Unlock()
	ended := started && r.finish(check.Lost, 0)
	r.mu.Lock()
	r.isOver = true
	r.mu.Unlock()
	r.stop()
	return ended
}

// never tells that a pod was stopped before it began, if its machine is still there.
func (r *run) never() {
	r.mu.Lock()
	isLost := r.isOver
	r.isOver = true
	r.mu.Unlock()
	if !isLost {
		r.tell(r.ctx, r.neverStatus())
		r.remove()
	}
}

// report writes that the API server knows the end.
func (r *run) report() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entry.Reported = true
	r.note()
}

// note writes the entry; mu is held.
func (r *run) note() {
	if err := r.cfg.Ledger.Write(r.entry); err != nil {
		klog.FromContext(r.ctx).Error(err, "Ledger was not written")
	}
}

func (r *run) started() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entry.Start
}
