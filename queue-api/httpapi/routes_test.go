// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

const escapedARN = "arn%3Aaws%3Abatch%3Aus-east-1%3A123456789012%3Ajob-queue%2Fq"

func TestEveryOperationIsRouted(t *testing.T) {
	t.Parallel()
	s := newServer(t, fakePlane{}, Config{})
	for _, op := range awsapi.Operations {
		t.Run(op.Name, func(t *testing.T) {
			t.Parallel()
			path := strings.Replace(op.Path, "{resourceArn}", escapedARN, 1)
			for _, path := range []string{path, path + "/"} {
				w := do(s, httptest.NewRequestWithContext(t.Context(), op.Method, path, strings.NewReader("{}")))
				answersJSON(t, w)
				switch {
				case w.Code == http.StatusOK:
				case w.Code == http.StatusBadRequest && w.Header().Get("X-Amzn-ErrorType") == "ClientException":
				default:
					t.Errorf("%s %s = %d %s", op.Method, path, w.Code, w.Body)
				}
			}
		})
	}
}

func TestUnsupportedOperations(t *testing.T) {
	t.Parallel()
	s := newServer(t, fakePlane{}, Config{})
	cases := map[string]struct {
		path, body string
		wantCode   int
		want       string
	}{
		"a mutating one refuses": {
			path: "/v1/createserviceenvironment", wantCode: 400,
			want: "Exception : CreateServiceEnvironment is not supported by this server, RequestId",
		},
		"it does so before it reads the body": {
			path: "/v1/createquotashare", body: "{", wantCode: 400, want: "CreateQuotaShare is not supported",
		},
		"service environments are none": {
			path: "/v1/describeserviceenvironments", wantCode: 200, want: `{"serviceEnvironments":[]}`,
		},
		"service jobs are none": {path: "/v1/listservicejobs", wantCode: 200, want: `{"jobSummaryList":[]}`},
		"quota shares are none": {
			path: "/v1/listquotashares", body: `{"jobQueue":"q"}`, wantCode: 200, want: `{"quotaShares":[]}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := post(t, s, tc.path, tc.body)
			answersJSON(t, w)
			if w.Code != tc.wantCode || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("answer = %d %s, want %d with %q", w.Code, w.Body, tc.wantCode, tc.want)
			}
		})
	}
}

func TestTagsAreRoutedByARN(t *testing.T) {
	t.Parallel()
	s := newServer(t, fakePlane{}, Config{})
	const arn = "arn:aws:batch:us-east-1:123456789012:job-queue/q"
	cases := map[string]struct{ method, path, body, want string }{
		"an escaped ARN":     {http.MethodGet, escapedARN, "", `{"tags":{"arn":"` + arn + `"}}`},
		"a plain ARN":        {http.MethodGet, arn, "", `{"tags":{"arn":"` + arn + `"}}`},
		"half of it escaped": {http.MethodGet, "arn:aws:batch:us-east-1:123456789012:job-queue%2Fq", "", `{"tags":{"arn":"` + arn + `"}}`},
		"a trailing slash":   {http.MethodGet, escapedARN + "/", "", `{"tags":{"arn":"` + arn + `"}}`},
		"a doubled slash":    {http.MethodGet, "arn:aws:batch:::job-queue//q", "", `{"tags":{"arn":"arn:aws:batch:::job-queue//q"}}`},
		"a node's ARN":       {http.MethodGet, "arn:aws:batch:::job%2Fx%230", "", `{"tags":{"arn":"arn:aws:batch:::job/x#0"}}`},
		"no ARN":             {http.MethodGet, "", "", "resourceArn: is required"},
		"tags in the body":   {http.MethodPost, escapedARN, `{"tags":{"a":"b"},"resourceArn":"x"}`, "tag " + arn + " map[a:b]"},
		"keys in the query":  {http.MethodDelete, escapedARN + "?tagKeys=a&tagKeys=b%26c", "", `untag ` + arn + ` [\"a\" \"b&c\"]`},
		"no keys":            {http.MethodDelete, escapedARN, "", "tagKeys: is required"},
		"too many keys":      {http.MethodDelete, escapedARN + "?" + strings.Repeat("tagKeys=a&", 51), "", "tagKeys: must have 1 to 50 members"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := do(s, httptest.NewRequestWithContext(t.Context(), tc.method, "/v1/tags/"+tc.path, strings.NewReader(tc.body)))
			answersJSON(t, w)
			if !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("answer = %d %s, want %q", w.Code, w.Body, tc.want)
			}
		})
	}
}

func TestUnknownPathsAnswerJSON(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newServer(t, fakePlane{}, Config{}))
	t.Cleanup(server.Close)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	cases := map[string]struct{ method, path string }{
		"root":                    {http.MethodGet, "/"},
		"no such operation":       {http.MethodPost, "/v1/dance"},
		"another version":         {http.MethodPost, "/v2/submitjob"},
		"upper case":              {http.MethodPost, "/v1/SubmitJob"},
		"another method":          {http.MethodGet, "/v1/submitjob"},
		"another method on tags":  {http.MethodPut, "/v1/tags/" + escapedARN},
		"a doubled slash":         {http.MethodPost, "//v1/submitjob"},
		"two trailing slashes":    {http.MethodPost, "/v1/submitjob//"},
		"dots":                    {http.MethodPost, "/v1/x/../submitjob"},
		"escaped dots":            {http.MethodPost, "/v1/%2e%2e/v1/submitjob"},
		"more path":               {http.MethodPost, "/v1/submitjob/now"},
		"no operation at all":     {http.MethodPost, "/v1/"},
		"characters of all kinds": {http.MethodPost, "/%00%ff<b>"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), tc.method, server.URL+tc.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != http.StatusNotFound || resp.Header.Get("Content-Type") != "application/json" ||
				!strings.HasPrefix(string(body), `{"message":"`) {
				t.Errorf("answer = %d %s %s", resp.StatusCode, resp.Header, body)
			}
			if resp.Header.Get("Date") == "" || resp.Header.Get("X-Amzn-RequestId") == "" {
				t.Errorf("headers = %v, want Date and x-amzn-RequestId", resp.Header)
			}
		})
	}
}

func TestEventsAreServedWhereThereAreAny(t *testing.T) {
	t.Parallel()
	stream := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for want, events := range map[int]http.Handler{http.StatusTeapot: stream, http.StatusNotFound: nil} {
		s := newServer(t, fakePlane{}, Config{Events: events})
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x/v1/events?jobQueue=q", http.NoBody))
		if w.Code != want {
			t.Errorf("answered %d, want %d", w.Code, want)
		}
	}
}
