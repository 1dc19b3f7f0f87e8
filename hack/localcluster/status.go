// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/muster-batch/muster/hack/localcluster/fleet"
)

// status is what status --json prints.
type status struct {
	Programs  []programStatus  `json:"programs"`
	Instances []fleet.Instance `json:"instances"`
}

type programStatus struct {
	Name    string `json:"name"`
	PID     int    `json:"pid,omitempty"` // 0: it does not run
	Address string `json:"address"`
	Log     string `json:"log"`
	// Command starts it: the program and its arguments.
	Command []string `json:"command"`
}

func runStatus(_ context.Context, at paths, args []string) error {
	asJSON, err := parseJSONFlag("status", args)
	if err != nil {
		return err
	}
	c, err := openCluster(at)
	if err != nil {
		return err
	}
	report := status{Programs: []programStatus{}}
	for _, part := range c.components() {
		line := programStatus{Name: part.Name, Address: part.address, Log: c.daemons.Log(part.Name), Command: append([]string{part.Path}, part.Args...)}
		if process, running := c.daemons.Find(part.Name); running {
			line.PID = process.PID
		}
		report.Programs = append(report.Programs, line)
	}
	if report.Instances, err = c.fleet().Instances(); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	return report.print(os.Stdout)
}

func (s status) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROGRAM\tSTATE\tADDRESS\tLOG")
	for _, program := range s.Programs {
		state := "down"
		if program.PID != 0 {
			state = fmt.Sprintf("up (%d)", program.PID)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", program.Name, state, program.Address, program.Log)
	}
	for _, instance := range s.Instances {
		fmt.Fprintf(table, "%s\t%s\tslot %d\t%s\n", instance.InstanceID, instance.State, instance.Node.Slot, instance.NodeGroup)
	}
	return table.Flush()
}

// runEnv prints what a shell, or with --json a program, needs to use the cluster.
func runEnv(_ context.Context, at paths, args []string) error {
	asJSON, err := parseJSONFlag("env", args)
	if err != nil {
		return err
	}
	c, err := openCluster(at)
	if err != nil {
		return err
	}
	env := c.environment()
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(env)
	}
	for _, key := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(os.Stdout, "export %s='%s'\n", key, env[key])
	}
	fmt.Fprintf(os.Stdout, "export PATH='%s':\"$PATH\"\n", filepath.Dir(c.kubernetes("kubectl")))
	return nil
}

// environment are the variables of env. AWS's clients read their own, Kubernetes' read KUBECONFIG; those that begin with
// MUSTER are for scripts and tests.
func (c *cluster) environment() map[string]string {
	env := map[string]string{
		"AWS_ENDPOINT_URL":         c.endpoint(),
		"KUBECONFIG":               c.at.kubeconfig(),
		"MUSTER_DIR":               c.at.dir,
		"MUSTER_ENDPOINT":          c.endpoint(),
		"MUSTER_NODES":             c.Nodes,
		"MUSTER_FLEET":             c.Fleet,
		"MUSTER_NAMESPACE":         jobNamespace,
		"MUSTER_KUBECTL":           c.kubernetes("kubectl"),
		"MUSTER_REDIS_URL":         c.redisURL(),
		"MUSTER_QUEUE_API_HEALTH":  "http://" + c.queueHealth(),
		"MUSTER_SCHEDULER_HEALTH":  "https://" + c.scheduler(),
		"MUSTER_AUTOSCALER_HEALTH": "http://" + c.autoscaler(),
	}
	if !c.simulated() {
		env["MUSTER_REGISTRY"] = c.address(portRegistry)
	}
	if c.Fleet == fleetEC2 {
		env["MUSTER_EC2_ENDPOINT"] = c.ec2URL()
	}
	maps.Copy(env, dummyCredentials)
	return env
}

func parseJSONFlag(verb string, args []string) (asJSON bool, err error) {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return asJSON, flags.Parse(args)
}
