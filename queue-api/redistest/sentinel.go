// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	masterName    = "muster"
	sentinelCount = 3
	replicaCount  = 2
)

// Sentinels are a master, its two replicas and three Sentinels, which have one of the replicas take over when the master
// does not answer for half a second.
type Sentinels struct {
	Nodes     []*Server
	sentinels []*Server
}

// StartSentinels runs them until the test ends. The nodes take a write only while they have a replica.
func StartSentinels(t testing.TB, settings ...string) *Sentinels {
	t.Helper()
	s := &Sentinels{}
	settings = append([]string{
		"--min-replicas-to-write", "1", "--min-replicas-max-lag", "10", "--repl-ping-replica-period", "1",
	}, settings...)
	for i := range replicaCount + 1 {
		node := Start(t, settings...)
		s.Nodes = append(s.Nodes, node)
		if i > 0 {
			node.Follow(s.Nodes[0])
		}
	}
	for range sentinelCount {
		s.sentinels = append(s.sentinels, startSentinel(t, s.Nodes[0]))
	}
	s.AwaitWhole()
	return s
}

func startSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	s := newServer(t, freeAddress(t))
	s.args = []string{"--sentinel"}
	text := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]s 2\nsentinel down-after-milliseconds %[1]s 500\n"+
		"sentinel failover-timeout %[1]s 5000\n", masterName, portOf(master.Address))
	if err := os.WriteFile(filepath.Join(s.dir, "settings"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	// How soon Sentinels look at everything, so that a test need not wait for what takes them ten seconds else.
	s.ask("SENTINEL", "DEBUG", "INFO-PERIOD", 500, "PUBLISH-PERIOD", 200)
	return s
}

// AwaitWhole returns once all Sentinels know each other, agree on a master and know it to have all its replicas.
func (s *Sentinels) AwaitWhole() {
	first := s.sentinels[0]
	first.t.Helper()
	await(first.t, "the Sentinels agree on a master with all its replicas", func() bool {
		master := s.Master()
		if master == nil || !master.asked(fmt.Sprintf("connected_slaves:%d", replicaCount), "INFO", "replication") {
			return false
		}
		for _, sentinel := range s.sentinels {
			if !sentinel.asked(fmt.Sprintf("status=ok,address=%s,slaves=%d,sentinels=%d", master.Address, replicaCount, sentinelCount), "INFO", "sentinel") {
				return false
			}
		}
		return strings.Count(replication(master), "state=online") == replicaCount
	})
}

func replication(s *Server) string {
	text, _ := s.Client.Info(s.t.Context(), "replication").Result()
	return text
}

// Master is the node that the first Sentinel calls the master.
func (s *Sentinels) Master() *Server {
	first := s.sentinels[0]
	address, _ := first.Client.Do(first.t.Context(), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName).StringSlice()
	for _, node := range s.Nodes {
		if strings.Join(address, ":") == node.Address {
			return node
		}
	}
	return nil
}

// URL is how a client finds the master.
func (s *Sentinels) URL() string {
	var addresses []string
	for _, sentinel := range s.sentinels {
		addresses = append(addresses, sentinel.Address)
	}
	return "redis+sentinel://" + strings.Join(addresses, ",") + "/" + masterName
}
