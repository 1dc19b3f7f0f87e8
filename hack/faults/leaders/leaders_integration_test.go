// SPDX-License-Identifier: Apache-2.0

//go:build integration && leaders

package leaders

import (
	"cmp"
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/kubetest"
)

// TestLeadersOfNodesAndGangsChange takes the leaders of both programs away in each way, each time in the middle of a wave of
// gangs: the autoscaler's once it has asked for instances, the scheduler's once it has bound a pod. Each gang is bound
// wholly, no instance is bought beyond those that are needed, and none is left when nothing needs it any more.
func TestLeadersOfNodesAndGangsChange(t *testing.T) {
	w := newWorld(t)
	autoscaler := &program{
		world: w, name: "batch-autoscaler", path: build(t, "autoscaler/cmd/batch-autoscaler"),
		isBusy: func(before state) bool { return w.cloud.Calls("CreateFleet") > before.launches },
		args: func() []string {
			return []string{
				"--kubeconfig=" + w.AccountKubeconfig(system, "batch-autoscaler"), "--batch-endpoint=" + w.batch.URL,
				"--fleet=ec2", "--ec2-cluster=muster", "--ec2-region=us-east-1", "--ec2-endpoint=" + w.ec2.URL,
				"--health-address=" + kubetest.FreeAddress(t), "--scale-down-delay=20s", "--node-delete-delay=1s",
				"--initial-node-group-backoff=1s", "--max-node-group-backoff=2s",
			}
		},
	}
	scheduler := &program{
		world: w, name: "batch-scheduler", path: build(t, "plugins/cmd/batch-scheduler"), endsWithItsLead: true,
		isBusy: func(before state) bool { return w.bound() > before.bound },
		args: func() []string {
			_, port, _ := net.SplitHostPort(kubetest.FreeAddress(t))
			return []string{"--kubeconfig=" + w.Kubeconfig(kubetest.SchedulerToken), "--bind-address=127.0.0.1", "--secure-port=" + port}
		},
	}
	for _, p := range []*program{scheduler, autoscaler} {
		p.start(0)
		w.await(p.name+" leads", func() bool { return p.holder() != "" })
		p.start(1)
	}
	for _, p := range []*program{autoscaler, scheduler} {
		for _, fault := range []struct {
			name string
			do   func() (undo func())
		}{
			{"ended", p.end},
			{"hung", p.hang},
			{"was without its Lease", p.deleteLease},
		} {
			before := w.state()
			w.submit()
			w.await(p.name+" is in the middle of it", func() bool { return p.isBusy(before) })
			undo := fault.do()
			w.awaitWhole()
			undo()
			w.check(t, p.name+" "+fault.name)
		}
	}
	w.deleteAll()
	w.await("no instance is left", func() bool { return len(w.cloud.Instances()) == 0 && w.nodes() == 0 })
	t.Logf("%d gangs, %d instances bought, at most %d vCPUs at once of %d", w.gangs, len(w.cloud.History()), w.most.Load(), w.maxVCPUs.Load())
}

// build builds a program.
func build(t *testing.T, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "kwok", "-o", path, "./"+pkg)
	cmd.Dir = "../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// program is one with two replicas, of which one leads.
type program struct {
	*world
	name, path string
	args       func() []string
	isBusy     func(before state) bool
	// endsWithItsLead says that a replica that loses its Lease exits, to be started again.
	endsWithItsLead bool
	replicas        [2]*kubetest.Process
}

func (p *program) start(i int) { p.replicas[i] = kubetest.Run(p.t, p.path, p.args()...) }

// leader is the replica that began to lead last.
func (p *program) leader() int {
	began := func(i int) string { return lastLine(p.replicas[i].Log(), "uccessfully acquired lease") }
	if cmp.Compare(began(0), began(1)) > 0 {
		return 0
	}
	return 1
}

// lastLine is the time of the last line of a log with the text, without what differs between two levels; empty if none has it.
func lastLine(log, text string) string {
	at := ""
	for line := range strings.Lines(log) {
		if strings.Contains(line, text) {
			at = strings.TrimLeft(strings.Join(strings.Fields(line)[:2], " "), "IWE")
		}
	}
	return at
}

// holder is who holds the Lease; empty if nobody does.
func (p *program) holder() string {
	lease, err := p.Client.CoordinationV1().Leases(system).Get(context.Background(), p.name, metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

func (p *program) awaitNext(former, after string) {
	p.t.Helper()
	began := time.Now()
	p.await("another "+p.name+" leads", func() bool { holder := p.holder(); return holder != "" && holder != former })
	p.t.Logf("%s %s: another leads after %s", p.name, after, time.Since(began).Round(10*time.Millisecond))
}

// end has the leader end as Kubernetes does, and starts another replica.
func (p *program) end() (undo func()) {
	i, former := p.leader(), p.holder()
	p.replicas[i].Terminate()
	p.awaitNext(former, "ended")
	p.start(i)
	return func() {}
}

// hang pauses the leader for longer than its Lease lives. One that ends with its lead comes back while there is work, which it
// must leave to its successor; another one when everything is done, and finds itself followed.
func (p *program) hang() (undo func()) {
	i, former := p.leader(), p.holder()
	hung := p.replicas[i]
	hung.Pause()
	p.awaitNext(former, "hung")
	if p.endsWithItsLead {
		p.submit()
		hung.Resume()
	}
	return func() {
		hung.Resume() // which harms nobody who goes on
		p.await("the "+p.name+" that hung knows that it was followed", func() bool {
			return hung.HasEnded() || !p.endsWithItsLead && strings.Contains(hung.Log(), "ailed to renew lease")
		})
		if hung.HasEnded() {
			p.start(i)
		}
	}
}

// deleteLease deletes the leader's Lease. Whoever is first has the next one; the other finds that out by itself.
func (p *program) deleteLease() (undo func()) {
	err := p.Client.CoordinationV1().Leases(system).Delete(p.t.Context(), p.name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		p.t.Fatal(err)
	}
	p.awaitNext("", "was without its Lease")
	return func() {
		for i, replica := range p.replicas {
			if replica.HasEnded() {
				p.start(i)
			}
		}
	}
}
