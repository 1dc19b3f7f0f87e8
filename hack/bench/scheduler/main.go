// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-batch/muster/hack/bench/ranges"
)

// programs are the executables that a run needs.
type programs struct {
	etcd, apiServer string
	ours            string // batch-scheduler
	peers           string // kube-scheduler with coscheduling compiled in
	referee         string // scheduler_perf with everybody's plugins
	podGroups       string // coscheduling's CustomResourceDefinition
}

// bench is one run.
type bench struct {
	programs programs
	sizes    sizes
	profiles string // where CPU profiles go, if anywhere
	dir      string
	results  ranges.Results
	runs     int // placements so far, for the names of their namespaces
}

// part is something measured on its own.
type part struct {
	name string
	do   func(context.Context) error
}

func main() {
	b := &bench{}
	cache, _ := os.UserCacheDir()
	flag.StringVar(&b.programs.etcd, "etcd", filepath.Join(cache, "muster/bin/etcd-v*/etcd"), "The etcd to run, as a pattern.")
	flag.StringVar(&b.programs.apiServer, "kube-apiserver", filepath.Join(cache, "muster/bin/kubernetes-v*/kube-apiserver"), "The API server to run, as a pattern.")
	flag.StringVar(&b.programs.ours, "batch-scheduler", "bin/batch-scheduler", "The program to measure.")
	flag.StringVar(&b.programs.peers, "peers", "bin/bench/peers", "The program to compare with.")
	flag.StringVar(&b.programs.referee, "referee", "bin/bench/referee", "The scheduler_perf harness.")
	flag.StringVar(&b.programs.podGroups, "podgroups", "", "The CustomResourceDefinition of scheduler-plugins' PodGroup.")
	flag.StringVar(&b.profiles, "profiles", "", "A directory for a CPU profile of each scheduler that places pods.")
	short := flag.Bool("short", false, "Measure a part, within five minutes.")
	only := flag.String("only", "", "Measure these parts only, by a comma between their names.")
	flag.Parse()
	b.sizes = full
	if *short {
		b.sizes = brief
	}
	if err := b.run(context.Background(), *only, *short); err != nil {
		fmt.Fprintln(os.Stderr, "bench scheduler:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, only string, short bool) (err error) {
	if err := b.programs.find(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "muster-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	bounds, err := ranges.Read(rangesYAML)
	if err != nil {
		return err
	}
	for _, p := range b.parts() {
		if only != "" && !strings.Contains(","+only+",", ","+p.name+",") {
			continue
		}
		began := time.Now()
		if err := p.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(os.Stderr, "# %s took %s\n", p.name, time.Since(began).Round(time.Second))
	}
	return b.results.Report(os.Stdout, bounds, only == "" && !short)
}

func (b *bench) parts() []part {
	return []part{
		{"referee", b.referee},
		{"plain", b.plain},
		{"gangs", b.gangs},
		{"topology", b.topology},
		{"contended", b.contended},
		{"hopeless", b.hopeless},
	}
}

// find replaces each pattern by the newest file that matches it.
func (p *programs) find() error {
	for _, path := range []*string{&p.etcd, &p.apiServer, &p.ours, &p.peers, &p.referee, &p.podGroups} {
		found, err := filepath.Glob(*path)
		if err != nil {
			return fmt.Errorf("find %s: %w", *path, err)
		}
		if len(found) == 0 {
			return fmt.Errorf("find %q: there is none; make bench-scheduler builds it", *path)
		}
		if *path, err = filepath.Abs(found[len(found)-1]); err != nil {
			return err
		}
	}
	return nil
}
