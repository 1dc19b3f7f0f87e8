// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"strconv"
	"strings"
	"testing"
)

// slots is how many a Redis Cluster has.
const slots = 16384

// Cluster is a Redis Cluster.
type Cluster struct {
	Masters  []*Server
	Replicas []*Server // one of each master, if there are any
}

// StartCluster runs a Redis Cluster, with or without a replica of each master, until the test ends.
func StartCluster(tb testing.TB, masters int, replicated bool, settings ...string) *Cluster {
	tb.Helper()
	c := &Cluster{}
	for range masters {
		c.Masters = append(c.Masters, startNode(tb, settings))
		if replicated {
			c.Replicas = append(c.Replicas, startNode(tb, settings))
		}
	}
	for i, master := range c.Masters {
		master.ask("CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1)
		master.ask("CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	for _, node := range c.nodes()[1:] {
		node.ask("CLUSTER", "MEET", "127.0.0.1", portOf(c.Masters[0].Address), busOf(c.Masters[0]))
	}
	known := "cluster_known_nodes:" + strconv.Itoa(len(c.nodes()))
	for _, node := range c.nodes() {
		node.await("knows all nodes", func() bool { return node.asked(known, "CLUSTER", "INFO") })
	}
	for i, replica := range c.Replicas {
		id, err := c.Masters[i].Client.ClusterMyID(tb.Context()).Result()
		if err != nil {
			tb.Fatal(err)
		}
		replica.ask("CLUSTER", "REPLICATE", id)
		c.Masters[i].await("has its replica", func() bool { return c.Masters[i].asked("state=online", "INFO", "replication") })
	}
	for _, node := range c.nodes() {
		node.await("is up", func() bool { return node.asked("cluster_state:ok", "CLUSTER", "INFO") })
	}
	return c
}

func startNode(tb testing.TB, settings []string) *Server {
	tb.Helper()
	bus := portOf(freeAddress(tb))
	return Start(tb, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", bus}, settings...)...)
}

// busOf is the port on which nodes speak to each other.
func busOf(s *Server) string {
	for i, arg := range s.args {
		if arg == "--cluster-port" {
			return s.args[i+1]
		}
	}
	return ""
}

func (c *Cluster) nodes() []*Server { return append(append([]*Server{}, c.Masters...), c.Replicas...) }

// URL is how a client finds the cluster.
func (c *Cluster) URL() string {
	var addresses []string
	for _, master := range c.Masters {
		addresses = append(addresses, master.Address)
	}
	return "redis+cluster://" + strings.Join(addresses, ",")
}
