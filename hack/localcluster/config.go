// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// config is how a cluster was brought up. It is stored in the cluster's folder; the other verbs, and a later up, read it.
type config struct {
	// Source is the checkout that the programs are built from.
	Source string
	// Nodes is nodesReal, nodesKwok or nodesNone.
	Nodes string
	// Fleet is fleetLocal or fleetEC2.
	Fleet string
	// PortBase is the first of portCount ports; 0 stands for the default ones.
	PortBase int
	// Listen is the address of the Batch API.
	Listen string
	// Slots is how many real nodes there can be at once.
	Slots int
	// WithoutPrograms leaves out the three programs: a Kubernetes and a Redis alone.
	WithoutPrograms bool
	// UpstreamImages lets images that the local registry does not have come from the registry they name.
	UpstreamImages bool
	// Flags are further flags by program.
	Flags map[string][]string
}

// Kinds of nodes.
const (
	nodesReal = "real"
	nodesKwok = "kwok"
	nodesNone = "none" // those of whoever runs the programs
	nodesAuto = "auto" // real ones where the machine can run them
)

// Kinds of fleets.
const (
	fleetLocal = "local" // what the nodes' kind has of its own: an exec fleet of real ones, or one of KWOK's
	fleetEC2   = "ec2"   // that of Amazon EC2, which hack/ec2fake stands in for
)

// Ports, counted from the base.
const (
	defaultPortBase = 16440
	portCount       = 100

	portAPIServer         = 3
	portEtcd              = 4
	portEtcdPeer          = 5
	portRedis             = 6
	portRegistry          = 7
	portControllerManager = 8
	portKwok              = 9
	portListen            = 10
	portQueueHealth       = 11
	portScheduler         = 12
	portAutoscaler        = 13
	portEC2               = 14
	portNodes             = 20 // and every port above: two a node

	maxSlots = (portCount - portNodes) / 2
)

func loadConfig(at paths) (config, error) {
	var c config
	content, err := os.ReadFile(at.config())
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(content, &c); err != nil {
		return c, fmt.Errorf("read %s: %w", at.config(), err)
	}
	return c, nil
}

// mustBeUp explains what the lack of a configuration means.
func mustBeUp(at paths) (config, error) {
	c, err := loadConfig(at)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("no cluster is up in %s", at.dir)
	}
	return c, err
}

func (c config) save(at paths) error {
	content, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(at.dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return replaceFile(at.config(), content, 0o644)
}

// addFlags makes up's flags. Their defaults are c: a cluster that is up keeps what is not asked to be otherwise.
func (c *config) addFlags(flags *flag.FlagSet) {
	flags.StringVar(&c.Source, "source", c.Source, "checkout to build the programs from")
	flags.StringVar(&c.Nodes, "nodes", c.Nodes, "real: a containerd and a kubelet each; kwok: simulated; auto: real where the machine can run them; none: yours, as the programs are")
	flags.StringVar(&c.Fleet, "fleet", c.Fleet, "where nodes come from. local: this machine; ec2: Amazon EC2, of which there is a fake with machines behind it")
	flags.IntVar(&c.PortBase, "port-base", c.PortBase, fmt.Sprintf("first of %d ports for everything; 0 for the default ports (MUSTER_PORT_BASE)", portCount))
	flags.StringVar(&c.Listen, "listen", c.Listen, "address of the Batch API (MUSTER_LISTEN; default 127.0.0.1:8080, or from --port-base)")
	flags.IntVar(&c.Slots, "slots", c.Slots, fmt.Sprintf("how many real nodes there can be at once, 1 to %d", maxSlots))
	flags.BoolVar(&c.WithoutPrograms, "without-programs", c.WithoutPrograms, "leave out queue-api, batch-scheduler and batch-autoscaler")
	flags.BoolVar(&c.UpstreamImages, "upstream-images", c.UpstreamImages, "pull images that the local registry lacks from the registry they name")
	flags.Func("set", "NAME=FLAG: a further flag of a program, as in --set batch-autoscaler=--scale-down-delay=5s; may be repeated", c.flagSetter())
}

// flagSetter takes the values of --set. The first replaces those of an earlier up, the others add to it.
func (c *config) flagSetter() func(string) error {
	given := map[string][]string{}
	return func(value string) error {
		name, extra, ok := strings.Cut(value, "=")
		if !ok || !strings.HasPrefix(extra, "-") {
			return errors.New("want NAME=--flag=value")
		}
		given[name] = append(given[name], extra)
		c.Flags = given
		return nil
	}
}

// complete fills in what neither flags nor an earlier up said, and checks the rest.
func (c *config) complete() error {
	if c.Source == "" {
		root, err := checkout()
		if err != nil {
			return err
		}
		c.Source = root
	}
	if kinds := []string{nodesReal, nodesKwok, nodesAuto, nodesNone}; !slices.Contains(kinds, c.Nodes) {
		return fmt.Errorf("--nodes=%s: one of %s", c.Nodes, strings.Join(kinds, ", "))
	}
	if c.Nodes == nodesNone && !c.WithoutPrograms {
		return errors.New("--nodes=none needs --without-programs")
	}
	if c.Fleet = cmp.Or(c.Fleet, fleetLocal); c.Fleet != fleetLocal && c.Fleet != fleetEC2 {
		return fmt.Errorf("--fleet=%s: one of %s, %s", c.Fleet, fleetLocal, fleetEC2)
	}
	if c.Slots < 1 || c.Slots > maxSlots {
		return fmt.Errorf("--slots=%d: 1 to %d", c.Slots, maxSlots)
	}
	if c.PortBase < 0 || c.PortBase+portCount > 1<<16 {
		return fmt.Errorf("--port-base=%d: 0 to %d", c.PortBase, 1<<16-portCount)
	}
	if c.Listen == "" {
		c.Listen = c.program(portListen, 8080)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	return nil
}

// address is a component's address.
func (c config) address(offset int) string {
	base := c.PortBase
	if base == 0 {
		base = defaultPortBase
	}
	return fmt.Sprintf("127.0.0.1:%d", base+offset)
}

// program is the address of one of the three programs, which have well-known ports unless a base is given.
func (c config) program(offset, wellKnown int) string {
	if c.PortBase == 0 {
		return fmt.Sprintf("127.0.0.1:%d", wellKnown)
	}
	return c.address(offset)
}

func (c config) queueHealth() string  { return c.program(portQueueHealth, 8081) }
func (c config) scheduler() string    { return c.program(portScheduler, 10359) }
func (c config) autoscaler() string   { return c.program(portAutoscaler, 8085) }
func (c config) ec2URL() string       { return "http://" + c.address(portEC2) }
func (c config) apiServerURL() string { return "https://" + c.address(portAPIServer) }
func (c config) redisURL() string     { return "redis://" + c.address(portRedis) + "/0" }
func (c config) simulated() bool      { return c.Nodes != nodesReal }

// endpoint is where clients on this machine find the Batch API.
func (c config) endpoint() string {
	host, port, _ := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// checkout is the root of the checkout that the working folder lies in.
func checkout() (string, error) {
	const module = "module github.com/muster-batch/muster\n"
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(content), module) && isFolder(filepath.Join(dir, "hack", "tools")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("the working folder is in no checkout of github.com/muster-batch/muster; name one with --source")
		}
	}
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// replaceFile writes by renaming: a reader finds the old content or the new.
func replaceFile(name string, content []byte, mode os.FileMode) error {
	if err := os.WriteFile(name+".new", content, mode); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
