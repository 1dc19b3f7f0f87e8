// SPDX-License-Identifier: Apache-2.0

package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/muster-batch/muster/hack/faults/cable"
	"github.com/muster-batch/muster/hack/localcluster/daemon"
)

// Config says what to run.
type Config struct {
	Dir          string // of the cluster: short, for its sockets
	Localcluster string // the program
	Programs     string // the folder of the three programs
	Replicas     int    // of each
	RedisMiB     int    // size of the disk of Redis, where one can be mounted
	EC2          string // address of the cloud
	Log          *os.File
}

// Stack is what runs.
type Stack struct {
	Processes []*Process
	// Cables are by what they join: "queue-api-1 redis", "clients api", …
	Cables map[string]*cable.Cable
	// Kubeconfig is the administrator's, Redis the server's own address: neither lies behind a cable.
	Kubeconfig, Redis string
	// API is where clients find the Batch API: at either replica.
	API string

	cfg     Config
	base    int
	running sync.WaitGroup
	end     context.CancelFunc
}

// localcluster runs a verb of localcluster and reads what it prints as JSON.
func (s *Stack) localcluster(ctx context.Context, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, s.cfg.Localcluster, append([]string{"--dir", s.cfg.Dir}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stderr = s.cfg.Log
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("localcluster %s: %w", args[0], err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// Up starts everything. What it has started is ended by Down, also after an error.
func Up(ctx context.Context, cfg Config) (*Stack, error) {
	s := &Stack{cfg: cfg, Cables: map[string]*cable.Cable{}}
	base, err := freePorts()
	if err != nil {
		return s, err
	}
	s.base = base
	if err := s.mountRedis(); err != nil {
		return s, err
	}
	err = s.localcluster(ctx, nil, "up", "--nodes=none", "--without-programs", "--port-base="+strconv.Itoa(base))
	if err != nil {
		return s, err
	}
	if err := s.adopt(ctx); err != nil {
		return s, err
	}
	if err := s.addPrograms(); err != nil {
		return s, err
	}
	ctx, s.end = context.WithCancel(context.WithoutCancel(ctx))
	for _, p := range s.Processes {
		s.running.Go(func() { p.keep(ctx) })
	}
	return s, nil
}

// adopt takes the local cluster's own processes over: from here on they are started again from here.
func (s *Stack) adopt(ctx context.Context) error {
	var env map[string]string
	if err := s.localcluster(ctx, &env, "env", "--json"); err != nil {
		return err
	}
	s.Kubeconfig = env["KUBECONFIG"]
	var status struct {
		Programs []struct {
			Name, Address string
			Command       []string
		}
	}
	if err := s.localcluster(ctx, &status, "status", "--json"); err != nil {
		return err
	}
	set := s.set()
	for _, p := range status.Programs {
		if p.Name == Redis {
			s.Redis = p.Address
		}
		if err := set.Kill(p.Name); err != nil {
			return err
		}
		s.Processes = append(s.Processes, &Process{set: set, program: daemon.Program{Name: p.Name, Path: p.Command[0], Args: p.Command[1:]}})
	}
	return nil
}

func (s *Stack) set() daemon.Set {
	return daemon.Set{PIDs: filepath.Join(s.cfg.Dir, "pids"), Logs: filepath.Join(s.cfg.Dir, "logs")}
}

// Down ends everything and removes its data; logs stay.
func (s *Stack) Down(ctx context.Context) error {
	if s.end != nil {
		s.end()
	}
	s.running.Wait()
	for _, c := range s.Cables {
		c.Close()
	}
	return errors.Join(s.unmountRedis(), s.localcluster(ctx, nil, "down"))
}

// Process is the named one; nil if there is none.
func (s *Stack) Process(name string) *Process {
	for _, p := range s.Processes {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

// portCount is how many ports a stack takes, all beside those that the system gives out by itself.
const portCount = 100

// freePorts finds a row of ports that nobody listens at.
func freePorts() (base int, err error) {
	start := os.Getpid() * portCount % 10_000
	for i := range 100 {
		base = 20_000 + (start+i*portCount)%10_000
		if areFree(base) {
			return base, nil
		}
	}
	return 0, errors.New("no free ports")
}

func areFree(base int) bool {
	for port := base; port < base+portCount; port++ {
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}
