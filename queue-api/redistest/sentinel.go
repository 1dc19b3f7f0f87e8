// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-batch/muster/hack/faults/cable"
)

const (
	masterName    = "muster"
	sentinelCount = 3
	replicaCount  = 2
)

// Sentinels are a master, its two replicas and three Sentinels, which have one of the replicas take over when the master
// does not answer for two seconds after a Fail.
type Sentinels struct {
	Nodes     []*Node
	sentinels []*Server
}

// Node is a server that the Sentinels and the other nodes reach by a cable alone.
type Node struct {
	*Server

	Cable *cable.Cable
}

// StartSentinels runs them until the test ends. The nodes take a write only while they have a replica.
func StartSentinels(tb testing.TB, settings ...string) *Sentinels {
	tb.Helper()
	s := &Sentinels{}
	for range replicaCount + 1 {
		s.Nodes = append(s.Nodes, startReplicated(tb, settings))
	}
	for _, node := range s.Nodes[1:] {
		node.Follow(s.Nodes[0])
	}
	for range sentinelCount {
		s.sentinels = append(s.sentinels, startSentinel(tb, s.Nodes[0]))
	}
	s.AwaitWhole()
	return s
}

func startReplicated(tb testing.TB, settings []string) *Node {
	tb.Helper()
	server := newServer(tb, freeAddress(tb))
	line := newCable(tb, server.Address)
	server.args = slices.Concat([]string{
		"--save", "", "--repl-diskless-sync-delay", "0",
		"--replica-announce-ip", "127.0.0.1", "--replica-announce-port", portOf(line.Address()),
	}, replicated(), settings)
	server.Restart()
	return &Node{Server: server, Cable: line}
}

// replicated are the settings of a server that takes a write only while it has a replica.
func replicated() []string {
	return []string{"--repl-ping-replica-period", "1", "--min-replicas-to-write", "1", "--appendonly", "yes", "--maxmemory-policy", "noeviction"}
}

func newCable(tb testing.TB, target string) *cable.Cable {
	tb.Helper()
	line, err := cable.New(target)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(line.Close)
	return line
}

// Follow makes the node a replica and returns once it has what the master has.
func (n *Node) Follow(master *Node) { n.follow(master.Cable.Address()) }

// RestartAsReplica starts a node that was killed, as the supervisor of one does that asks the Sentinels first.
func (n *Node) RestartAsReplica(master *Node) {
	n.Restart("--replicaof", "127.0.0.1", portOf(master.Cable.Address()))
}

func startSentinel(tb testing.TB, master *Node) *Server {
	tb.Helper()
	s := newServer(tb, freeAddress(tb))
	s.args = []string{"--sentinel"}
	text := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]s 2\nsentinel down-after-milliseconds %[1]s %[3]d\n"+
		"sentinel failover-timeout %[1]s 5000\n", masterName, portOf(master.Cable.Address()), watchful.Milliseconds())
	if err := os.WriteFile(filepath.Join(s.dir, "settings"), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	s.Restart()
	// How soon Sentinels look at everything, so that a test need not wait for what takes them ten seconds else.
	s.ask("SENTINEL", "DEBUG", "INFO-PERIOD", 500, "PUBLISH-PERIOD", 200)
	return s
}

// AwaitWhole returns once all Sentinels know each other, agree on a master and know it to have all its replicas. From then on they
// leave it where it is until Fail, however slow the machine may be.
func (s *Sentinels) AwaitWhole() {
	first := s.sentinels[0]
	first.t.Helper()
	await(first.t, "the Sentinels agree on a master with all its replicas", func() bool {
		master := s.Master()
		if master == nil || !master.asked(fmt.Sprintf("connected_slaves:%d", replicaCount), "INFO", "replication") {
			return false
		}
		for _, sentinel := range s.sentinels {
			if !sentinel.asked(fmt.Sprintf("status=ok,address=%s,slaves=%d,sentinels=%d", master.Cable.Address(), replicaCount, sentinelCount), "INFO", "sentinel") {
				return false
			}
		}
		return strings.Count(replication(master.Server), "state=online") == replicaCount
	})
	s.wait(steady)
}

// wait has the Sentinels take over once the master has not answered for so long.
func (s *Sentinels) wait(long time.Duration) {
	for _, sentinel := range s.sentinels {
		sentinel.ask("SENTINEL", "SET", masterName, "down-after-milliseconds", long.Milliseconds())
	}
}

func replication(s *Server) string {
	text, _ := s.Client.Info(s.t.Context(), "replication").Result()
	return text
}

// Master is the node that the first Sentinel calls the master.
func (s *Sentinels) Master() *Node {
	first := s.sentinels[0]
	address, _ := first.Client.Do(first.t.Context(), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName).StringSlice()
	for _, node := range s.Nodes {
		if strings.Join(address, ":") == node.Cable.Address() {
			return node
		}
	}
	return nil
}

// Fail takes the master away; there is one shard. What it returns brings the node back, but not before another one took its place.
func (s *Sentinels) Fail(fault Fault, _ int) (undo func()) {
	old := s.awaitMaster(nil)
	s.wait(watchful)
	switch fault {
	case Killed:
		old.Kill()
		return func() { old.RestartAsReplica(s.awaitMaster(old)) }
	case Paused:
		old.Pause()
		return func() { s.awaitMaster(old); old.Resume() }
	case Parted:
		old.Cable.Cut()
	}
	return func() { s.awaitMaster(old); old.Cable.Join() }
}

// awaitMaster is the next master after the old one.
func (s *Sentinels) awaitMaster(old *Node) (master *Node) {
	s.sentinels[0].t.Helper()
	await(s.sentinels[0].t, "the Sentinels have another master", func() bool {
		master = s.Master()
		return master != nil && master != old
	})
	return master
}

// Direct dials a node, which the Sentinels know by its cable, past the cable: a client on the same side of it.
func (s *Sentinels) Direct(ctx context.Context, network, address string) (net.Conn, error) {
	return direct(ctx, s.Nodes, network, address)
}

func direct(ctx context.Context, nodes []*Node, network, address string) (net.Conn, error) {
	for _, node := range nodes {
		if node.Cable.Address() == address {
			address = node.Address
		}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// URL is how a client finds the master.
func (s *Sentinels) URL() string {
	var addresses []string
	for _, sentinel := range s.sentinels {
		addresses = append(addresses, sentinel.Address)
	}
	return "redis+sentinel://" + strings.Join(addresses, ",") + "/" + masterName
}
