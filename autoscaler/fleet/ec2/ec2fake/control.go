// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
)

// State is what a cloud tells of itself beside EC2's API.
type State struct {
	Instances []Instance     // all that there ever were, oldest first
	Calls     map[string]int // by action, refused and repeated ones too
}

// State is the cloud's state.
func (c *Cloud) State() State {
	s := State{Instances: c.History()}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Calls = maps.Clone(c.calls)
	return s
}

// Stock is a call of SetStock.
type Stock struct {
	Pool
	Count int
}

// Reclaimed names the instance of a call of Reclaim, Interrupt or Recommend.
type Reclaimed struct{ ID string }

// WithControl serves the cloud and, below /fake/, lets another process do to it what a test does: GET state, POST stock,
// outage, fault and reclaim, each with the JSON of the type of that name, and interrupt and recommend, with that of reclaim.
func WithControl(c *Cloud) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", c)
	mux.HandleFunc("GET /fake/state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, c.State()) })
	mux.Handle("POST /fake/stock", take(func(s Stock) { c.SetStock(s.Pool, s.Count) }))
	mux.Handle("POST /fake/outage", take(c.Plan))
	mux.Handle("POST /fake/fault", take(c.Break))
	mux.Handle("POST /fake/reclaim", take(func(r Reclaimed) { c.Reclaim(r.ID) }))
	mux.Handle("POST /fake/interrupt", take(func(r Reclaimed) { c.Interrupt(r.ID) }))
	mux.Handle("POST /fake/recommend", take(func(r Reclaimed) { c.Recommend(r.ID) }))
	return mux
}

// take decodes what do is told; a member that there is not is refused, as it is a mistake of a test's.
func take[T any](do func(T)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in T
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			http.Error(w, fmt.Sprintf("decode %T: %v", in, err), http.StatusBadRequest)
			return
		}
		do(in)
		w.WriteHeader(http.StatusNoContent)
	})
}
