// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

type object = map[string]any

// setUp makes what jobs name: an environment, a FIFO queue, a fair-share queue and a definition.
func (b *bench) setUp(context.Context) error {
	c, err := dial(b.api.address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	environments := []object{{"order": 1, "computeEnvironment": "bench"}}
	for _, r := range []struct {
		operation string
		in        object
	}{
		{"createcomputeenvironment", object{"computeEnvironmentName": "bench", "type": "MANAGED", "computeResources": object{
			"type": "EC2", "minvCpus": 0, "maxvCpus": 1, "instanceTypes": []string{"optimal"}, "allocationStrategy": "BEST_FIT_PROGRESSIVE",
		}}},
		{"createjobqueue", object{"jobQueueName": "bench", "priority": 1, "computeEnvironmentOrder": environments}},
		{"createjobqueue", object{"jobQueueName": "few", "priority": 1, "computeEnvironmentOrder": environments}},
		{"registerjobdefinition", object{"jobDefinitionName": "bench", "type": "container", "containerProperties": object{
			"image": "busybox", "command": []string{"true"},
			"resourceRequirements": []object{{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}},
		}}},
	} {
		if err := c.call(r.operation, r.in, nil); err != nil {
			return err
		}
	}
	return nil
}

func submission(queue string) object {
	return object{
		"jobName": "bench", "jobQueue": queue, "jobDefinition": "bench:1",
		"containerOverrides": object{"command": []string{"echo", "hello"}},
	}
}

// submitJob measures SubmitJob in turn with redis-benchmark, which runs the same script as SubmitJob does: the most that
// this machine's Redis could do.
func (b *bench) submitJob(ctx context.Context) error {
	reference, err := b.submitCommand(ctx)
	if err != nil {
		return err
	}
	if _, _, err := b.submitRound(); err != nil { // warms up
		return err
	}
	var ratios, rates, references, slow []float64
	for range b.rounds {
		rate, p99, err := b.submitRound()
		if err != nil {
			return err
		}
		best, err := b.redisBenchmark(ctx, reference)
		if err != nil {
			return err
		}
		ratios, rates, references, slow = append(ratios, rate/best), append(rates, rate), append(references, best), append(slow, p99)
	}
	note := fmt.Sprintf("%.0f/s by %d clients, redis-benchmark %.0f/s; median of %d rounds", median(rates), b.clients, median(references), b.rounds)
	b.atLeast("SubmitJob over redis-benchmark", median(ratios), 0.5, "%.2f", note)
	b.below("SubmitJob p99, ms", median(slow), 50, "%.1f", "")
	return nil
}

func (b *bench) submitRound() (rate, p99 float64, err error) {
	request, err := (&client{host: b.api.address}).request("submitjob", submission("bench"))
	if err != nil {
		return 0, 0, err
	}
	latencies, took, err := pumpAll(b.api.address, b.clients, b.perRound, request)
	return float64(len(latencies)) / took.Seconds(), quantile(latencies, 0.99), err
}

// recorder keeps what a client asks of Redis.
type recorder struct{ commands [][]any }

// DialHook implements redis.Hook.
func (r *recorder) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (r *recorder) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		for _, command := range commands {
			r.commands = append(r.commands, command.Args())
		}
		return next(ctx, commands)
	}
}

// ProcessHook implements redis.Hook.
func (r *recorder) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		r.commands = append(r.commands, command.Args())
		return next(ctx, command)
	}
}

// submitCommand is the command by which a store submits such a job, with the job's id left to redis-benchmark to fill in.
func (b *bench) submitCommand(ctx context.Context) ([]string, error) {
	options, err := redisstore.Options("redis://127.0.0.1:" + b.redis.port)
	if err != nil {
		return nil, err
	}
	spy := redis.NewClient(options)
	defer spy.Close()
	heard := &recorder{}
	spy.AddHook(heard)
	job := plainJob(batch.JobQueue{Name: "bench", Number: batch.MaxQueueNumber}, "")
	if _, err := redisstore.New(spy, redisstore.Config{}).Submit(ctx, batch.MaxQueueNumber, job); err != nil {
		return nil, err
	}
	for _, args := range heard.commands {
		if fmt.Sprint(args[0]) != "evalsha" {
			continue
		}
		keys, err := strconv.Atoi(fmt.Sprint(args[2]))
		if err != nil {
			return nil, err
		}
		id := text(args[3+keys])
		filler := "__rand_int__" + strings.Repeat("x", len(id)-len("__rand_int__"))
		out := make([]string, len(args))
		for i, arg := range args {
			out[i] = strings.Map(printable, strings.ReplaceAll(text(arg), id, filler))
		}
		return out, nil
	}
	return nil, errors.New("the store submits by no script")
}

func text(arg any) string {
	if b, ok := arg.([]byte); ok {
		return string(bytes.Clone(b))
	}
	return fmt.Sprint(arg)
}

// printable keeps what stands for bytes that a command line cannot hold.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '.'
	}
	return r
}

// redisBenchmark has redis-benchmark run a command and gives how often a second.
func (b *bench) redisBenchmark(ctx context.Context, command []string) (float64, error) {
	args := append([]string{
		"-p", b.redis.port, "-c", strconv.Itoa(b.clients), "-n", strconv.Itoa(b.perRound), "-r", "1000000000", "--csv",
	}, command...)
	out, err := exec.CommandContext(ctx, "redis-benchmark", args...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("redis-benchmark: %w: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 2 {
		return 0, fmt.Errorf("redis-benchmark said %q", out)
	}
	// The first column is the command, which may hold anything; the second is the rate.
	columns := strings.Count(lines[0], `","`)
	fields := strings.Split(lines[len(lines)-1], `","`)
	if len(fields) < columns {
		return 0, fmt.Errorf("redis-benchmark said %q", out)
	}
	return strconv.ParseFloat(strings.Trim(fields[len(fields)-columns], `"`), 64)
}
