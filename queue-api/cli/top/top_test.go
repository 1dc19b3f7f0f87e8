// SPDX-License-Identifier: Apache-2.0

package top

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// site is a state with something of everything.
func site() *State {
	s := &State{Endpoint: "https://queue-api.muster-system.svc:8080", At: t0, Now: t0.Add(12 * time.Second)}
	s.Summary.Totals.Counts = map[string]int64{"RUNNABLE": 1204, "RUNNING": 88, "STARTING": 3, "FAILED": 4, "SUCCEEDED": 1_000_000}
	s.Summary.Queues = []viewapi.QueueSummary{
		{JobQueue: "research", State: "ENABLED", Status: "VALID", Counts: map[string]int64{"RUNNABLE": 1200, "RUNNING": 80, "FAILED": 4}, OldestRunnableAgeSeconds: new(int64(3725)), VCPUsUsed: 320, MaxVCPUs: new(512.0)},
		{JobQueue: "batch", State: "ENABLED", Status: "VALID", Paused: true, Counts: map[string]int64{"RUNNABLE": 4}, OldestRunnableAgeSeconds: new(int64(9)), VCPUsUsed: 0.25},
		{JobQueue: "old\x1b[2J\u202e", State: "DISABLED", Status: "VALID", Counts: map[string]int64{"STARTING": 3, "RUNNING": 8}, VCPUsUsed: 11, MaxVCPUs: new(11.0)},
		{JobQueue: "a-queue-with-a-very-long-name-that-goes-on-and-on", State: "ENABLED", Status: "INVALID", Counts: map[string]int64{"RUNNABLE": 2_345_678}},
	}
	for i := range 30 {
		n := viewapi.Node{
			Name: "ip-10-0-0-" + strconv.Itoa(100+i) + ".ec2.internal", ComputeEnvironment: "pool", InstanceType: "c5.4xlarge", Zone: "us-east-1a", CapacityType: "SPOT", Ready: true,
			Allocatable: viewapi.Resources{VCPUs: 16, MemoryMiB: 30 << 10}, Requested: viewapi.Resources{VCPUs: float64(i % 17), MemoryMiB: int64(i << 10)}, PricePerHour: new(0.2312),
			Jobs: make([]viewapi.NodeJob, i%5),
		}
		switch i {
		case 1:
			n.Draining, n.Mark = true, "spot interruption"
		case 2:
			n.Ready, n.PricePerHour = false, nil
		case 3:
			n.Reserved, n.Allocatable.GPUs, n.Requested.GPUs = true, 4, 1
		}
		s.Nodes.Nodes = append(s.Nodes.Nodes, n)
	}
	return s
}

