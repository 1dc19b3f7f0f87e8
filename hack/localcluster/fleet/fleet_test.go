// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/localcluster/fleet"
	"github.com/muster-batch/muster/hack/localcluster/node"
)

// newFleet is a fleet without any slot: nothing it does starts a process. Launches that do are tested on a whole cluster.
func newFleet(t *testing.T, isOpen bool) fleet.Fleet {
	t.Helper()
	return fleet.Fleet{
		Nodes:  node.Config{Dir: t.TempDir(), Cgroup: "muster-test-that-starts-nothing"},
		IsOpen: func() bool { return isOpen },
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		verb, in string
		closed   bool
		wantErr  string
	}{
		"a verb it does not know":             {verb: "reboot", in: "{}", wantErr: `unknown verb "reboot"`},
		"what is no JSON":                     {verb: "launch", in: "launch!", wantErr: "read request"},
		"a launch without a token":            {verb: "launch", in: "{}", wantErr: "without a token"},
		"a launch into a cluster that ends":   {verb: "launch", in: `{"token":"t"}`, closed: true, wantErr: "the cluster is down"},
		"to launch what is no instance":       {verb: "launch", in: `{"token":"t","instanceId":"../pki"}`, wantErr: `"../pki" is no instance id`},
		"to terminate what is no instance":    {verb: "terminate", in: `{"instanceIds":["../pki"]}`, wantErr: `"../pki" is no instance id`},
		"to terminate by a pattern, likewise": {verb: "terminate", in: `{"instanceIds":["i-*"]}`, wantErr: `"i-*" is no instance id`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := newFleet(t, !tc.closed).Run(tc.verb, strings.NewReader(tc.in), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("Run() error = %v, want one with %q", err, tc.wantErr)
			}
		})
	}
}

func TestLaunchWithoutAFreeSlotIsOutOfCapacity(t *testing.T) {
	t.Parallel()
	err := newFleet(t, true).Run("launch", strings.NewReader(`{"token":"t"}`), io.Discard, io.Discard)
	if !errors.Is(err, fleet.ErrOutOfCapacity) {
		t.Errorf("Run() error = %v, want %v", err, fleet.ErrOutOfCapacity)
	}
}

func TestListOfNothingIsAnEmptyList(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := newFleet(t, true).Run("list", nil, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("{\"instances\":[]}\n", out.String()); diff != "" {
		t.Errorf("reply mismatch (-want +got):\n%s", diff)
	}
}

func TestEveryInstanceTypeHasTheMachinesShapeAndSaysSo(t *testing.T) {
	t.Parallel()
	var out, notes bytes.Buffer
	if err := newFleet(t, true).Run("instance-types", strings.NewReader(`{"instanceTypes":["c5.large","p4d.24xlarge"]}`), &out, &notes); err != nil {
		t.Fatal(err)
	}
	var reply struct {
		InstanceTypes []struct {
			Name      string
			VCPUs     int
			MemoryMiB int64
		}
	}
	if err := json.Unmarshal(out.Bytes(), &reply); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"c5.large", "p4d.24xlarge"} {
		if got := reply.InstanceTypes[i]; got.Name != want || got.VCPUs != runtime.NumCPU() || got.MemoryMiB == 0 {
			t.Errorf("type %d = %+v, want %s with %d vCPUs and some memory", i, got, want, runtime.NumCPU())
		}
	}
	if !strings.Contains(notes.String(), "this machine's own shape") {
		t.Errorf("standard error = %q, which does not say that types are not what they promise", notes.String())
	}
}
