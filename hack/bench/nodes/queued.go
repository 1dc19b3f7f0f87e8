// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// queued measures the autoscaler's loop without and with many jobs in a queue whose environment is full.
func (b *bench) queued(ctx context.Context, s *site) error {
	const arrays, size, queue = 100, 10_000, "full"
	d := 15 * time.Second
	if b.short {
		d = 8 * time.Second
	}
	if err := s.queue(ctx, queue, 8); err != nil {
		return err
	}
	before, err := s.loop(ctx, d)
	if err != nil {
		return err
	}
	for i := range arrays {
		if err := s.submit(ctx, queue, fmt.Sprint("array-", i), size); err != nil {
			return fmt.Errorf("submit: %w", err)
		}
	}
	if err := sleep(ctx, 5*time.Second); err != nil { // what can start has
		return err
	}
	after, err := s.loop(ctx, d)
	if err != nil {
		return err
	}
	b.add("queued", 1000*(after-before), "%.2f ms a loop with %d jobs queued, %.2f ms without", 1000*after, arrays*size, 1000*before)
	return nil
}

// loop is the mean of what the autoscaler's loops take for a while, in seconds.
func (s *site) loop(ctx context.Context, d time.Duration) (float64, error) {
	sum, count, err := s.loops(ctx)
	if err != nil {
		return 0, err
	}
	if err := sleep(ctx, d); err != nil {
		return 0, err
	}
	sumLater, countLater, err := s.loops(ctx)
	if err != nil {
		return 0, err
	}
	if countLater <= count {
		return 0, fmt.Errorf("the autoscaler did not look once in %v", d)
	}
	return (sumLater - sum) / (countLater - count), nil
}

// loops are all loops so far.
func (s *site) loops(ctx context.Context) (seconds, count float64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.env["MUSTER_AUTOSCALER_HEALTH"]+"/metrics", http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "batch_autoscaler_loop_seconds_sum":
			seconds, err = strconv.ParseFloat(value, 64)
		case "batch_autoscaler_loop_seconds_count":
			count, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read metrics: %w", err)
		}
	}
	return seconds, count, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
