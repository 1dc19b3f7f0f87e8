// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// figure is something measured and what it must be.
type figure struct {
	name     string
	measured string
	bound    string
	missed   bool
	note     string
}

func (b *bench) atLeast(name string, measured, bound float64, form, note string) {
	b.figures = append(b.figures, figure{name, fmt.Sprintf(form, measured), "at least " + fmt.Sprintf(form, bound), measured < bound, note})
}

func (b *bench) below(name string, measured, bound float64, form, note string) {
	b.figures = append(b.figures, figure{name, fmt.Sprintf(form, measured), "below " + fmt.Sprintf(form, bound), measured >= bound, note})
}

// info is a figure without a bound.
func (b *bench) info(name string, measured float64, form, note string) {
	b.figures = append(b.figures, figure{name, fmt.Sprintf(form, measured), "", false, note})
}

// report prints every figure and fails if one is missed.
func (b *bench) report() error {
	missed := 0
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, f := range b.figures {
		verdict := "ok"
		switch {
		case f.missed:
			verdict = "MISSED"
			missed++
		case f.bound == "":
			verdict = ""
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.name, f.measured, f.bound, verdict, f.note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d figures missed", missed)
	}
	return nil
}

// quantile of durations in milliseconds.
func quantile(d []time.Duration, q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return float64(d[int(float64(len(d)-1)*q)].Microseconds()) / 1000
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
