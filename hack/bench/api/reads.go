// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"
)

// reads measures explanations, DescribeJobs of 100 jobs, pages of ListJobs and the console's pages of jobs, with all jobs stored.
func (b *bench) reads(context.Context) error {
	const page, requests, clients = 100, 2000, 2
	c, err := dial(b.api.address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	ids, tokens, err := b.pages(c, page, 200)
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%d clients, %d jobs stored", clients, b.jobs)
	for _, r := range []struct {
		name    string
		bound   float64
		request func(*client) ([]byte, error)
	}{
		{"explanation of a job p99, ms", 50, func(c *client) ([]byte, error) {
			return c.get("/x/v1/jobs/" + ids[rand.IntN(len(ids))] + "/explanation"), nil
		}},
		{"DescribeJobs of 100 p99, ms", 20, func(c *client) ([]byte, error) {
			some := make([]string, page)
			for i := range some {
				some[i] = ids[rand.IntN(len(ids))]
			}
			return c.request("describejobs", object{"jobs": some})
		}},
		{"ListJobs, a page of 100 p99, ms", 20, func(c *client) ([]byte, error) {
			return c.request("listjobs", object{"jobQueue": "large", "jobStatus": "RUNNABLE", "maxResults": page, "nextToken": tokens[rand.IntN(len(tokens))]})
		}},
		{"console, jobs of any status p99, ms", 300, func(c *client) ([]byte, error) {
			return c.get("/console/jobs?queue=large"), nil
		}},
		{"console, a later page of RUNNABLE jobs p99, ms", 300, func(c *client) ([]byte, error) {
			return c.get("/console/jobs?queue=large&status=RUNNABLE&next=" + url.QueryEscape(tokens[rand.IntN(len(tokens))])), nil
		}},
	} {
		latencies, _, err := load(b.api.address, clients, requests, func(c *client, _ int) ([]byte, error) { return r.request(c) })
		if err != nil {
			return err
		}
		b.below(r.name, quantile(latencies, 0.99), r.bound, "%.1f", fmt.Sprintf("median %.1f; %s", quantile(latencies, 0.5), note))
	}
	return nil
}

// pages lists so many pages of the large queue and gives the jobs' ids and the pages' tokens.
func (b *bench) pages(c *client, size, count int) (ids, tokens []string, err error) {
	in := object{"jobQueue": "large", "jobStatus": "RUNNABLE", "maxResults": size}
	for range count {
		var out struct {
			JobSummaryList []struct{ JobID string }
			NextToken      string
		}
		if err := c.call("listjobs", in, &out); err != nil {
			return nil, nil, err
		}
		for _, job := range out.JobSummaryList {
			ids = append(ids, job.JobID)
		}
		if out.NextToken == "" {
			break
		}
		in["nextToken"] = out.NextToken
		tokens = append(tokens, out.NextToken)
	}
	return ids, tokens, nil
}

// restart measures how soon a queue-api that was killed answers a submission again. How soon it does if Redis was killed,
// too, is Redis's own time to load what it wrote.
func (b *bench) restart(ctx context.Context) error {
	note := fmt.Sprintf("until a submission is answered, with %d jobs, %d of them under way", b.jobs, min(liveJobs, b.jobs))
	took, err := b.restarted(ctx, func() error { return nil })
	if err != nil {
		return err
	}
	b.below("restart of queue-api, s", took.Seconds(), 5, "%.2f", note)
	took, err = b.restarted(ctx, func() error { return b.redis.restart(ctx, b.dir) })
	b.info("restart of queue-api and Redis, s", took.Seconds(), "%.2f", note)
	return err
}

func (b *bench) restarted(ctx context.Context, meanwhile func() error) (time.Duration, error) {
	b.api.stop()
	began := time.Now()
	if err := meanwhile(); err != nil {
		return 0, err
	}
	api, err := b.startAPI(ctx)
	if err != nil {
		return 0, err
	}
	b.api = api
	c, err := dial(api.address)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	if err := c.call("submitjob", submission("bench"), nil); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}
