// SPDX-License-Identifier: Apache-2.0

package exec

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/fleettest"
)

// machine is one of the file that the example of docs/bare-metal.md reads.
type machine struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	VCPUs     int    `json:"vcpus"`
	MemoryMiB int    `json:"memoryMiB"`
	On        string `json:"on"`
	Off       string `json:"off"`
	Out       bool   `json:"out,omitempty"`
}

// rackSize is how many machines of each type there are.
const rackSize = 6

// newRack is the example's fleet, with machines of some types of which so many may be given out.
func newRack(t *testing.T, sizes map[string]int) (*Fleet, string) {
	t.Helper()
	target, err := filepath.Abs("../../../docs/examples/rack")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	link := filepath.Join(folder, "rack")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	writeRack(t, folder, sizes)
	f, err := New(link)
	if err != nil {
		t.Fatal(err)
	}
	return f, folder
}

// writeRack says which machines there are. Each notes in a file what it was told.
func writeRack(t *testing.T, folder string, sizes map[string]int) {
	t.Helper()
	var machines []machine
	for kind, size := range sizes {
		for i := range rackSize {
			name := fmt.Sprintf("%s-%d", kind, i)
			said := filepath.Join(folder, name)
			machines = append(machines, machine{
				Name: name, Type: kind, VCPUs: 4, MemoryMiB: 8192,
				On:  `echo "on $MACHINE $PROVIDER_ID $NODE_LABELS $NODE_TAINTS" >>` + said,
				Off: `echo "off $MACHINE" >>` + said,
				Out: i >= size,
			})
		}
	}
	content, err := json.Marshal(machines)
	if err != nil {
		t.Fatal(err)
	}
	write(t, folder, "rack.json", string(content))
}

// TestRack holds the example to what every fleet is held to.
func TestRack(t *testing.T) {
	t.Parallel()
	fleettest.Run(t, func(t *testing.T) fleettest.Harness {
		t.Helper()
		sizes := map[string]int{"small": rackSize, "large": rackSize}
		f, folder := newRack(t, sizes)
		return fleettest.Harness{
			Fleet: f,
			Types: []string{"small", "large"},
			Exhaust: func(instanceType string, n int) {
				sizes[instanceType] = n
				writeRack(t, folder, sizes)
			},
		}
	})
}

func TestRackTellsMachinesWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	f, folder := newRack(t, map[string]int{"small": 1})
	r := fleettest.Request(t, fleettest.Harness{Fleet: f, Types: []string{"small"}}, "token", 1)
	got, err := f.Launch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Terminate(t.Context(), []string{got[0].ID}); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(filepath.Join(folder, "small-0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"on small-0 rack:///small-0 ", "batch.amazonaws.com/compute-environment-uuid=11111111-2222-3333-4444-555555555555", "muster.sh/instance-id=small-0",
		"batch.amazonaws.com/batch-node=", ":NoSchedule", "\noff small-0\n",
	} {
		if !strings.Contains(string(said), want) {
			t.Errorf("the machine was told\n%s\nwhich lacks %q", said, want)
		}
	}
}

func TestRackKeepsAMachineThatDoesNotGoOff(t *testing.T) {
	t.Parallel()
	f, folder := newRack(t, map[string]int{"small": 1})
	if _, err := f.Launch(t.Context(), fleettest.Request(t, fleettest.Harness{Fleet: f, Types: []string{"small"}}, "token", 1)); err != nil {
		t.Fatal(err)
	}
	write(t, folder, "rack.json", `[{"name":"small-0","type":"small","vcpus":4,"memoryMiB":8192,"on":"true","off":"echo it is stuck >&2; false"}]`)
	err := f.Terminate(t.Context(), []string{"small-0"})
	if err == nil || !strings.Contains(err.Error(), "it is stuck") || fleet.IsOutOfCapacity(err) {
		t.Errorf("error = %v, want what the machine said", err)
	}
	listed, err := f.List(t.Context())
	if err != nil || len(listed) != 1 {
		t.Errorf("listed %v, %v; want the machine that may still be on", listed, err)
	}
}
