// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// FuzzOperations sends anything to any operation of a busy site: it answers in AWS's form and never fails.
func FuzzOperations(f *testing.F) {
	model := loadModel(f)
	operations := slices.Sorted(maps.Keys(model.Operations))
	for i, operation := range operations {
		f.Add(i, `{`)
		for _, body := range requests[operation] {
			f.Add(i, body)
		}
	}
	s := newBusySite(f, model)
	f.Fuzz(func(t *testing.T, i int, body string) {
		if i < 0 || i >= len(operations) {
			return
		}
		operation := operations[i]
		got := s.call(t.Context(), operation, s.fill(body))
		switch got.code {
		case http.StatusOK:
			if _, wrong := s.check(operation, got.body); wrong != "" {
				t.Errorf("%s %s: reply %s: %s", operation, body, got.body, wrong)
			}
		case http.StatusBadRequest:
			var refusal struct{ Message string }
			if err := json.Unmarshal([]byte(got.body), &refusal); err != nil || got.kind != "ClientException" || !strings.Contains(refusal.Message, "Exception : ") {
				t.Errorf("%s %s = %s %s", operation, body, got.kind, got.body)
			}
		default:
			t.Errorf("%s %s = %d %s", operation, body, got.code, got.body)
		}
	})
}
