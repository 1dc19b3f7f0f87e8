// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// scenario is what a user does and sees, in calls of the Batch API.
type scenario struct {
	// Cites are the sections of the contract that the scenario shows.
	Cites string `json:"cites"`
	// Clients that know all the operations and members used; none means all. Debian's are some years old.
	Clients []string `json:"clients,omitempty"`
	// Site makes a compute environment and a FIFO queue first, both named $name.
	Site  bool   `json:"site,omitempty"`
	Steps []step `json:"steps"`
}

// site are the steps of a scenario's Site.
var site = []step{
	{Call: "CreateComputeEnvironment", Input: map[string]any{
		"computeEnvironmentName": "$name", "type": "MANAGED", "computeResources": map[string]any{
			"type": "EC2", "minvCpus": 0, "maxvCpus": 16, "instanceTypes": []any{"c5.xlarge"}, "subnets": []any{"subnet-0123456789abcdef0"},
			"securityGroupIds": []any{"sg-0123456789abcdef0"}, "instanceRole": "ecsInstanceRole",
		},
	}},
	{
		Call: "DescribeComputeEnvironments", Input: map[string]any{"computeEnvironments": []any{"$name"}},
		Until: map[string]any{"computeEnvironments": []any{map[string]any{"status": "VALID"}}},
	},
	{Call: "CreateJobQueue", Input: map[string]any{
		"jobQueueName": "$name", "priority": 1,
		"computeEnvironmentOrder": []any{map[string]any{"order": 1, "computeEnvironment": "$name"}},
	}},
	{
		Call: "DescribeJobQueues", Input: map[string]any{"jobQueues": []any{"$name"}},
		Until: map[string]any{"jobQueues": []any{map[string]any{"status": "VALID", "state": "ENABLED"}}},
	},
}

// step is one call. In strings of Input, Want, Error and Until, $name is the scenario's own name on this client, $region the
// client's region, and $var what an earlier step saved.
type step struct {
	Call  string `json:"call"`
	Input any    `json:"input,omitempty"`
	// Want is what the answer must hold at least; see match.
	Want any `json:"want,omitempty"`
	// Until repeats the call until the answer holds it.
	Until any `json:"until,omitempty"`
	// Error is "Code: text", of which the message must hold text.
	Error string `json:"error,omitempty"`
	// Save gives names to parts of the answer, such as jobs.0.jobId.
	Save map[string]string `json:"save,omitempty"`
}

// patience bounds the repeats of a step, on a machine that plays many scenarios.
const patience = 4 * time.Minute

func loadScenarios(t *testing.T) map[string]scenario {
	t.Helper()
	files, err := filepath.Glob("testdata/scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	all := map[string]scenario{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s scenario
		if err := yaml.UnmarshalStrict(text, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if s.Site {
			s.Steps = slices.Concat(site, s.Steps)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = s
	}
	return all
}

// TestScenarios plays every scenario through every client that can.
func TestScenarios(t *testing.T) {
	t.Parallel()
	scenarios := loadScenarios(t)
	played, steps := map[string]int{}, 0
	for name, s := range scenarios {
		for client := range drivers {
			if len(s.Clients) == 0 || slices.Contains(s.Clients, client) {
				played[client]++
				steps += len(s.Steps)
			}
		}
		for _, client := range s.Clients {
			if drivers[client] == nil {
				t.Fatalf("%s: no client %q", name, client)
			}
		}
	}
	t.Logf("%d scenarios; by client: %v; %d steps in all", len(scenarios), played, steps)
	for client, start := range drivers {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			for name, s := range scenarios {
				if len(s.Clients) > 0 && !slices.Contains(s.Clients, client) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					play(t, start(t), s, client+"-"+name)
				})
			}
		})
	}
}

// play runs a scenario's steps in order; the first that fails ends it.
func play(t *testing.T, d driver, s scenario, name string) {
	t.Helper()
	vars := map[string]string{"name": name, "region": region}
	for i, st := range s.Steps {
		if err := playStep(t.Context(), d, st, vars); err != nil {
			t.Fatalf("step %d, %s: %v", i+1, st.Call, err)
		}
	}
}

func playStep(ctx context.Context, d driver, st step, vars map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	input, err := json.Marshal(fill(st.Input, vars))
	if err != nil {
		return err
	}
	if st.Input == nil {
		input = []byte("{}")
	}
	for {
		output, failure, err := d.call(ctx, st.Call, input)
		if err != nil {
			return err
		}
		if st.Error != "" {
			return wantFailure(failure, fill(st.Error, vars).(string))
		}
		if failure != nil {
			return failure
		}
		if st.Until != nil {
			if mismatch := match(fill(st.Until, vars), output); mismatch != "" {
				select {
				case <-ctx.Done():
					return fmt.Errorf("not within %v: %s, in %s", patience, mismatch, show(output))
				case <-time.After(200 * time.Millisecond):
					continue
				}
			}
		}
		if mismatch := match(fill(st.Want, vars), output); st.Want != nil && mismatch != "" {
			return fmt.Errorf("%s, in %s", mismatch, show(output))
		}
		return save(st.Save, output, vars)
	}
}

func wantFailure(failure *apiError, want string) error {
	code, text, _ := strings.Cut(want, ": ")
	if failure == nil {
		return fmt.Errorf("succeeded, want %s", want)
	}
	if failure.Code != code || !strings.Contains(failure.Message, text) {
		return fmt.Errorf("got %w, want %s", failure, want)
	}
	return nil
}

// fill replaces $variables in the strings of a value.
func fill(v any, vars map[string]string) any {
	switch v := v.(type) {
	case string:
		return os.Expand(v, func(name string) string {
			if value, ok := vars[name]; ok {
				return value
			}
			return "$" + name
		})
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = fill(v[i], vars)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[fill(k, vars).(string)] = fill(v[k], vars)
		}
		return out
	}
	return v
}

// save gives names to parts of an answer.
func save(names map[string]string, output any, vars map[string]string) error {
	for name, path := range names {
		v := output
		for part := range strings.SplitSeq(path, ".") {
			switch node := v.(type) {
			case map[string]any:
				v = node[part]
			case []any:
				if i, err := strconv.Atoi(part); err == nil && i < len(node) {
					v = node[i]
				} else {
					v = nil
				}
			default:
				v = nil
			}
		}
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("save %s: no text at %s in %s", name, path, show(output))
		}
		vars[name] = text
	}
	return nil
}

func show(v any) string {
	text, _ := json.Marshal(v)
	return string(text[:min(len(text), 3000)])
}
