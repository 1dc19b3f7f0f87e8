// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-batch/muster/hack/faults/cable"
)

// slots is how many a Redis Cluster has.
const slots = 16384

// Cluster is a Redis Cluster: shards of the slots, of which each has a master and maybe replicas.
type Cluster struct {
	Masters []*Server // those of the beginning
	members []*member
	shards  int
}

// member is a node of a cluster. The others reach it by two cables alone, and it reaches them from a host of its own.
type member struct {
	*Node

	bus   *cable.Cable // by which nodes speak to each other; Cable is for what replicas copy
	host  string
	shard int
}

// StartCluster runs a Redis Cluster with so many replicas of each master until the test ends. With replicas a master takes a
// write only while it has one, and one takes over when the others get no answer of it for two seconds after a Fail.
func StartCluster(tb testing.TB, masters, replicas int, settings ...string) *Cluster {
	tb.Helper()
	c := &Cluster{shards: masters}
	if replicas > 0 {
		settings = append(replicated(), settings...)
	}
	for i := range masters * (1 + replicas) {
		c.members = append(c.members, startMember(tb, i, i%masters, settings))
	}
	for i, m := range c.members[:masters] {
		c.Masters = append(c.Masters, m.Server)
		m.ask("CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1)
		m.ask("CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	for _, m := range c.members[1:] {
		m.ask("CLUSTER", "MEET", "127.0.0.1", portOf(c.members[0].Cable.Address()), portOf(c.members[0].bus.Address()))
	}
	known := "cluster_known_nodes:" + strconv.Itoa(len(c.members))
	for _, m := range c.members {
		m.await("knows all nodes", func() bool { return m.asked(known, "CLUSTER", "INFO") })
	}
	for _, m := range c.members[masters:] {
		id, err := c.members[m.shard].Client.ClusterMyID(tb.Context()).Result()
		if err != nil {
			tb.Fatal(err)
		}
		m.ask("CLUSTER", "REPLICATE", id)
	}
	c.AwaitWhole()
	return c
}

// startMember starts a node that knows nobody. It says where its cables are, and the others believe it.
func startMember(tb testing.TB, number, shard int, settings []string) *member {
	tb.Helper()
	server, bus := newServer(tb, freeAddress(tb)), freeAddress(tb)
	m := &member{
		Node: &Node{Server: server, Cable: newCable(tb, server.Address)}, bus: newCable(tb, bus),
		host: fmt.Sprintf("127.0.0.%d", 2+number), shard: shard,
	}
	server.args = append([]string{
		"--save", "", "--repl-diskless-sync-delay", "0", "--bind-source-addr", m.host,
		"--cluster-enabled", "yes", "--cluster-node-timeout", milliseconds(watchful), "--cluster-allow-replica-migration", "no",
		"--cluster-port", portOf(bus), "--cluster-announce-ip", "127.0.0.1",
		"--cluster-announce-port", portOf(m.Cable.Address()), "--cluster-announce-bus-port", portOf(m.bus.Address()),
	}, settings...)
	server.Restart()
	return m
}

// AwaitWhole returns once all nodes agree on a master of each shard, and it has all its replicas. From then on they take none for
// failed until Fail, however slow the machine may be.
func (c *Cluster) AwaitWhole() {
	first := c.members[0]
	first.t.Helper()
	await(first.t, "the nodes agree on the masters, which have all their replicas", func() bool {
		for shard := range c.shards {
			master := c.master(shard, first)
			if master == nil || strings.Count(replication(master.Server), "state=online") != len(c.members)/c.shards-1 {
				return false
			}
			if slices.ContainsFunc(c.members, func(m *member) bool { return c.master(shard, m) != master }) {
				return false
			}
		}
		return !slices.ContainsFunc(c.members, func(m *member) bool {
			nodes, _ := m.Client.ClusterNodes(m.t.Context()).Result()
			isTroubled := func(sign string) bool { return strings.Contains(nodes, sign) }
			return slices.ContainsFunc([]string{"fail", "handshake", "disconnected"}, isTroubled) || !m.asked("cluster_state:ok", "CLUSTER", "INFO")
		})
	})
	c.wait(steady)
}

// wait has the nodes take one for failed once it has not answered for so long.
func (c *Cluster) wait(long time.Duration) {
	for _, m := range c.members {
		m.ask("CONFIG", "SET", "cluster-node-timeout", milliseconds(long))
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// master is the node of a shard that one of the nodes takes for its master; nil if it does not know.
func (c *Cluster) master(shard int, as *member) *member {
	text, _ := as.Client.ClusterNodes(as.t.Context()).Result()
	for line := range strings.Lines(text) {
		// ID ADDRESS@BUS FLAGS MASTER PING PONG EPOCH LINK SLOTS…
		fields := strings.Fields(line)
		if len(fields) < 9 || !strings.Contains(fields[2], "master") {
			continue
		}
		address, _, _ := strings.Cut(fields[1], "@")
		i := slices.IndexFunc(c.members, func(m *member) bool { return m.Cable.Address() == address })
		if i >= 0 && c.members[i].shard == shard {
			return c.members[i]
		}
	}
	return nil
}

// Fail takes a shard's master away. What it returns brings that node back, but not before another one took its place.
func (c *Cluster) Fail(fault Fault, shard int) (undo func()) {
	witness := c.members[(shard+1)%c.shards]
	old := c.master(shard, witness)
	if old == nil {
		witness.t.Fatalf("shard %d has no master", shard)
	}
	c.wait(watchful)
	bring := c.take(fault, old)
	return func() {
		await(witness.t, "another node took the master's place", func() bool {
			now := c.master(shard, witness)
			return now != nil && now != old
		})
		bring()
	}
}

func (c *Cluster) take(fault Fault, m *member) (bring func()) {
	switch fault {
	case Killed:
		m.Kill()
		return func() { m.Restart() }
	case Paused:
		m.Pause()
		return m.Resume
	case Parted:
		c.part(m)
	}
	return c.join
}

// part leaves a node alone, with whoever dials it directly.
func (c *Cluster) part(alone *member) {
	alone.Cable.Cut()
	alone.bus.Cut()
	for _, m := range c.members {
		m.Cable.CutFrom(alone.host)
		m.bus.CutFrom(alone.host)
	}
}

func (c *Cluster) join() {
	for _, m := range c.members {
		m.Cable.Join()
		m.bus.Join()
	}
}

// Shard is that of a key.
func (c *Cluster) Shard(key string) int {
	m := c.members[0]
	slot, err := m.Client.ClusterKeySlot(m.t.Context(), key).Result()
	if err != nil {
		m.t.Fatal(err)
	}
	for shard := range c.shards {
		if int(slot) < (shard+1)*slots/c.shards {
			return shard
		}
	}
	return c.shards - 1
}

// Move gives a key's slot and all that is in it to another shard, as an administrator does who has a cluster grow.
func (c *Cluster) Move(key string, shard int) {
	from, to := c.Masters[c.Shard(key)], c.Masters[shard]
	ctx := from.t.Context()
	slot := int(from.Client.ClusterKeySlot(ctx, key).Val())
	source, target := from.Client.ClusterMyID(ctx).Val(), to.Client.ClusterMyID(ctx).Val()
	to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source)
	from.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target)
	for _, stored := range from.Client.ClusterGetKeysInSlot(ctx, slot, 1000).Val() {
		from.ask("MIGRATE", "127.0.0.1", portOf(to.Address), stored, 0, milliseconds(slow))
	}
	for _, server := range []*Server{to, from} {
		server.ask("CLUSTER", "SETSLOT", slot, "NODE", target)
	}
}

// Direct dials a node, which the others know by its cable, past the cable: a client on the same side of it.
func (c *Cluster) Direct(ctx context.Context, network, address string) (net.Conn, error) {
	nodes := make([]*Node, len(c.members))
	for i, m := range c.members {
		nodes[i] = m.Node
	}
	return direct(ctx, nodes, network, address)
}

// URL is how a client finds the cluster.
func (c *Cluster) URL() string {
	var addresses []string
	for _, m := range c.members {
		addresses = append(addresses, m.Address)
	}
	return "redis+cluster://" + strings.Join(addresses, ",")
}
