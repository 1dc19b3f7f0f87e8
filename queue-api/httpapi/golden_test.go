// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

var update = flag.Bool("update", false, "write the golden files anew")

// answersJSON checks what must hold of every answer.
func answersJSON(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &object); err != nil || object == nil {
		t.Errorf("body is not a JSON object: %v\n%s", err, w.Body)
	}
	header := w.Header()
	if got := header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type = %q", got)
	}
	if got := header.Get("X-Amzn-RequestId"); !requestIDs.MatchString(got) {
		t.Errorf("request id = %q", got)
	}
	if failed := w.Code != http.StatusOK; failed != (header.Get("X-Amzn-ErrorType") != "") {
		t.Errorf("status %d with error type %q", w.Code, header.Get("X-Amzn-ErrorType"))
	}
}

var requestIDs = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// transcript writes down an answer with a fixed request id.
func transcript(w *httptest.ResponseRecorder) []byte {
	id := w.Header().Get("X-Amzn-RequestId")
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\n", w.Code)
	var lines []string
	for key, values := range w.Header() {
		lines = append(lines, key+": "+strings.Join(values, ", ")+"\n")
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, "") + "\n" + w.Body.String())
	return bytes.ReplaceAll(b.Bytes(), []byte(id), []byte("REQUEST-ID"))
}

func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	failWith := func(err error) ControlPlane {
		return fakePlane{submit: func(
			context.Context, batch.Call, *awsapi.SubmitJobRequest,
		) (*awsapi.SubmitJobResponse, error) {
			return nil, err
		}}
	}
	cases := map[string]struct {
		plane      ControlPlane
		path, body string
	}{
		"submit_job":            {path: "/v1/submitjob", body: submitBody},
		"describe_jobs":         {path: "/v1/describejobs", body: `{"jobs":["` + fakeJobID + `"]}`},
		"describe_no_jobs":      {path: "/v1/describejobs", body: `{"jobs":[]}`},
		"list_jobs":             {path: "/v1/listjobs", body: `{"jobQueue":"q"}`},
		"no_output":             {path: "/v1/canceljob", body: `{"jobId":"x","reason":"y"}`},
		"create_environment":    {path: "/v1/createcomputeenvironment", body: `{"computeEnvironmentName":"c","type":"MANAGED"}`},
		"rule_of_the_model":     {path: "/v1/submitjob", body: `{"jobName":"j","jobQueue":"q"}`},
		"rule_of_the_service":   {plane: failWith(batch.Invalidf("JobQueue %s not found.", "nope")), path: "/v1/submitjob", body: submitBody},
		"wrapped_client_error":  {plane: failWith(fmt.Errorf("submit job: %w", batch.Invalidf("Job name should match valid pattern"))), path: "/v1/submitjob", body: submitBody},
		"slow_down":             {plane: failWith(&batch.Error{Code: batch.CodeTooManyRequests, Message: "Slow down"}), path: "/v1/submitjob", body: submitBody},
		"own_server_error":      {plane: failWith(&batch.Error{Code: batch.CodeServer, Message: "The queue moved"}), path: "/v1/submitjob", body: submitBody},
		"cause_is_not_shown":    {plane: failWith(errors.New("dial tcp 10.1.2.3:6379: connection refused")), path: "/v1/submitjob", body: submitBody},
		"unknown_code_is_ours":  {plane: failWith(&batch.Error{Code: "Oops", Message: "secret"}), path: "/v1/submitjob", body: submitBody},
		"markup_is_not_escaped": {plane: failWith(batch.Invalidf("JobQueue %s not found.", "<a&b>\"\\\n")), path: "/v1/submitjob", body: submitBody},
		"unknown_path":          {path: "/v1/dance", body: ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.plane == nil {
				tc.plane = fakePlane{}
			}
			w := post(t, newServer(t, tc.plane, Config{}), tc.path, tc.body)
			answersJSON(t, w)
			got := transcript(w)
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("answer mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