func TestFrame(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		state  *State
		choice Choice
		canvas Canvas
	}{
		"80x24":         {site(), Choice{}, Canvas{Columns: 80, Lines: 24}},
		"40x12":         {site(), Choice{}, Canvas{Columns: 40, Lines: 12}},
		"120x30-nodes":  {site(), Choice{Pane: Nodes, Sort: [panes]int{1, 2}, Top: [panes]int{0, 1 << 30}}, Canvas{Columns: 120, Lines: 30}},
		"80x24-ascii":   {site(), Choice{IsHeld: true, Sort: [panes]int{3, 0}, IsReverse: [panes]bool{true, false}}, Canvas{Columns: 80, Lines: 24, IsASCII: true}},
		"80x24-colors":  {site(), Choice{}, Canvas{Columns: 80, Lines: 24, Colors: true}},
		"80-whole":      {site(), Choice{}, Canvas{Columns: 80}},
		"80x24-nothing": {&State{Endpoint: "http://x", At: t0, Now: t0}, Choice{}, Canvas{Columns: 80, Lines: 24}},
		"60x10-trouble": {&State{Endpoint: "http://x", At: t0, Now: t0.Add(time.Hour), Trouble: "queue-api is not reached: \x1b[31mrefused"}, Choice{}, Canvas{Columns: 60, Lines: 10}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(Frame(tc.state, &tc.choice, tc.canvas), "\n") + "\n"
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

var painted = regexp.MustCompile("\x1b\\[[0-9]*m")

// TestFramesFit is a property: whatever the state, the keys and the terminal, there are as many lines as the terminal has, none is wider,
// and nothing in them is obeyed but colours.
func TestFramesFit(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\x1b[2J", "日本語日本語日本語", "a\nb", strings.Repeat("x", 300), "\u202e", "e\u0301"}))
	rapid.Check(t, func(rt *rapid.T) {
		s := &State{Endpoint: text.Draw(rt, "endpoint"), At: t0, Now: t0, Trouble: text.Draw(rt, "trouble")}
		for range rapid.IntRange(0, 40).Draw(rt, "queues") {
			s.Summary.Queues = append(s.Summary.Queues, viewapi.QueueSummary{
				JobQueue: text.Draw(rt, "queue"), State: text.Draw(rt, "state"), Counts: map[string]int64{"RUNNABLE": rapid.Int64Min(0).Draw(rt, "runnable")},
				VCPUsUsed: rapid.Float64().Draw(rt, "used"), MaxVCPUs: new(rapid.Float64().Draw(rt, "max")),
			})
		}
		for range rapid.IntRange(0, 40).Draw(rt, "nodes") {
			s.Nodes.Nodes = append(s.Nodes.Nodes, viewapi.Node{
				Name: text.Draw(rt, "node"), InstanceType: text.Draw(rt, "type"), Zone: text.Draw(rt, "zone"), PricePerHour: new(rapid.Float64().Draw(rt, "price")),
				Requested: viewapi.Resources{VCPUs: rapid.Float64().Draw(rt, "requested"), MemoryMiB: rapid.Int64().Draw(rt, "memory")},
			})
		}
		on := Canvas{
			Columns: rapid.IntRange(0, 200).Draw(rt, "columns"), Lines: rapid.IntRange(1, 60).Draw(rt, "lines"),
			Colors: rapid.Bool().Draw(rt, "colors"), IsASCII: rapid.Bool().Draw(rt, "ascii"),
		}
		c := &Choice{}
		for _, k := range Keys(rapid.StringOfN(rapid.RuneFrom([]rune("\t srjkgG\x1b[AB5~OF")), 0, 20, -1).Draw(rt, "keys")) {
			if !c.Press(k) {
				rt.Fatal("the view ended")
			}
			Frame(s, c, on)
		}
		lines := Frame(s, c, on)
		if len(lines) != on.Lines {
			rt.Fatalf("%d lines, want %d", len(lines), on.Lines)
		}
		for _, line := range lines {
			plain := painted.ReplaceAllString(line, "")
			if !on.Colors && plain != line || output.Clean(plain) != plain {
				rt.Fatalf("not clean: %q", line)
			}
			if output.Width(plain) > on.Columns {
				rt.Fatalf("%d columns wide, want %d: %q", output.Width(plain), on.Columns, plain)
			}
		}
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string][]Key{
		"q": {'q'}, "\x03": {Interrupt}, "\x1b[A\x1bOBs": {Up, Down, 's'}, "\x1b[5~\x1b[6~": {PageUp, PageDown}, "\x1b": nil, "\x1b[": nil,
		"\x1b[200~x": {'x'}, "\x1bx": {'x'}, "é": nil, "\x1b[1;5C\t": {'\t'},
	} {
		if diff := cmp.Diff(want, Keys(sent)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", sent, diff)
		}
	}
}

func TestKeysChangeTheView(t *testing.T) {
	t.Parallel()
	c := &Choice{}
	for _, k := range []Key{Down, Down, Up, 's', 's', 'r', '\t', PageDown, ' '} {
		if !c.Press(k) {
			t.Fatal("the view ended")
		}
	}
	want := &Choice{Pane: Nodes, IsHeld: true, Sort: [panes]int{2, 0}, IsReverse: [panes]bool{true, false}, Top: [panes]int{0, page}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c.Press('q') || c.Press(Interrupt) {
		t.Error("the view goes on")
	}
}
