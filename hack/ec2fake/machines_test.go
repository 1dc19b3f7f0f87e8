// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/hack/localcluster/node"
)

// slowHost takes its time, and notes what it was asked for.
type slowHost struct {
	mu    sync.Mutex // guards calls
	calls []string
}

func (h *slowHost) note(call string) error {
	time.Sleep(time.Second)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, call)
	return nil
}

func (h *slowHost) start(_ context.Context, i *ec2fake.Instance, k *ec2fake.Kubelet) error {
	return h.note("start " + i.ID + " in " + k.Cluster)
}

func (h *slowHost) end(_ context.Context, i *ec2fake.Instance) error { return h.note("end " + i.ID) }
func (h *slowHost) clear(context.Context) error                      { return nil }

// userData is one that joins the cluster of a cloud that was not told otherwise.
func userData(t *testing.T, cluster string) string {
	t.Helper()
	return "[settings.kubernetes]\ncluster-name = \"" + cluster + "\"\napi-server = \"https://cluster.example\"\ncluster-certificate = \"Y2VydGlmaWNhdGU=\"\n"
}

func TestMachineEndsAfterItStarted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		userData string
		want     []string
	}{
		"one that joins":                {userData(t, "muster"), []string{"start i-1 in muster", "end i-1"}},
		"one that is for another place": {userData(t, "other"), []string{"end i-1"}},
		"one that cannot be read":       {"motd", []string{"end i-1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &slowHost{}
				m := newMachines(h)
				m.cloud = ec2fake.New(ec2fake.Config{})
				i := ec2fake.Instance{ID: "i-1", UserData: tc.userData}
				m.launched(i)
				m.ended(i) // before it has started
				m.ended(i) // EC2 tells an end as often as it is asked for
				synctest.Wait()
				time.Sleep(3 * time.Second)
				if diff := cmp.Diff(tc.want, h.calls); diff != "" {
					t.Errorf("calls of the host (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestTypesThatFit(t *testing.T) {
	t.Parallel()
	types := []instancetype.Type{
		{Name: "small", VCPUs: 2, MemoryMiB: 4096, Architecture: runtime.GOARCH},
		{Name: "wide", VCPUs: 4, MemoryMiB: 4096, Architecture: runtime.GOARCH},
		{Name: "deep", VCPUs: 2, MemoryMiB: 8192, Architecture: runtime.GOARCH},
		{Name: "gpu", VCPUs: 2, MemoryMiB: 4096, Architecture: runtime.GOARCH, GPUs: 1},
		{Name: "foreign", VCPUs: 2, MemoryMiB: 4096, Architecture: "s390x"},
	}
	var got []string
	for _, fits := range fitting(slices.Clone(types), node.Shape{CPUs: 2, MemoryMiB: 5000}) {
		got = append(got, fits.Name)
	}
	if diff := cmp.Diff([]string{"small"}, got); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
}

func TestNodeOffersWhatItsTypeHas(t *testing.T) {
	t.Parallel()
	l := &local{shape: node.Shape{CPUs: 8, MemoryMiB: 32768}}
	got := l.reserved(&instancetype.Type{VCPUs: 2, MemoryMiB: 4096, Allocatable: &instancetype.Allocatable{CPUMillis: 1930, MemoryMiB: 3000}})
	if diff := cmp.Diff(map[string]string{"cpu": "6070m", "memory": "29768Mi"}, got); diff != "" {
		t.Errorf("reserved (-want +got):\n%s", diff)
	}
}

// The command is told of an instance what the exec fleet's is, and which one it is.
func TestCommandIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command := filepath.Join(dir, "fleet")
	script := "#!/bin/sh\ncat >'" + dir + "'/$1\necho '{\"instances\":[{\"instanceId\":\"i-2\"}]}'\n"
	if err := os.WriteFile(command, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	l := &local{command: command, shape: node.Shape{CPUs: 2, MemoryMiB: 8192}}
	i := &ec2fake.Instance{ID: "i-1", Type: "c5.large", Zone: "us-east-1a", Capacity: "spot", Tags: map[string]string{"Name": "env"}}
	k := &ec2fake.Kubelet{Labels: map[string]string{"a": "b"}}
	if err := l.start(t.Context(), i, k); err != nil {
		t.Fatal(err)
	}
	if err := l.clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	for verb, want := range map[string]string{
		"launch": `{"token":"i-1","instanceId":"i-1","providerId":"aws:///us-east-1a/i-1","nodeGroup":"","computeEnvironment":"env",` +
			`"computeEnvironmentUuid":"","instanceType":"c5.large","capacityType":"spot",` +
			`"labels":{"a":"b","node.kubernetes.io/instance-type":"c5.large","topology.kubernetes.io/zone":"us-east-1a"},"taints":null,` +
			`"reserved":{"cpu":"70m","memory":"5077Mi"},"maxPods":29}`,
		"terminate": `{"instanceIds":["i-2"]}`,
	} {
		got, err := os.ReadFile(filepath.Join(dir, verb))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s was told (-want +got):\n%s", verb, diff)
		}
	}
}
