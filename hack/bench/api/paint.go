// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/hack/browser"
)

//go:embed paint.mjs
var paintScript embed.FS

// paint measures how soon the console's page of jobs shows something in a browser that has nothing of it yet, with all jobs
// stored, beside a page of one line. It is the 75th percentile that counts, as with Web Vitals.
func (b *bench) paint(ctx context.Context) error {
	const visits = 40
	dir := filepath.Join(b.dir, "browser")
	if err := browser.Install(ctx, dir, paintScript); err != nil {
		return err
	}
	chromium, err := browser.Path()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "node", filepath.Join(dir, "paint.mjs"))
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium, "LINE=http://"+b.api.address+"/x/v1/nothing",
		"PAGE=http://"+b.api.address+"/console/jobs?queue=large", fmt.Sprint("VISITS=", visits))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("paint.mjs: %w", err)
	}
	var paints [2][]time.Duration // of the line, and of the page
	for i, field := range strings.Fields(string(out)) {
		ms, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return fmt.Errorf("paint.mjs: %w", err)
		}
		paints[i%2] = append(paints[i%2], time.Duration(ms*float64(time.Millisecond)))
	}
	line, page := paints[0], paints[1]
	if len(page) != visits {
		return errors.New("paint.mjs: not every visit was told")
	}
	b.info("a page of one line, first paint p75, ms", quantile(line, 0.75), "%.0f", "the browser begins a process for it")
	b.below("console, first paint of the page of jobs p75, ms", quantile(page, 0.75), 300, "%.0f",
		fmt.Sprintf("median %.0f, p95 %.0f of %d visits with an empty cache; %d jobs stored", quantile(page, 0.5), quantile(page, 0.95), visits, b.jobs))
	return nil
}
