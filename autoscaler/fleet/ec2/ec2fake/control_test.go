// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestControl(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	client := connect(t, c)
	h := WithControl(c)
	post := func(path, body string, want int) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("POST %s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
	post("/fake/stock", `{"type": "c5.large", "zone": "us-east-1a", "count": 1}`, http.StatusNoContent)
	post("/fake/outage", `{"zone": "us-east-1b", "from": 1}`, http.StatusNoContent)
	post("/fake/stock", `{"kind": "c5.large"}`, http.StatusBadRequest)
	if got, _ := buy(t, client, spotFleet("first", 3)); got != 3 {
		t.Errorf("%d instances, want 1 of the stock and 2 of the other zone", got)
	}
	post("/fake/reclaim", `{"id": "`+c.Instances()[0].ID+`"}`, http.StatusNoContent)
	if got, short := buy(t, client, spotFleet("second", 3)); got != 1 || len(short) != 2 {
		t.Errorf("%d instances, nothing in %v; want the reclaimed one's place alone", got, short)
	}
	post("/fake/fault", `{"action": "CreateFleet", "code": "InternalError"}`, http.StatusNoContent)
	if _, err := client.CreateFleet(t.Context(), spotFleet("third", 1)); err == nil {
		t.Error("the call went well")
	}

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/fake/state", http.NoBody))
	var state State
	if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"CreateFleet": 3, "CreateLaunchTemplate": 1}, state.Calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if n := len(state.Instances); n != 4 || state.Instances[0].State != shuttingDown {
		t.Errorf("%d instances, the first %s; want 4, shutting-down", n, state.Instances[0].State)
	}
}

func TestStockOfEverything(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	client := connect(t, c)
	c.SetStock(Pool{}, 2)
	if got, _ := buy(t, client, spotFleet("token", 3)); got != 2 {
		t.Errorf("%d instances, want the 2 that there are", got)
	}
}
