// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// cloudCluster is a cluster whose nodes are instances of a fake EC2, which join it by what their user data says.
type cloudCluster struct {
	*cluster
	once sync.Once
	err  error
}

// backOff is how long the autoscaler leaves a group alone that could not be launched: longer than anything takes that does not
// wait for it, and shorter than a test waits.
const backOff = 4 * time.Minute

// notice is how long before it takes a Spot instance back EC2 says so: two minutes, but here. A node on a busy machine has told
// its pods by then.
const notice = time.Minute

func newCloud(dir, localcluster string) (*cloudCluster, error) {
	c, err := newCluster(dir, localcluster, "--port-base="+portBaseCloud, "--fleet=ec2",
		"--set", "batch-autoscaler=--initial-node-group-backoff="+backOff.String(), "--set", "ec2=--notice="+notice.String())
	return &cloudCluster{cluster: c}, err
}

// need brings the cluster up, unless another test has.
func (c *cloudCluster) need(t *testing.T) {
	t.Helper()
	c.once.Do(func() { c.err = c.up(context.WithoutCancel(t.Context())) })
	if c.err != nil {
		t.Fatal(c.err)
	}
}

// isUp reports whether a test needed the cluster.
func (c *cloudCluster) isUp() bool { return c.env != nil }

// state is what the fake EC2 tells.
func (c *cloudCluster) state(ctx context.Context) (ec2fake.State, error) {
	var state ec2fake.State
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.env["MUSTER_EC2_ENDPOINT"]+"/fake/state", http.NoBody)
	if err != nil {
		return state, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return state, err
	}
	defer response.Body.Close()
	return state, json.NewDecoder(response.Body).Decode(&state)
}

// tell lets the fake EC2 do something.
func (c *cloudCluster) tell(t *testing.T, what string, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.env["MUSTER_EC2_ENDPOINT"]+"/fake/"+what, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("POST /fake/%s answers %s", what, response.Status)
	}
}

// ofEnvironment are the instances that were ever launched for an environment.
func (c *cloudCluster) ofEnvironment(t *testing.T, uuid string) []ec2fake.Instance {
	t.Helper()
	state, err := c.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var found []ec2fake.Instance
	for _, i := range state.Instances {
		if i.Tags[batchmeta.ComputeEnvironmentUUID] == uuid {
			found = append(found, i)
		}
	}
	return found
}

// awaitEmpty waits until nothing is left of any node, pod or instance.
func (c *cloudCluster) awaitEmpty(ctx context.Context, limit time.Duration) error {
	if !c.isUp() {
		return nil
	}
	if err := c.cluster.awaitEmpty(ctx, limit); err != nil {
		return err
	}
	return poll(ctx, limit, func(ctx context.Context) error {
		state, err := c.state(ctx)
		if err != nil {
			return err
		}
		for i := range state.Instances {
			if instance := &state.Instances[i]; !instance.IsGone() {
				err = errors.Join(err, fmt.Errorf("EC2 has instance %s of %s, %s", instance.ID, instance.Tags["Name"], instance.State))
			}
		}
		return err
	})
}

// call is a line of the log of the fake EC2.
type call struct {
	at   time.Time
	what string
}

// calls are the lines of the log that have something in them.
func (c *cloudCluster) calls(t *testing.T, something string) []call {
	t.Helper()
	log, err := lines(filepath.Join(c.logs(), "ec2.log"))
	if err != nil {
		t.Fatal(err)
	}
	var found []call
	for _, line := range log {
		at, what, _ := strings.Cut(line, " ")
		if !strings.Contains(what, something) {
			continue
		}
		when, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatalf("read log of EC2: %v", err)
		}
		found = append(found, call{when, what})
	}
	return found
}
