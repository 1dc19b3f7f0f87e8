// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

const testJobID = "00001c5e-7a0b-4c1d-9e2f-0123456789ab"

// document is an input.json: what a client would send, less what pods do not depend on.
type document struct {
	Definition struct {
		ContainerProperties json.RawMessage `json:"containerProperties"`
		EKSProperties       json.RawMessage `json:"eksProperties"`
	} `json:"definition"`
	Job struct {
		Parameters         map[string]string `json:"parameters"`
		ContainerOverrides json.RawMessage   `json:"containerOverrides"`
		EKSOverrides       json.RawMessage   `json:"eksPropertiesOverride"`
	} `json:"job"`
}

func (d document) input() Input {
	return Input{
		Definition: batch.JobDefinition{
			Name: "def", Revision: 3, Type: "container",
			ContainerProperties: d.Definition.ContainerProperties, EKSProperties: d.Definition.EKSProperties,
		},
		Job: batch.Job{
			ID: testJobID, Name: "job", Queue: "queue",
			Definition: batch.DefinitionRef{Name: "def", Revision: 3},
			CreatedAt:  time.UnixMilli(1748306091676).UTC(),
			Parameters: d.Job.Parameters, ContainerOverrides: d.Job.ContainerOverrides, EKSOverrides: d.Job.EKSOverrides,
		},
		Environment: batch.ComputeEnvironment{Name: "env", UUID: "5e1f2f3c-0000-4000-8000-000000000001"},
		Attempt:     2,
		Rank:        "00000000000000000042",
	}
}

var testOptions = Options{Namespace: "muster-jobs", HostNetwork: true}

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
			pod, err := Pod(in, testOptions)
			if err != nil {
				t.Fatalf("Pod: %v", err)
			}
			detail := awsapi.JobDetail{Container: ContainerDetail(spec), EksProperties: EksPropertiesDetail(spec)}
			compareGolden(t, filepath.Join(dir, "pod.yaml"), pod, yaml.Marshal)
			compareGolden(t, filepath.Join(dir, "detail.json"), detail, func(v any) ([]byte, error) {
				return json.MarshalIndent(v, "", "  ")
			})
		})
	}
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
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s mismatch (-want +got), rewrite it with -update:\n%s", path, diff)
	}
}
