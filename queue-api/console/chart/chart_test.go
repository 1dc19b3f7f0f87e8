// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/xml"
	"errors"
	"flag"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hostile is a label that would break out of markup, turn text around and fill the screen.
const hostile = `</text></svg><script>alert(1)</script>"' onload=x ` + "\u202e\x00\xff" + ` &amp;`

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func span(from, to time.Duration, label string) Span {
	return Span{From: began.Add(from), To: began.Add(to), Label: label, Class: label}
}

func cells(n int) Cells {
	c := Cells{States: []Part{{Label: "RUNNABLE", Class: "RUNNABLE"}, {Label: "RUNNING", Class: "RUNNING"}, {Label: "FAILED", Class: "FAILED"}}}
	for i := range n {
		c.Of = append(c.Of, uint8(i*i/7%3))
	}
	return c
}

// pictures are one of each kind, and what is at the edges.
func pictures() map[string]template.HTML {
	parts := []Part{{"RUNNING", "RUNNING", 3}, {"FAILED", "FAILED", 1.5}, {"none", "", 0}}
	return map[string]template.HTML{
		"bars": Bars("vCPUs by queue", []Bar{
			{Label: "high", Value: "4.5 of 8", Parts: parts, Total: 8, Mark: 6, Href: "/console/queues/high?a=1&b=2"},
			{Label: "low", Value: "1", Parts: []Part{{"x", "x", 1}}},
		}),
		"bars-none":    Bars("vCPUs by queue", nil),
		"bars-hostile": Bars(hostile, []Bar{{Label: hostile, Value: hostile, Parts: []Part{{hostile, hostile, math.NaN()}, {hostile, `x" y="`, math.Inf(1)}}, Href: "javascript:alert(1)"}}),
		"meter":        Meter("demo", parts, 10),
		"meter-none":   Meter("demo", nil, 0),
		"meter-over":   Meter("demo", parts, 2),
		"sparkline":    Sparkline("RUNNABLE", []float64{1, 2, math.NaN(), 4, 0, math.NaN(), 3}),
		"sparkline-0":  Sparkline("RUNNABLE", nil),
		"columns":      Columns("dollars an hour", []Column{{"10:00", parts}, {"11:00", []Part{{"spot", "spot", 9}}}, {"12:00", nil}}),
		"timeline": Timeline("Attempts", []Row{
			{Label: "Attempt 1", Spans: []Span{span(0, 2*time.Second, "RUNNABLE"), span(2*time.Second, 9*time.Second, "RUNNING")}, Href: "/console/logs"},
			{Label: hostile, Spans: []Span{span(9*time.Second, 12*time.Second, "RUNNABLE"), span(13*time.Second, 12*time.Second, "FAILED")}},
		}),
		"timeline-none": Timeline("Attempts", []Row{{Label: "Attempt 1"}}),
		"graph": Graph("Dependencies", []Node{
			{ID: "a", Label: "prepare", Note: "SUCCEEDED", Class: "SUCCEEDED", Href: "/console/jobs/a"},
			{ID: "b", Label: "train-a-model-of-a-long-name", Note: "RUNNING", Class: "RUNNING"},
			{ID: "c", Label: hostile, Note: hostile},
			{ID: "d", Label: "report", Note: "PENDING", Class: "PENDING"},
		}, []Edge{{"a", "b"}, {"a", "c"}, {"b", "d"}, {"c", "d"}, {"a", "d"}, {"a", "d"}, {"x", "a"}, {"a", "a"}}),
		"graph-circle": Graph("Dependencies", []Node{{ID: "a", Label: "a"}, {ID: "b", Label: "b"}, {ID: "b", Label: "again"}}, []Edge{{"a", "b"}, {"b", "a"}}),
		"graph-none":   Graph("Dependencies", nil, nil),
		"grid":         Grid("Children", cells(250)),
		"grid-none":    Grid("Children", Cells{Of: []uint8{7}}),
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, picture := range pictures() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wellFormed(t, picture)
			path := filepath.Join("testdata", name+".svg")
			// A line for each element, to read the difference by.
			got := strings.ReplaceAll(string(picture), "><", ">\n<") + "\n"
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
				t.Errorf("picture mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// wellFormed holds that a picture is XML of the elements and attributes that are ours, with a title, and without style.
func wellFormed(t *testing.T, picture template.HTML) {
	t.Helper()
	known := map[string]string{
		"svg": "", "title": "", "desc": "", "rect": "", "line": "", "path": "", "text": "", "a": "",
		"class": "", "role": "", "aria-label": "", "width": "", "height": "", "viewBox": "", "preserveAspectRatio": "", "x": "", "y": "", "x1": "", "x2": "",
		"y1": "", "y2": "", "rx": "", "d": "", "fill": "", "href": "", "text-anchor": "", "vector-effect": "", "stroke-width": "", "stroke-dasharray": "",
		"data-columns": "", "data-cells": "",
	}
	decoder := xml.NewDecoder(strings.NewReader(string(picture)))
	depth, titled := 0, false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%.500s", err, picture)
		}
		switch e := token.(type) {
		case xml.StartElement:
			depth++
			titled = titled || e.Name.Local == "title"
			if _, ok := known[e.Name.Local]; !ok {
				t.Errorf("element %s", e.Name.Local)
			}
			for _, a := range e.Attr {
				if _, ok := known[a.Name.Local]; !ok {
					t.Errorf("attribute %s", a.Name.Local)
				}
				if a.Name.Local == "href" && !strings.HasPrefix(a.Value, "/") {
					t.Errorf("link to %s", a.Value)
				}
			}
		case xml.EndElement:
			depth--
		}
	}
	if depth != 0 || !titled {
		t.Errorf("depth %d at the end, titled %t", depth, titled)
	}
}

func TestGridStaysLight(t *testing.T) {
	t.Parallel()
	const most = 100 << 10
	alternating := cells(10_000)
	for i := range alternating.Of {
		alternating.Of[i] = uint8(i % 3)
	}
	for name, c := range map[string]Cells{"mixed": cells(10_000), "alternating": alternating, "too many": cells(100_000)} {
		if n := len(Grid("Children", c)); n > most {
			t.Errorf("%s: %d bytes, want at most %d", name, n, most)
		}
	}
}

func TestPicturesAreBounded(t *testing.T) {
	t.Parallel()
	const many, most = 5000, 400 << 10
	parts, values := make([]Part, many), make([]float64, many)
	nodes, edges := make([]Node, many), make([]Edge, many)
	bars, rows, columns := make([]Bar, many), make([]Row, many), make([]Column, many)
	for i := range many {
		label := strconv.Itoa(i)
		values[i], parts[i] = float64(i), Part{label, label, float64(i)}
		nodes[i] = Node{ID: label, Label: strings.Repeat(label, 1000)}
		edges[i] = Edge{strconv.Itoa(i % 150), strconv.Itoa((i*7 + 1) % 150)}
		bars[i] = Bar{Label: strings.Repeat("x", many), Parts: parts[:5]}
		rows[i], columns[i] = Row{Label: label, Spans: []Span{span(0, time.Duration(i), "x")}}, Column{Label: label, Parts: parts[:5]}
	}
	for name, picture := range map[string]template.HTML{
		"bars": Bars("t", bars), "meter": Meter("t", parts, 0), "sparkline": Sparkline("t", values), "columns": Columns("t", columns),
		"timeline": Timeline("t", rows), "graph": Graph("t", nodes, edges), "title": Meter(strings.Repeat("t", most), nil, 0),
	} {
		wellFormed(t, picture)
		if len(picture) > most {
			t.Errorf("%s: %d bytes, want at most %d", name, len(picture), most)
		}
	}
}

func TestGraphGoesFromLeftToRight(t *testing.T) {
	t.Parallel()
	nodes := []Node{{ID: "d"}, {ID: "c"}, {ID: "b"}, {ID: "a"}}
	g := newGraph(nodes, []Edge{{"a", "b"}, {"b", "c"}, {"a", "d"}, {"c", "d"}})
	g.assign()
	g.order()
	if diff := cmp.Diff([]int{3, 2, 1, 0}, g.layer); diff != "" {
		t.Errorf("layers of d, c, b, a mismatch (-want +got):\n%s", diff)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0 s": -time.Second, "1 ms": time.Microsecond, "250 ms": 250 * time.Millisecond, "1.2 s": 1234 * time.Millisecond, "9 s": 9 * time.Second,
		"59 s": 59*time.Second + 900*time.Millisecond, "1 min 1 s": 61 * time.Second, "2 h": 2*time.Hour + time.Second, "3 d 4 h": 76 * time.Hour,
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v = %q, want %q", d, got, want)
		}
	}
}

