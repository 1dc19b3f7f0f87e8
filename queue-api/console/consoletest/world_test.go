// SPDX-License-Identifier: Apache-2.0

package consoletest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestSeededPages(t *testing.T) {
	t.Parallel()
	w, end, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	s, err := w.Seed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                                 "Overview",
		"queues":                           "PAUSED",
		"queues/training":                  "At the front",
		"jobs?queue=training":              "train-00",
		"jobs?queue=training&group=name":   "train-00",
		"jobs?queue=nightly&status=FAILED": "There is no such job",
		"jobs/" + s.Array:                  "The first that failed",
		"jobs/" + s.Array + ":5":           "exit code 1",
		"jobs/" + s.Failed:                 "exit code 3",
		"jobs/" + s.Waiting:                "INSUFFICIENT_INSTANCE_CAPACITY",
		"jobs/" + s.Hostile:                "&lt;script&gt;",
		"jobs/" + s.Dependent:              "Depends on",
		"jobs/" + s.Gang:                   "solve",
		"jobs/" + s.Running:                "under way",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/console/"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip")
		plain, err := http.Get(w.URL + "/console/" + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(plain.Body)
		plain.Body.Close()
		if err != nil || plain.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
			t.Errorf("%q: %d without %q: %.600s", path, plain.StatusCode, want, text)
		}
		if strings.Contains(string(text), "<script>alert") || strings.Contains(string(text), "<img src=x") {
			t.Errorf("%q shows what a tenant wrote as markup", path)
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		small, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%q is not compressed: %v", path, err)
		}
		t.Logf("%-40q %6d bytes, %6d compressed", path, len(text), len(small))
		if len(small) > 60<<10 {
			t.Errorf("%q has %d bytes", path, len(small))
		}
	}
}
