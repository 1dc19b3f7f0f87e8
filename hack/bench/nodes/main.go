// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/muster-batch/muster/hack/bench/ranges"
)

// bench is one run.
type bench struct {
	tests        string // the test binary of batch-autoscaler
	localcluster string
	short        bool
	bounds       ranges.Bounds
	results      ranges.Results
}

// part is something measured on its own.
type part struct {
	name string
	do   func(context.Context) error
}

func main() {
	b := &bench{}
	flag.StringVar(&b.tests, "tests", "bin/bench/batch-autoscaler.test", "The test binary of batch-autoscaler.")
	flag.StringVar(&b.localcluster, "localcluster", "bin/localcluster", "The program that runs a local cluster.")
	flag.BoolVar(&b.short, "short", false, "Measure less, within three minutes.")
	only := flag.String("only", "", "Measure these parts only, by a comma between their names.")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench nodes:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func (b *bench) run(ctx context.Context, only string) error {
	var err error
	if b.bounds, err = ranges.Read(rangesYAML); err != nil {
		return err
	}
	for _, p := range []part{{"trace", b.trace}, {"sweep", b.sweep}, {"decide", b.decide}, {"cluster", b.cluster}} {
		if only != "" && !strings.Contains(","+only+",", ","+p.name+",") {
			continue
		}
		began := time.Now()
		if err := p.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(os.Stderr, "# %s took %s\n", p.name, time.Since(began).Round(time.Second))
	}
	return b.results.Report(os.Stdout, b.bounds, only == "")
}

// add records a figure. One that no bound has the name of is there to be read only.
func (b *bench) add(name string, value float64, note string, args ...any) {
	if _, bounded := b.bounds[name]; bounded {
		b.results.Add(name, "", value, note, args...)
		return
	}
	b.results.Info(name, value, note, args...)
}
