// SPDX-License-Identifier: Apache-2.0

package nemesis

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/hack/faults/cable"
	"github.com/muster-batch/muster/hack/faults/stack"
)

func (n *Nemesis) kinds() []kind {
	kinds := []kind{
		{name: "stop and continue", weight: 14, do: n.stop},
		{name: "cut", weight: 8, do: n.onCable("cut", 4*time.Second, (*cable.Cable).Cut, (*cable.Cable).Join)},
		{name: "stall", weight: 6, do: n.onCable("stall", 6*time.Second, (*cable.Cable).Stall, (*cable.Cable).Flow)},
		{name: "slow", weight: 4, do: n.onCable("slow", 5*time.Second, func(c *cable.Cable) { c.Slow(200 * time.Millisecond) }, (*cable.Cable).Flow)},
		{name: "reset", weight: 5, do: n.onCable("reset", 0, (*cable.Cable).Reset, nil)},
		{name: "half-close", weight: 5, do: n.halfClose},
		{name: "lost request or reply", weight: 18, do: n.breakExchange},
		{name: "pod deleted", weight: 8, do: n.deletePod},
		{name: "node deleted", weight: 2, slow: true, do: n.deleteNode},
		{name: "instance taken back", weight: 5, slow: true, do: n.takeInstance},
		{name: "leader changed", weight: 6, do: n.changeLeader},
		{name: "cloud refuses or loses", weight: 6, do: n.troubleCloud},
	}
	if n.stack.HasDisk() {
		kinds = append(kinds, kind{name: "disk full", weight: 3, do: n.fillDisk})
	}
	if n.cfg.Redis != nil {
		kinds = append(kinds, kind{name: "index entry lost", weight: 6, slow: true, do: n.loseEntry})
	}
	return kinds
}

func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return 100*time.Millisecond + time.Duration(r.Int64N(int64(most)))
}

// stop halts a process; one in five for longer than any Lease.
func (n *Nemesis) stop(_ context.Context, r *rand.Rand) harm {
	p := n.stack.Processes[r.IntN(len(n.stack.Processes))]
	last := upTo(r, 5*time.Second)
	if r.IntN(5) == 0 {
		last += 15 * time.Second
	}
	p.Stop()
	return harm{what: "stop " + p.Name(), last: last, undo: p.Continue}
}

func (n *Nemesis) anyCable(r *rand.Rand) (name string, c *cable.Cable) {
	names := slices.Sorted(maps.Keys(n.stack.Cables))
	name = names[r.IntN(len(names))]
	return name, n.stack.Cables[name]
}

func (n *Nemesis) onCable(what string, most time.Duration, do, undo func(*cable.Cable)) func(context.Context, *rand.Rand) harm {
	return func(_ context.Context, r *rand.Rand) harm {
		name, c := n.anyCable(r)
		h := harm{what: what + " " + name}
		do(c)
		if undo != nil {
			h.last, h.undo = upTo(r, most), func() { undo(c) }
		}
		return h
	}
}

func (n *Nemesis) halfClose(_ context.Context, r *rand.Rand) harm {
	name, c := n.anyCable(r)
	targets := r.IntN(2) == 0
	c.HalfClose(targets)
	return harm{what: fmt.Sprintf("half-close %s, towards the targets: %v", name, targets)}
}

func (n *Nemesis) breakExchange(_ context.Context, r *rand.Rand) harm {
	name, c := n.anyCable(r)
	moments := map[cable.Moment]string{
		cable.BeforeRequest: "before the request", cable.AfterRequest: "after the request and before the reply", cable.MidReply: "in the middle of the reply",
	}
	moment, times := cable.Moment(1+r.IntN(len(moments))), 1+r.IntN(4)
	c.Break(moment, times)
	return harm{what: fmt.Sprintf("break %d exchanges of %s %s", times, name, moments[moment])}
}

// deletePod deletes a pod of a job, as people do.
func (n *Nemesis) deletePod(ctx context.Context, r *rand.Rand) harm {
	choice := r.Uint64()
	pods := n.fleet.Kube().CoreV1().Pods(stack.Namespace)
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		return harm{}
	}
	pod := &list.Items[choice%uint64(len(list.Items))]
	n.fleet.Removed(pod)
	if err := pods.Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil {
		return harm{}
	}
	return harm{what: fmt.Sprintf("delete pod %s, which is %s", pod.Name, pod.Status.Phase)}
}

// deleteNode deletes the object of a node whose machine runs on.
func (n *Nemesis) deleteNode(ctx context.Context, r *rand.Rand) harm {
	choice := r.Uint64()
	nodes := n.fleet.Kube().CoreV1().Nodes()
	list, err := nodes.List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		return harm{}
	}
	node := list.Items[choice%uint64(len(list.Items))].Name
	if err := nodes.Delete(ctx, node, metav1.DeleteOptions{}); err != nil {
		return harm{}
	}
	return harm{what: "delete node " + node}
}

// takeInstance takes an instance back, of which Spot ones are told before.
func (n *Nemesis) takeInstance(_ context.Context, r *rand.Rand) harm {
	choice, notice := r.Uint64(), r.IntN(3) > 0
	alive := n.fleet.Alive()
	if len(alive) == 0 {
		return harm{}
	}
	i := &alive[choice%uint64(len(alive))]
	n.fleet.Interrupt(i.ID, notice)
	return harm{what: fmt.Sprintf("take instance %s back, with notice: %v", i.ID, notice)}
}

// leases are those of the programs' leaders.
var leases = []string{stack.QueueAPI, stack.Scheduler, stack.Autoscaler}

// changeLeader lets someone else lead, before who leads can know.
func (n *Nemesis) changeLeader(ctx context.Context, r *rand.Rand) harm {
	name := leases[r.IntN(len(leases))]
	client := n.fleet.Kube().CoordinationV1().Leases("muster-system")
	if err := client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return harm{}
	}
	return harm{what: "delete the Lease of the leader of " + name}
}

// troubleCloud lets some of the cloud's next calls fail, or succeed without a reply.
func (n *Nemesis) troubleCloud(_ context.Context, r *rand.Rand) harm {
	actions := []string{"CreateFleet", "TerminateInstances", "DescribeInstances", ""}
	f := ec2fake.Fault{Action: actions[r.IntN(len(actions))], Times: 1 + r.IntN(4)}
	what := "loses the replies to"
	if r.IntN(2) == 0 {
		f.Code, what = []string{"RequestLimitExceeded", "InternalError", "InsufficientInstanceCapacity"}[r.IntN(3)], "refuses"
	} else {
		f.Lost = true
	}
	n.fleet.Cloud.Break(f)
	return harm{what: fmt.Sprintf("the cloud %s %d calls of %q %s", what, f.Times, f.Action, f.Code)}
}

func (n *Nemesis) fillDisk(_ context.Context, r *rand.Rand) harm {
	last := upTo(r, 3*time.Second)
	if err := n.stack.FillDisk(); err != nil {
		return harm{}
	}
	return harm{what: "fill the disk of Redis", last: last, undo: func() {
		if err := n.stack.ClearDisk(); err != nil {
			n.log("mend", harm{what: err.Error()})
		}
	}}
}
