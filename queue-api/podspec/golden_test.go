// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

const testJobID = "00001c5e-7a0b-4c1d-9e2f-0123456789ab"

// document is an input.json: what a client would send, less what pods do not depend on.
type document struct {
	Definition struct {
		Type                 string          `json:"type"` // container if absent
		PlatformCapabilities []string        `json:"platformCapabilities"`
		ContainerProperties  json.RawMessage `json:"containerProperties"`
		EKSProperties        json.RawMessage `json:"eksProperties"`
		ECSProperties        json.RawMessage `json:"ecsProperties"`
		NodeProperties       json.RawMessage `json:"nodeProperties"`
	} `json:"definition"`
	Job struct {
		Parameters         map[string]string `json:"parameters"`
		ContainerOverrides json.RawMessage   `json:"containerOverrides"`
		EKSOverrides       json.RawMessage   `json:"eksPropertiesOverride"`
		ECSOverrides       json.RawMessage   `json:"ecsPropertiesOverride"`
		NodeOverrides      json.RawMessage   `json:"nodeOverrides"`
		ArraySize          int               `json:"arraySize"`
		ArrayIndex         *int              `json:"arrayIndex"`
	} `json:"job"`
}

func (d document) input() Input {
	in := Input{
		Definition: batch.JobDefinition{
			Name: "def", Revision: 3, Type: cmp.Or(d.Definition.Type, "container"), PlatformCapabilities: d.Definition.PlatformCapabilities,
			ContainerProperties: d.Definition.ContainerProperties, EKSProperties: d.Definition.EKSProperties,
			ECSProperties: d.Definition.ECSProperties, NodeProperties: d.Definition.NodeProperties,
		},
		Job: batch.Job{
			ID: testJobID, Name: "job", Queue: "queue",
			Definition: batch.DefinitionRef{Name: "def", Revision: 3},
			CreatedAt:  time.UnixMilli(1748306091676).UTC(),
			Parameters: d.Job.Parameters, ContainerOverrides: d.Job.ContainerOverrides, EKSOverrides: d.Job.EKSOverrides,
			ECSOverrides: d.Job.ECSOverrides, NodeOverrides: d.Job.NodeOverrides,
			ArraySize: d.Job.ArraySize, ArrayIndex: d.Job.ArrayIndex,
		},
		Environment: batch.ComputeEnvironment{Name: "env", UUID: "5e1f2f3c-0000-4000-8000-000000000001"},
		Attempt:     2,
		Rank:        "00000000000000000042",
	}
	if in.Job.IsChild() {
		in.Job.ID = batch.ChildID(testJobID, *in.Job.ArrayIndex)
	}
	return in
}

var testOptions = Options{
	Namespace: "muster-jobs", HostNetwork: true,
	ServiceAccounts: map[string]string{"genomics": "genomics-reader"},
	FileSystems: map[string]FileSystem{
		"fs-1": {Claim: "homes"}, "fs-2": {NFSServer: "nas.example.com", NFSPath: "/export"}, "fsap-1": {Claim: "point"},
	},
}

func readDocument(tb testing.TB, path string) document {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		tb.Fatalf("read %s: %v", path, err)
	}
	return d
}

func inputFiles(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("testdata/*/input.json")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no golden inputs: %v", err)
	}
	return files
}

// TestGolden shows each input's pod beside what DescribeJobs says of the job.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, file := range inputFiles(t) {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			in := readDocument(t, file).input()
			if err := ValidateDefinition(in.Definition, testOptions); err != nil {
				t.Fatalf("ValidateDefinition: %v", err)
			}
			spec, err := Merge(in.Definition, in.Job)
			if err != nil {
				t.Fatalf("Merge: %v", err)
			}
			if in.Job.Requests, err = spec.Requests(); err != nil {
				t.Fatalf("Requests: %v", err)
			}
			if spec.Nodes != nil {
				in.Job.NumNodes, in.Job.MainNode = spec.NumNodes(), *spec.Nodes.MainNode
			}
			if in.Job.Consumables, err = Consumables(in.Definition, in.Job, nil); err != nil {
				t.Fatalf("Consumables: %v", err)
			}
			pods, err := Pods(in, testOptions)
			if err != nil {
				t.Fatalf("Pods: %v", err)
			}
			for _, p := range pods {
				checkCreation(t, p)
			}
			compareGolden(t, filepath.Join(dir, "pod.yaml"), pods, marshalPods)
			detail := awsapi.JobDetail{
				Container: ContainerDetail(spec), EksProperties: EksPropertiesDetail(spec), EcsProperties: EcsPropertiesDetail(spec),
				NodeProperties: NodePropertiesDetail(spec),
			}
			compareGolden(t, filepath.Join(dir, "detail.json"), detail, func(v any) ([]byte, error) {
				return json.MarshalIndent(v, "", "  ")
			})
		})
	}
}

// marshalPods writes one document a pod.
func marshalPods(v any) ([]byte, error) {
	var out []byte
	for i, p := range v.([]*corev1.Pod) {
		doc, err := yaml.Marshal(p)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, "---\n"...)
		}
		out = append(out, doc...)
	}
	return out, nil
}

func compareGolden(t *testing.T, path string, v any, marshal func(any) ([]byte, error)) {
	t.Helper()
	got, err := marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s mismatch (-want +got), rewrite it with -update:\n%s", path, diff)
	}
}
