// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// trace plays traces with our autoscaler and with the stock one.
func (b *bench) trace(ctx context.Context) error {
	size := []string{"-sweeps=2", "-gangs=24", "-largest-gang=64"}
	if !b.short {
		size = []string{"-gangs=60", "-largest-gang=128"}
	}
	return b.play(ctx, append(size, "-test.run=^TestStrandedBesideStock$")...)
}

// sweep plays traces with ever more stock-outs.
func (b *bench) sweep(ctx context.Context) error {
	if b.short {
		return b.play(ctx, "-sweeps=1", "-gangs=12", "-largest-gang=32", "-test.run=^TestStockOuts$")
	}
	if err := b.play(ctx, "-sweeps=8", "-gangs=16", "-largest-gang=64", "-test.run=^TestStockOuts$"); err != nil {
		return err
	}
	return b.play(ctx, "-sweeps=1", "-gangs=4", "-largest-gang=512", "-test.run=^TestStockOuts$")
}

// decide looks once at ten thousand pods.
func (b *bench) decide(ctx context.Context) error {
	return b.play(ctx, "-test.run=^$", "-test.bench=^BenchmarkDecide$", "-test.benchtime=1x", "-test.cpu=2")
}

// play runs tests of batch-autoscaler and takes over the figures that they tell.
func (b *bench) play(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, b.tests, append(args, "-test.v", "-test.timeout=10m")...)
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	for _, f := range figuresOf(out.String()) {
		b.add(f.name, f.value, "%s", f.note)
	}
	if err != nil {
		text := out.Bytes()
		return fmt.Errorf("%w\n%s", err, text[max(0, len(text)-4<<10):])
	}
	return nil
}

var (
	told    = regexp.MustCompile(`figure "([^"]+)" (\S+)`)
	decided = regexp.MustCompile(`BenchmarkDecide\S*\s+\d+\s+(\d+) ns/op`)
)

// figure is something measured.
type figure struct {
	name  string
	value float64
	note  string
}

// figuresOf finds figures in the output of tests.
func figuresOf(output string) []figure {
	var out []figure
	for _, m := range told.FindAllStringSubmatch(output, -1) {
		if v, err := strconv.ParseFloat(m[2], 64); err == nil {
			out = append(out, figure{name: m[1], value: v})
		}
	}
	for _, m := range decided.FindAllStringSubmatch(output, -1) {
		if ns, err := strconv.ParseFloat(m[1], 64); err == nil {
			out = append(out, figure{"decide", ns / float64(time.Second), "10,000 pods, 20 environments, 2 cores"})
		}
	}
	return out
}
