// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"errors"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Who comes and who is sent away is counted, by how they said who they are.
func TestCallersAreCounted(t *testing.T) {
	t.Parallel()
	m, err := newMetrics(prometheus.NewRegistry(), func() float64 { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	refused := &batch.Error{Code: batch.CodeUnrecognizedClient}
	cases := map[string]struct {
		authorization string
		err           error
		mode, result  string
	}{
		"nobody":                    {"", refused, "none", "refused"},
		"a signature that is right": {"AWS4-HMAC-SHA256 Credential=x", nil, "signature", "known"},
		"a token nobody knows":      {"Bearer x", refused, "token", "refused"},
		"a token nobody can judge":  {"Bearer x", errors.New("no API server"), "token", "error"},
	}
	for name, tc := range cases {
		h := http.Header{}
		if tc.authorization != "" {
			h.Set("Authorization", tc.authorization)
		}
		m.authenticated(h, tc.err)
		if got := testutil.ToFloat64(m.identified.WithLabelValues(tc.mode, tc.result)); got != 1 {
			t.Errorf("%s: counted %v times as %s, %s", name, got, tc.mode, tc.result)
		}
	}
	m.authorized("SubmitJob", &batch.Error{Code: batch.CodeAccessDenied})
	m.authorized("SubmitJob", errors.New("nobody could be asked"))
	if got := testutil.ToFloat64(m.denied.WithLabelValues("SubmitJob")); got != 1 {
		t.Errorf("%v denials", got)
	}
}
