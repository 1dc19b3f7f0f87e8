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

// paint measures how soon the console's page of jobs shows something in a browser that was never there, with all jobs stored.
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
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium, "PAGE=http://"+b.api.address+"/console/jobs?queue=large", fmt.Sprint("VISITS=", visits))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("paint.mjs: %w", err)
	}
	var paints []time.Duration
	for line := range strings.FieldsSeq(string(out)) {
		ms, err := strconv.ParseFloat(line, 64)
		if err != nil {
			return fmt.Errorf("paint.mjs: %w", err)
		}
		paints = append(paints, time.Duration(ms*float64(time.Millisecond)))
	}
	if len(paints) != visits {
		return errors.New("paint.mjs: not every visit was told")
	}
	b.below("console, first paint of the page of jobs p95, ms", quantile(paints, 0.95), 300, "%.0f",
		fmt.Sprintf("median %.0f of %d visits with an empty cache; Chromium, %d jobs stored", quantile(paints, 0.5), visits, b.jobs))
	return nil
}
