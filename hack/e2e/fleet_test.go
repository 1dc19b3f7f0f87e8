// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Instance types. The local fleet gives a node of the machine's own shape for any name.
const (
	instanceType       = "c5.large"
	instanceTypeNone   = "none.large"   // never: it is out of capacity
	instanceTypeBroken = "broken.large" // never: the launch fails
	instanceTypeSlow   = "slow.large"   // only once the gate is open
)

// fleetCommand notes each launch call before it passes it on to the local cluster's own command. It is also an example of
// how an admin's command tells its two kinds of failure.
const fleetCommand = `#!/bin/sh
request=$(cat)
if [ "$1" = launch ]; then
	printf '%%s %%s\n' "$(date +%%s.%%N)" "$request" >>'%[1]s'
	case $request in
	*'"instanceType":"` + instanceTypeNone + `"'*) echo 'there is none today' >&2; exit 75 ;;
	*'"instanceType":"` + instanceTypeBroken + `"'*) echo 'the hypervisor is on fire' >&2; exit 1 ;;
	*'"instanceType":"` + instanceTypeSlow + `"'*) until [ -e '%[2]s' ]; do sleep 0.1; done ;;
	esac
fi
printf %%s "$request" | '%[3]s' "$@"
`

// newLocal is the cluster on nodes of this machine, with the suite's own command before the fleet's, and a scheduler that
// does not wait long for what gangs have lost.
func newLocal(dir, localcluster string) (*cluster, error) {
	c, err := newCluster(dir, localcluster, "--port-base="+portBase)
	if err != nil {
		return nil, err
	}
	command, err := c.writeFleetCommand()
	if err != nil {
		return nil, err
	}
	scheduler, err := c.writeSchedulerConfig()
	c.args = append(c.args, "--set", "batch-autoscaler=--fleet-command="+command, "--set", "batch-scheduler=--config="+scheduler)
	return c, err
}

// writeFleetCommand writes the suite's own command.
func (c *cluster) writeFleetCommand() (string, error) {
	for _, old := range []string{c.launchLog(), c.gate()} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	file := filepath.Join(c.dir, "fleet-command")
	script := fmt.Sprintf(fleetCommand, c.launchLog(), c.gate(), filepath.Join(c.dir, "bin", "fleet"))
	return file, os.WriteFile(file, []byte(script), 0o755)
}

func (c *cluster) launchLog() string { return filepath.Join(c.dir, "launches.log") }

// gate is a file without which launches of slow instances wait.
func (c *cluster) gate() string { return filepath.Join(c.dir, "gate") }

func (c *cluster) openGate(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(c.gate(), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// launch is a call of the fleet's command.
type launch struct {
	at                 time.Time
	Token              string `json:"token"`
	ComputeEnvironment string `json:"computeEnvironment"`
}

// launches are the launch calls for the named environment, in order.
func (c *cluster) launches(t *testing.T, environment string) []launch {
	t.Helper()
	calls, err := lines(c.launchLog())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var found []launch
	for _, line := range calls {
		at, request, _ := strings.Cut(line, " ")
		var call launch
		if err := json.Unmarshal([]byte(request), &call); err != nil {
			t.Fatalf("read launch call %q: %v", request, err)
		}
		var seconds, nanoseconds int64
		if _, err := fmt.Sscanf(at, "%d.%d", &seconds, &nanoseconds); err != nil {
			t.Fatalf("read time of launch call %q: %v", at, err)
		}
		call.at = time.Unix(seconds, nanoseconds)
		if call.ComputeEnvironment == environment {
			found = append(found, call)
		}
	}
	return found
}

// awaitLaunch waits until the fleet's command is called for the named environment.
func (c *cluster) awaitLaunch(t *testing.T, environment string) {
	t.Helper()
	await(t, soon, "an instance is launched", func(context.Context) error {
		if len(c.launches(t, environment)) == 0 {
			return errors.New("there is no launch call")
		}
		return nil
	})
}

// launched is how many instances were asked for: a call that is repeated, by its token, asks for the same one.
func (c *cluster) launched(t *testing.T, environment string) int {
	t.Helper()
	tokens := map[string]bool{}
	for _, call := range c.launches(t, environment) {
		tokens[call.Token] = true
	}
	return len(tokens)
}

// terminate ends an instance as its owner would: behind the autoscaler's back.
func (c *cluster) terminate(t *testing.T, id string) {
	t.Helper()
	request, err := json.Marshal(map[string]any{"instanceIds": []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(c.dir, "bin", "fleet"), "terminate")
	cmd.Stdin = bytes.NewReader(request)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("terminate %s: %v: %s", id, err, output)
	}
}
