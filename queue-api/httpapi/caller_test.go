// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// asked is an Authorizer that answers by operation and keeps what it was asked.
type asked struct {
	refuse map[string]error
	in     map[string]any
}

func (a *asked) Authorize(_ context.Context, _ batch.Call, operation string, in any) error {
	a.in[operation] = in
	return a.refuse[operation]
}

func (a *asked) Filter(context.Context, batch.Call, string, any) error { return nil }

// askAs sends a request with a user's token and decodes the answer.
func askAs[T any](t *testing.T, s *Server, token, method, path, body string) (int, T) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := do(s, r)
	answersJSON(t, w)
	var out T
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return w.Code, out
}

func TestWhoAmI(t *testing.T) {
	t.Parallel()
	_, got := askAs[viewapi.WhoAmI](t, newServer(t, fakePlane{}, guardedConfig(t)), goodToken, http.MethodGet, "/x/v1/whoami", "")
	want := viewapi.WhoAmI{User: "ann", Groups: []string{}, Region: "us-east-1", Account: "123456789012"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who Ann is (-want +got):\n%s", diff)
	}
	_, got = askAs[viewapi.WhoAmI](t, newServer(t, fakePlane{}, Config{}), "x", http.MethodGet, "/x/v1/whoami", "")
	if !got.Anonymous || got.User != "" {
		t.Errorf("where nobody is asked: %+v", got)
	}
}

func TestCanI(t *testing.T) {
	t.Parallel()
	denied := &batch.Error{Code: batch.CodeAccessDenied, Message: "User: ann is not authorized"}
	cases := map[string]struct {
		body     string
		refuse   error
		want     viewapi.CanI
		wantIn   any // what the Authorizer was asked about; nil: nothing
		wantCode int
	}{
		"what is allowed": {
			body: `{"operation":"SubmitJob","request":{"jobQueue":"q"}}`, want: viewapi.CanI{Allowed: true},
			wantIn: &awsapi.SubmitJobRequest{JobQueue: new("q")}, wantCode: 200,
		},
		"what is refused": {
			body: `{"operation":"SubmitJob","request":{"jobQueue":"q"}}`, refuse: denied, want: viewapi.CanI{Reason: denied.Message},
			wantIn: &awsapi.SubmitJobRequest{JobQueue: new("q")}, wantCode: 200,
		},
		"all of a kind": {
			body: `{"operation":"DeleteJobQueue"}`, want: viewapi.CanI{Allowed: true}, wantIn: &awsapi.DeleteJobQueueRequest{}, wantCode: 200,
		},
		"tags, by their ARN": {
			body: `{"operation":"TagResource","resourceArn":"arn:x"}`, want: viewapi.CanI{Allowed: true},
			wantIn: &awsapi.TagResourceRequest{ResourceArn: new("arn:x")}, wantCode: 200,
		},
		"nobody can be asked":          {body: `{"operation":"SubmitJob"}`, refuse: errors.New("down"), wantIn: &awsapi.SubmitJobRequest{}, wantCode: 500},
		"no operation":                 {body: `{}`, wantCode: 400},
		"one that the server has not":  {body: `{"operation":"SubmitServiceJob"}`, wantCode: 400},
		"a request of another form":    {body: `{"operation":"SubmitJob","request":{"jobQueue":7}}`, wantCode: 400},
		"a request that is no object":  {body: `{"operation":"SubmitJob","request":[]}`, wantCode: 400},
		"a body longer than questions": {body: `{"operation":"` + strings.Repeat("x", maxQuestion) + `"}`, wantCode: 400},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who := &asked{refuse: map[string]error{"SubmitJob": tc.refuse}, in: map[string]any{}}
			cfg := guardedConfig(t)
			cfg.Authorizer = who
			s := newServer(t, fakePlane{submit: func(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error) {
				t.Error("the operation was carried out")
				return nil, nil
			}}, cfg)
			code, got := askAs[viewapi.CanI](t, s, goodToken, http.MethodPost, "/x/v1/can-i", tc.body)
			if code != tc.wantCode || got != tc.want {
				t.Errorf("answered %d %+v, want %d %+v", code, got, tc.wantCode, tc.want)
			}
			delete(who.in, OpCanI)
			for _, in := range who.in {
				if diff := cmp.Diff(tc.wantIn, in); diff != "" {
					t.Errorf("asked about (-want +got):\n%s", diff)
				}
			}
			if len(who.in) == 0 != (tc.wantIn == nil) {
				t.Errorf("asked about %v", who.in)
			}
		})
	}
}

func TestAnybodyMayWhereNobodyIsAsked(t *testing.T) {
	t.Parallel()
	s := newServer(t, fakePlane{}, Config{})
	if code, got := askAs[viewapi.CanI](t, s, "x", http.MethodPost, "/x/v1/can-i", `{"operation":"SubmitJob"}`); code != 200 || !got.Allowed || got.Reason == "" {
		t.Errorf("answered %d %+v", code, got)
	}
}

// FuzzCanI: no question harms the server, and none that it answers carries out anything.
func FuzzCanI(f *testing.F) {
	for _, op := range awsapi.Operations {
		f.Add(`{"operation":"` + op.Name + `","request":{"jobQueue":"q","jobs":["a"],"computeEnvironmentOrder":[{}]},"resourceArn":"arn:aws:batch:::job/x"}`)
	}
	s := newServer(f, fakePlane{}, Config{Authorizer: authorizerFunc(func() error { return nil })})
	f.Fuzz(func(t *testing.T, body string) {
		if w := post(t, s, "/x/v1/can-i", body); w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("%q = %d %s", body, w.Code, w.Body)
		}
	})
}
