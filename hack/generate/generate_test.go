// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const awsapiDir = "../../queue-api/awsapi"

func TestCommittedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	want, err := generate(modelJSON)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(awsapiDir, filePattern))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	for _, path := range paths {
		if got[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("files mismatch, run make generate (-want +got):\n%s", diff)
	}
	for name := range want {
		if string(want[name]) != string(got[name]) {
			t.Errorf("%s is not what the model gives, run make generate", name)
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	t.Parallel()
	first, err := generate(modelJSON)
	if err != nil {
		t.Fatal(err)
	}
	second, err := generate(modelJSON)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("two runs differ (-first +second):\n%s", diff)
	}
}

func TestRunReplacesStaleFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stale, kept := filepath.Join(dir, "zz_generated.gone.go"), filepath.Join(dir, "doc.go")
	for _, path := range []string{stale, kept} {
		if err := os.WriteFile(path, []byte("package awsapi\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("stale file is still there: %v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("hand-written file: %v", err)
	}
}

// modelOf is a model of one operation whose request has the member m of the shape under test.
func modelOf(member, shape string) string {
	return `{"operations":{"SubmitJob":{"method":"POST","path":"/v1/submitjob","input":"In","output":"Out"}},"shapes":{
		"In":{"type":"structure","members":{"m":` + member + `}},"Out":{"type":"structure","members":{}},
		"String":{"type":"string"},"Short":{"type":"string","min":1,"max":3},"RetryAction":{"type":"string","enum":["RETRY"]},
		"Inner":{"type":"structure","members":{"x":{"shape":"String","required":true}}},
		"Free":{"type":"structure","members":{"x":{"shape":"String"}}},"S":` + shape + `}}`
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		member string // default: {"shape":"S"}
		shape  string
		want   []string // lines
	}{
		"an integer is a pointer": {
			shape: `{"type":"integer"}`,
			want:  []string{"M *int `json:\"m,omitzero\"`", "return nil"},
		},
		"a long with bounds is checked": {
			shape: `{"type":"long","min":1,"max":9}`,
			want:  []string{"M *int64 `json:\"m,omitzero\"` // 1 to 9", `return between("m", v.M, 1, 9)`},
		},
		"a required member comes from the URL and not from the body": {
			member: `{"shape":"S","required":true,"location":"uri"}`,
			shape:  `{"type":"string"}`,
			want:   []string{"M *string `json:\"-\"` // required", `return required("m", v.M != nil)`},
		},
		"an enum is checked": {
			shape: `{"type":"string","enum":["A","b-c"]}`,
			want: []string{
				"M *string `json:\"m,omitzero\"` // one of A, b-c", `return oneOf("m", v.M, valuesS[:])`, `SB_c = "b-c"`,
			},
		},
		"a retry action may be in any case": {
			member: `{"shape":"RetryAction"}`,
			shape:  `{"type":"string"}`,
			want:   []string{`return oneOfAnyCase("m", v.M, valuesRetryAction[:])`},
		},
		"a list of structures with rules is walked": {
			shape: `{"type":"list","member":"Inner","min":1}`,
			want: []string{
				"M []Inner `json:\"m,omitzero\"` // at least 1 items", `count("m", v.M != nil, len(v.M), 1, -1),`,
				`each("m", v.M),`, "// Inner is part of In.",
			},
		},
		"a structure without rules has no Validate": {
			shape: `{"type":"list","member":"Free"}`,
			want:  []string{"M []Free `json:\"m,omitzero\"`", "return nil"},
		},
		"a list of enums is checked": {
			shape: `{"type":"list","member":"RetryAction"}`,
			want:  []string{`return eachOneOf("m", v.M, valuesRetryAction[:])`},
		},
		"the lower bound of a map is let go": {
			shape: `{"type":"map","key":"Short","value":"Short","min":1,"max":50}`,
			want: []string{
				"M map[string]string `json:\"m,omitzero\"` // at most 50 entries",
				`count("m", v.M != nil, len(v.M), 0, 50),`, `keyLength("m", v.M, 1, 3),`, `valueLength("m", v.M, 1, 3),`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.member == "" {
				tc.member = `{"shape":"S"}`
			}
			files, err := generate([]byte(modelOf(tc.member, tc.shape)))
			if err != nil {
				t.Fatal(err)
			}
			all := string(files["zz_generated.job.go"]) + string(files["zz_generated.enums.go"])
			for _, want := range tc.want {
				if !slices.ContainsFunc(strings.Split(all, "\n"), func(line string) bool {
					return strings.Join(strings.Fields(line), " ") == want
				}) {
					t.Errorf("no line %q in:\n%s", want, all)
				}
			}
		})
	}
}

func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ model, want string }{
		"what is not JSON": {`{`, "decode model"},
		"an operation without its input": {
			`{"operations":{"SubmitJob":{"input":"In","output":"In"}}}`, `operation SubmitJob: no structure "In"`,
		},
		"an operation of no group": {
			`{"operations":{"Dance":{"input":"In","output":"In"}},"shapes":{"In":{"type":"structure"}}}`, "no group for its name",
		},
		"a dangling reference":      {modelOf(`{"shape":"Gone"}`, `{"type":"string"}`), `shape In: no shape "Gone"`},
		"a type it does not know":   {modelOf(`{"shape":"S"}`, `{"type":"blob"}`), `shape S: unknown type "blob"`},
		"members that are a list":   {modelOf(`{"shape":"S"}`, `{"type":"structure","members":[]}`), "members are not an object"},
		"a number with half bounds": {modelOf(`{"shape":"S"}`, `{"type":"long","max":3}`), "a number with one bound"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := generate([]byte(tc.model)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want it to contain %q", err, tc.want)
			}
		})
	}
}
