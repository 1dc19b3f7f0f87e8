// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"sigs.k8s.io/yaml"
)

// verdict is what scheduler_perf says of a side and a workload.
type verdict struct {
	rate      float64 // SchedulingThroughput, the average of its samples
	algorithm float64 // ms, the average
}

// judged is a workload for scheduler_perf: so many gangs, each in a namespace of its own.
type judged struct {
	nodes, gangs, size int
}

// referee has Kubernetes' own harness compare pods of no gang, and gangs with the same pods without.
func (b *bench) referee(ctx context.Context) error {
	z := b.sizes
	if z.refereePods > 0 {
		plain := judged{z.refereeNodes, 1, z.refereePods}
		theirs, err := b.judge(ctx, stock, plain, true)
		if err != nil {
			return err
		}
		mine, err := b.judge(ctx, ours, plain, true)
		if err != nil {
			return err
		}
		b.results.Add("plain rate", fmt.Sprintf("by scheduler_perf, %d pods on %d nodes, of stock", z.refereePods, z.refereeNodes),
			mine.rate/theirs.rate, "%.0f to %.0f pods/s", mine.rate, theirs.rate)
	}
	gangs := judged{z.refereeGangNodes, z.refereeGangs, z.refereeGangSize}
	theirs, err := b.judge(ctx, stock, gangs, true)
	if err != nil {
		return err
	}
	mine, err := b.judge(ctx, ours, gangs, false)
	if err != nil {
		return err
	}
	peer, err := b.judge(ctx, coscheduling, gangs, false)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d gangs of %d on %d nodes, of stock", z.refereeGangs, z.refereeGangSize, z.refereeGangNodes)
	b.results.Add("gang rate", "by scheduler_perf, "+what, mine.rate/theirs.rate, "%.0f to %.0f pods/s; algorithm %.3f to %.3f ms",
		mine.rate, theirs.rate, mine.algorithm, theirs.algorithm)
	b.results.Info("coscheduling by scheduler_perf: "+what, peer.rate/theirs.rate, "%.0f pods/s; algorithm %.3f ms", peer.rate, peer.algorithm)
	return nil
}

// judge runs scheduler_perf once.
func (b *bench) judge(ctx context.Context, s side, j judged, single bool) (verdict, error) {
	dir, err := os.MkdirTemp(b.dir, "referee-")
	if err != nil {
		return verdict{}, err
	}
	workloads, err := b.writeWorkload(dir, s, j, single)
	if err != nil {
		return verdict{}, fmt.Errorf("write the workload: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return verdict{}, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, b.programs.referee, "-test.run=^$", "-test.bench=.", "-test.benchtime=1ns", "-test.timeout=15m",
		"-workloads="+workloads, "-data-items-dir="+dir, "-v=0")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(b.programs.etcd)+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	failed := cmd.Run()
	v, err := readVerdict(dir)
	if s.name == coscheduling.name && err == nil {
		failed = nil // it leaves goroutines behind, which the harness holds against it once it has measured
	}
	if err := errors.Join(failed, err); err != nil {
		return v, fmt.Errorf("scheduler_perf of %s: %w\n%s", s.name, err, (&process{log: log.Name()}).tail())
	}
	fmt.Fprintf(os.Stderr, "#   %s by scheduler_perf: %+v: %.0f pods/s; algorithm %.3f ms\n", s.name, j, v.rate, v.algorithm)
	return v, nil
}

// readVerdict reads the file that scheduler_perf writes.
func readVerdict(dir string) (verdict, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_benchmark_*.json"))
	if err != nil || len(files) != 1 {
		return verdict{}, errors.Join(fmt.Errorf("scheduler_perf wrote %d files of figures", len(files)), err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return verdict{}, err
	}
	var items struct {
		DataItems []struct {
			Data   map[string]float64 `json:"data"`
			Labels map[string]string  `json:"labels"`
		} `json:"dataItems"`
	}
	if err := json.Unmarshal(text, &items); err != nil {
		return verdict{}, fmt.Errorf("read scheduler_perf's figures: %w", err)
	}
	var v verdict
	for _, item := range items.DataItems {
		switch item.Labels["Metric"] {
		case "SchedulingThroughput":
			v.rate = item.Data["Average"]
		case "scheduler_scheduling_algorithm_duration_seconds":
			v.algorithm = item.Data["Average"]
		}
	}
	if v.rate == 0 {
		return v, errors.New("scheduler_perf counted no pods")
	}
	return v, nil
}

// op is an operation of scheduler_perf.
type op = map[string]any

// writeWorkload writes a workload and what it refers to, and returns its file.
func (b *bench) writeWorkload(dir string, s side, j judged, single bool) (string, error) {
	w := workload{single: single, cpu: smallPod}
	pod := s.pod("", w, gangOf{name: "gang", size: j.size}, 0) // of the same name in each namespace
	pod.Name, pod.GenerateName = "", "pod-"
	podGroup := op{
		"apiVersion": "scheduling.x-k8s.io/v1alpha1", "kind": "PodGroup",
		"metadata": op{"name": "gang"}, "spec": op{"minMember": j.size},
	}
	var namespaces []string
	ops := []op{{"opcode": "createNodes", "count": j.nodes}, {"opcode": "createNamespaces", "prefix": "gang", "count": j.gangs}}
	if s.name == coscheduling.name && !single {
		ops = append(ops, op{"opcode": "createAny", "templatePath": b.programs.podGroups},
			op{"opcode": "sleep", "duration": "5s"}) // until they are served
	}
	for i := range j.gangs {
		namespace := fmt.Sprintf("gang-%d", i)
		namespaces = append(namespaces, namespace)
		if s.name == coscheduling.name && !single {
			ops = append(ops, op{"opcode": "createAny", "namespace": namespace, "templatePath": filepath.Join(dir, "podgroup.yaml")})
		}
	}
	ops = append(ops,
		op{"opcode": "startCollectingMetrics", "name": "placing", "namespaces": namespaces},
		op{"opcode": "createPodSets", "count": j.gangs, "namespacePrefix": "gang", "createPodsOp": op{
			"opcode": "createPods", "count": j.size, "podTemplatePath": filepath.Join(dir, "pod.yaml"), "skipWaitToCompletion": true,
		}},
		op{"opcode": "barrier"},
		op{"opcode": "stopCollectingMetrics"})
	path := filepath.Join(dir, "workload.yaml")
	return path, errors.Join(
		os.WriteFile(filepath.Join(dir, "scheduler.yaml"), s.configuration, 0o600),
		writeYAML(filepath.Join(dir, "pod.yaml"), pod),
		writeYAML(filepath.Join(dir, "podgroup.yaml"), podGroup),
		writeYAML(path, []op{{
			"name": "Workload", "schedulerConfigPath": filepath.Join(dir, "scheduler.yaml"), "workloadTemplate": ops,
			"metricsCollectorConfig": op{"metrics": op{"scheduler_scheduling_algorithm_duration_seconds": nil}},
			"workloads":              []op{{"name": "one", "labels": []string{"performance"}}},
		}}))
}

func writeYAML(path string, object any) error {
	text, err := yaml.Marshal(object)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
