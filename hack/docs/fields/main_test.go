// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFields holds the page to what becomes of the fields now.
func TestFields(t *testing.T) {
	t.Parallel()
	m, err := loadModel("../../generate/aws-batch-model.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := render(m, ".")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/reference/fields.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/reference/fields.md is not what make generate makes (-want +got):\n%s", diff)
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	pod := func(image string, more ...any) any {
		return []any{object{"spec": object{"containers": append([]any{object{"image": image, "args": []any{"a"}}}, more...), "x.y": "z"}}}
	}
	for name, tc := range map[string]struct {
		a, b any
		want map[string]bool
	}{
		"the same":           {pod("x"), pod("x"), map[string]bool{}},
		"a container's part": {pod("x"), pod("y"), map[string]bool{"spec.containers[].image": true}},
		"another container":  {pod("x"), pod("x", object{}), map[string]bool{"spec.containers": true}},
		"another pod":        {pod("x"), []any{}, map[string]bool{everyPod: true}},
	} {
		got := map[string]bool{}
		differences(tc.a, tc.b, "", got)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
