// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	clock := testingclock.NewFakePassiveClock(time.Unix(1000, 0))
	h := &health{clock: clock}
	handler := h.handler()
	check := func(what string, wantAlive, wantReady bool) {
		t.Helper()
		for path, want := range map[string]bool{"/healthz": wantAlive, "/readyz": wantReady} {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if got := w.Code == http.StatusOK; got != want {
				t.Errorf("%s: GET %s = %d %s", what, path, w.Code, strings.TrimSpace(w.Body.String()))
			}
		}
	}
	check("a follower is alive and ready", true, true)
	h.lead(true)
	check("a new leader does not know everything yet", true, false)
	h.looked(errors.New("boom"))
	check("a look that failed is a sign of life", true, false)
	h.looked(nil)
	check("a leader that has looked", true, true)
	clock.SetTime(clock.Now().Add(stuckAfter + time.Second))
	check("a leader whose loop is stuck", false, true)
	h.lead(false)
	check("a leader no more", true, true)
}
