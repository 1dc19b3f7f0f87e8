// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// TestStoreThatDoesNotAnswerIsTold: whoever asks while Redis is away is told so and when to come again, and nothing of where it is.
func TestStoreThatDoesNotAnswerIsTold(t *testing.T) {
	t.Parallel()
	s := newServer(t, fakePlane{submit: func(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error) {
		return nil, fmt.Errorf("redis: %w: %w", batch.ErrUnavailable, errors.New("dial tcp 10.1.2.3:6379: connection refused"))
	}}, Config{})
	w := post(t, s, "/v1/submitjob", submitBody)
	answersJSON(t, w)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("X-Amzn-Errortype") != batch.CodeServer || w.Header().Get("Retry-After") != "1" ||
		!strings.Contains(w.Body.String(), "Redis, does not answer") || strings.Contains(w.Body.String(), "10.1.2.3") {
		t.Errorf("answer = %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestExplanationsAreRoutedByTheJob(t *testing.T) {
	t.Parallel()
	s := newServer(t, fakePlane{}, Config{})
	for path, want := range map[string]string{
		fakeJobID:                 `"jobId":"` + fakeJobID + `"`,
		fakeJobID + ":7":          `"jobId":"` + fakeJobID + `:7"`,
		fakeJobID + "%237":        `"jobId":"` + fakeJobID + `#7"`,
		strings.Repeat("x", 1000): `"jobId":"xxx`,
		"%3Cscript%3E%00":         `"jobId":"<script>\u0000"`,
		"a%2Fb":                   `"jobId":"a/b"`,
	} {
		w := do(s, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x/v1/jobs/"+path+"/explanation", http.NoBody))
		answersJSON(t, w)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	w := post(t, s, "/x/v1/simulate", submitBody)
	answersJSON(t, w)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"reason":"`) {
		t.Errorf("simulated: %d %s", w.Code, w.Body)
	}
	if w := post(t, s, "/x/v1/simulate", `{"jobName":"j"}`); w.Code != http.StatusBadRequest {
		t.Errorf("without a queue: %d %s", w.Code, w.Body)
	}
}