// FuzzLabels draws every kind of picture with any label, class, link and value.
func FuzzLabels(f *testing.F) {
	f.Add(hostile, "RUNNING", "/console", 1.0)
	f.Add("]]>", "a b", "//evil", math.Inf(-1))
	f.Add("\U000e0001\u2028", "é", "/\\evil", math.MaxFloat64)
	f.Fuzz(func(t *testing.T, label, class, href string, value float64) {
		parts := []Part{{label, class, value}, {class, label, value / 3}}
		lasts := time.Duration(min(amount(value), 1e15))
		for _, picture := range []template.HTML{
			Bars(label, []Bar{{Label: label, Value: class, Parts: parts, Total: value, Mark: value / 2, Href: href}}),
			Meter(label, parts, value), Sparkline(label, []float64{value, 1, value / 2}), Columns(label, []Column{{label, parts}}),
			Timeline(label, []Row{{Label: label, Href: href, Spans: []Span{{began, began.Add(lasts), label, class}}}}),
			Graph(label, []Node{{label, label, class, class, href}, {ID: class, Label: href}}, []Edge{{label, class}, {class, label}}),
			Grid(label, Cells{States: parts, Of: []byte(label), Columns: int(lasts)}),
		} {
			wellFormed(t, picture)
			if strings.Contains(string(picture), "NaN") && !strings.Contains(label+class+href, "NaN") || strings.Contains(string(picture), `="+Inf`) {
				t.Errorf("not a number is drawn: %s", picture)
			}
		}
	})
}
