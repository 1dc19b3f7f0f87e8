// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		body    string
		want    awsapi.SubmitJobRequest
		wantErr string
	}{
		"an empty body is an empty object":    {},
		"white space is an empty object":      {body: " \r\n\t"},
		"an empty object":                     {body: "{}"},
		"null is an empty object":             {body: "null"},
		"unknown members are ignored":         {body: `{"jobName":"j","color":{"red":[1,2]}}`, want: awsapi.SubmitJobRequest{JobName: new("j")}},
		"null members are absent":             {body: `{"jobName":null,"tags":null,"dependsOn":null,"timeout":null}`},
		"empty collections are not absent":    {body: `{"tags":{},"dependsOn":[]}`, want: awsapi.SubmitJobRequest{Tags: map[string]string{}, DependsOn: []awsapi.JobDependency{}}},
		"text in any script":                  {body: `{"jobName":"\u00e4ä😀"}`, want: awsapi.SubmitJobRequest{JobName: new("ää😀")}},
		"an integer":                          {body: `{"schedulingPriorityOverride":-7}`, want: awsapi.SubmitJobRequest{SchedulingPriorityOverride: new(-7)}},
		"a broken object":                     {body: `{"jobName":"j",}`, wantErr: "Request body is not valid JSON at byte 16: invalid character '}' looking for beginning of object key string"},
		"an object cut short":                 {body: `{"jobName":"j"`, wantErr: "Request body is not valid JSON at byte 14: unexpected end of JSON input"},
		"more than one object":                {body: `{}{}`, wantErr: "Request body is not valid JSON at byte 3: invalid character '{' after top-level value"},
		"a form":                              {body: `Action=SubmitJob`, wantErr: "Request body is not valid JSON at byte 1: invalid character 'A' looking for beginning of value"},
		"a list for an object":                {body: `[]`, wantErr: "Request body must be an object, not array"},
		"a string for an object":              {body: `"{}"`, wantErr: "Request body must be an object, not string"},
		"a number for a string":               {body: `{"jobName":1}`, wantErr: "jobName must be a string, not number"},
		"a string for a list":                 {body: `{"dependsOn":"x"}`, wantErr: "dependsOn must be a list, not string"},
		"a list for a map":                    {body: `{"tags":[]}`, wantErr: "tags must be an object, not array"},
		"a string for a truth":                {body: `{"propagateTags":"true"}`, wantErr: "propagateTags must be true or false, not string"},
		"a string for an integer":             {body: `{"timeout":{"attemptDurationSeconds":"60"}}`, wantErr: "timeout.attemptDurationSeconds must be an integer, not string"},
		"a fraction for an integer":           {body: `{"timeout":{"attemptDurationSeconds":60.5}}`, wantErr: "timeout.attemptDurationSeconds must be an integer, not number 60.5"},
		"an integer with too many digits":     {body: `{"timeout":{"attemptDurationSeconds":99999999999999999999}}`, wantErr: "timeout.attemptDurationSeconds must be an integer, not number 99999999999999999999"},
		"a very long number is not sent back": {body: `{"timeout":{"attemptDurationSeconds":` + strings.Repeat("9", 1000) + `}}`, wantErr: "timeout.attemptDurationSeconds must be an integer, not number"},
		"a number deep inside":                {body: `{"containerOverrides":{"environment":[{"name":"A","value":1}]}}`, wantErr: "containerOverrides.environment.value must be a string, not number"},
		"nesting without end":                 {body: strings.Repeat("[", 20000), wantErr: "Request body must be nested at most 32 deep"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got awsapi.SubmitJobRequest
			err := decode([]byte(tc.body), &got)
			if diff := cmp.Diff(tc.wantErr, clientText(err)); diff != "" {
				t.Errorf("error mismatch (-want +got):\n%s", diff)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("request mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// clientText is the text of a ClientException, or the whole of any other error.
func clientText(err error) string {
	var known *batch.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &known) && known.Code == batch.CodeClient:
		return known.Message
	}
	return "not the client's: " + err.Error()
}

func TestDecodeBodyIsBounded(t *testing.T) {
	t.Parallel()
	const tooLarge = "Request body must be at most 262144 bytes (256 KiB)"
	padded := func(n int) string { return submitBody + strings.Repeat(" ", n-len(submitBody)) }
	cases := map[string]struct {
		body    io.Reader
		wantErr string
	}{
		"as large as it may be":          {body: strings.NewReader(padded(maxBody))},
		"one byte more":                  {body: strings.NewReader(padded(maxBody + 1)), wantErr: tooLarge},
		"one byte more, length unknown":  {body: io.MultiReader(strings.NewReader(padded(maxBody + 1))), wantErr: tooLarge},
		"a connection that breaks":       {body: iotest.ErrReader(io.ErrUnexpectedEOF), wantErr: "Request body could not be read: it ended early or came too slowly"},
		"a body that comes byte by byte": {body: iotest.OneByteReader(strings.NewReader(submitBody))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/submitjob", tc.body)
			var in awsapi.SubmitJobRequest
			if diff := cmp.Diff(tc.wantErr, clientText(decodeBody(r, maxBody, &in))); diff != "" {
				t.Errorf("error mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzRequestBody holds every operation to this: whatever its body, the answer is 200 or a ClientException, and JSON.
func FuzzRequestBody(f *testing.F) {
	s := newServer(f, fakePlane{}, Config{})
	for i := range awsapi.Operations {
		f.Add(uint8(i), []byte(submitBody))
	}
	f.Add(uint8(0), []byte(`{"jobId":"\ud800","reason":null}`))
	f.Add(uint8(37), []byte(`{"tags":{"`+strings.Repeat("k", 200)+`":""}}`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		op := awsapi.Operations[int(which)%len(awsapi.Operations)]
		path := strings.Replace(op.Path, "{resourceArn}", escapedARN, 1)
		w := do(s, httptest.NewRequestWithContext(t.Context(), op.Method, path, strings.NewReader(string(body))))
		answersJSON(t, w)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("status = %d: %s", w.Code, w.Body)
		}
		if w.Code == http.StatusBadRequest && w.Body.Len() > 8*maxMessage {
			t.Errorf("an error of %d bytes", w.Body.Len())
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("body = %q", w.Body)
		}
	})
}
