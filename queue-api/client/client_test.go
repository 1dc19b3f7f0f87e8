// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/muster-batch/muster/queue-api/authn/sigv4"
	"github.com/muster-batch/muster/queue-api/awsapi"
)

// server keeps what it was sent and answers as it is told, one answer after the other; the last one stays.
type server struct {
	*httptest.Server

	mu       sync.Mutex // guards what follows
	answers  []func(http.ResponseWriter)
	requests []*http.Request
	bodies   []string
}

func newServer(t *testing.T, answers ...func(http.ResponseWriter)) *server {
	t.Helper()
	s := &server{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
		answer := s.answers[0]
		if len(s.answers) > 1 {
			s.answers = s.answers[1:]
		}
		s.mu.Unlock()
		answer(w)
	}))
	t.Cleanup(s.Close)
	return s
}

func answers(status int, body string, headers ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangsUp ends the connection without an answer.
func hangsUp(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// However often a request is sent, the server knows it for the same: a job is submitted once.
func TestOneInvocationIsSentUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	s := newServer(t, hangsUp, answers(http.StatusTooManyRequests, `{"message":"slow down"}`, "X-Amzn-Errortype", "TooManyRequestsException"),
		answers(http.StatusOK, `{"jobName":"j","jobId":"id"}`))
	c := newClient(t, Config{Endpoint: s.URL})
	out, err := Do[awsapi.SubmitJobResponse](t.Context(), c, "SubmitJob", &awsapi.SubmitJobRequest{JobName: new("j")})
	if err != nil || *out.JobId != "id" {
		t.Fatalf("%+v, %v", out, err)
	}
	var ids, attempts []string
	for i, r := range s.requests {
		ids, attempts = append(ids, r.Header.Get("Amz-Sdk-Invocation-Id")), append(attempts, r.Header.Get("Amz-Sdk-Request"))
		if r.Method != http.MethodPost || r.URL.Path != "/v1/submitjob" || s.bodies[i] != `{"jobName":"j"}` {
			t.Errorf("%s %s %s", r.Method, r.URL.Path, s.bodies[i])
		}
	}
	if len(ids) != 3 || ids[0] == "" || len(slices.Compact(ids)) != 1 || !slices.Equal(attempts, []string{"attempt=1; max=3", "attempt=2; max=3", "attempt=3; max=3"}) {
		t.Errorf("invocations %q, %q", ids, attempts)
	}
	if _, err := Do[awsapi.SubmitJobResponse](t.Context(), c, "SubmitJob", &awsapi.SubmitJobRequest{}); err != nil || s.requests[3].Header.Get("Amz-Sdk-Invocation-Id") == ids[0] {
		t.Errorf("another request has the same invocation, %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const envelope = "Error executing request, Exception : jobQueue q, RequestId: x, is not there, RequestId: 1-2-3"
	cases := map[string]struct {
		answer      func(http.ResponseWriter)
		want        string
		is          func(error) bool
		wantAnswers int
	}{
		"a refusal": {
			answers(http.StatusBadRequest, `{"message":"`+envelope+`"}`, "X-Amzn-Errortype", "ClientException"),
			"DescribeJobs: ClientException: jobQueue q, RequestId: x, is not there", IsRefused, 1,
		},
		"who are you": {answers(http.StatusForbidden, `{"message":"no"}`, "X-Amzn-Errortype", "AccessDeniedException"), "DescribeJobs: AccessDeniedException: no", IsDenied, 1},
		"of AWS's JSON protocol": {
			answers(http.StatusBadRequest, `{"__type":"com.amazonaws.logs#ResourceNotFoundException","message":"no log"}`), "DescribeJobs: ResourceNotFoundException: no log", IsNotFound, 1,
		},
		"an older server": {answers(http.StatusNotFound, `{"message":"x"}`, "X-Amzn-Errortype", "UnknownOperationException"), "UnknownOperationException", IsUnknownOperation, 1},
		"another server":  {answers(http.StatusNotFound, "<html>\x1b[31m"), `answered 404 Not Found: "<html>\x1b[31m"`, isUnreachable, 1},
		"a redirection":   {answers(http.StatusFound, "", "Location", "http://127.0.0.1:1/steal"), "answered 302 Found", isUnreachable, 1},
		"no JSON":         {answers(http.StatusOK, "<html>"), "something else than JSON", isUnreachable, 1},
		"a broken server": {answers(http.StatusInternalServerError, `{"message":"oops"}`, "X-Amzn-Errortype", "ServerException"), "ServerException: oops", isTold, 3},
		"nobody there":    {hangsUp, "queue-api is not reached", isUnreachable, 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, tc.answer)
			_, err := Do[awsapi.DescribeJobsResponse](t.Context(), newClient(t, Config{Endpoint: s.URL}), "DescribeJobs", &awsapi.DescribeJobsRequest{})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !tc.is(err) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if len(s.requests) != tc.wantAnswers {
				t.Errorf("asked %d times, want %d", len(s.requests), tc.wantAnswers)
			}
		})
	}
}

func isUnreachable(err error) bool { return errors.Is(err, ErrUnreachable) }

func isTold(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok && !IsRefused(err) && !IsDenied(err)
}

// What is signed is what is sent, as queue-api verifies it, whatever stands in the path.
func TestSignatures(t *testing.T) {
	t.Parallel()
	const secret = "0123456789abcdef"
	s := newServer(t, answers(http.StatusOK, "{}"))
	keys, err := NewKeys(t.Context(), aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDANN", SecretAccessKey: secret}, nil
	}), "eu-west-1", "a test")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Config{Endpoint: s.URL + "/behind/a%2Fproxy/", Identity: keys})
	for operation, in := range map[string]string{
		"SubmitJob":           `{"jobName":"ü"}`,
		"ListTagsForResource": `{"resourceArn":"arn:aws:batch:r:1:job-queue/a b+c?d#e%2F"}`,
		"TagResource":         `{"resourceArn":"arn:aws:batch:r:1:job-queue/q","tags":{"a":"b"}}`,
		"UntagResource":       `{"resourceArn":"arn:aws:batch:r:1:job-queue/q","tagKeys":["a b","c&d"]}`,
		"GetLogEvents":        `{"logGroupName":"g"}`,
	} {
		if err := c.Call(t.Context(), operation, json.RawMessage(in), nil); err != nil {
			t.Fatal(err)
		}
		i := len(s.requests) - 1
		wantSigned(t, operation, s.requests[i], s.bodies[i], secret)
	}
}

func wantSigned(t *testing.T, operation string, r *http.Request, body, secret string) {
	t.Helper()
	service := "batch"
	if operation == "GetLogEvents" {
		service = "logs"
	}
	signature, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := signature.Check(service, time.Now(), time.Hour); err != nil {
		t.Errorf("%s: %v", operation, err)
	}
	if !signature.Verify(r, []byte(body), secret) || !signature.Signs("amz-sdk-invocation-id") || signature.Region != "eu-west-1" {
		t.Errorf("%s %s is not signed well", operation, r.RequestURI)
	}
	if service == "logs" && (r.Header.Get("X-Amz-Target") != "Logs_20140328.GetLogEvents" || !signature.Signs("x-amz-target")) {
		t.Errorf("%s: target %q", operation, r.Header.Get("X-Amz-Target"))
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	s := newServer(t, answers(http.StatusOK, "data: {}\n\n"), answers(http.StatusForbidden, `{"message":"no"}`, "X-Amzn-Errortype", "AccessDeniedException"))
	c := newClient(t, Config{Endpoint: s.URL})
	stream, err := c.Stream(t.Context(), "/x/v1/events", nil, "7")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if body, err := io.ReadAll(stream); err != nil || string(body) != "data: {}\n\n" || s.requests[0].Header.Get("Last-Event-ID") != "7" {
		t.Errorf("%q, %v", body, err)
	}
	if _, err := c.Stream(t.Context(), "/x/v1/events", nil, ""); !IsDenied(err) {
		t.Errorf("a refused stream: %v", err)
	}
}

func TestTokensStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	token, err := fixedToken("secret-token", "--token")
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, wantOK := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://localhost:1": true, "http://[::1]:1": true, "https://muster.example": true,
		"http://muster.example": false, "http://10.0.0.1": false, "http://localhost.example": false, "http://127.0.0.1.example": false,
	} {
		_, err := New(Config{Endpoint: endpoint, Identity: token})
		if (err == nil) != wantOK || err != nil && !errors.Is(err, ErrEndpoint) {
			t.Errorf("%s: %v, want it accepted: %v", endpoint, err, wantOK)
		}
		if _, err := New(Config{Endpoint: endpoint, Identity: token, AllowPlaintext: true}); err != nil {
			t.Errorf("%s, allowed: %v", endpoint, err)
		}
		if _, err := New(Config{Endpoint: endpoint}); err != nil {
			t.Errorf("%s, without a token: %v", endpoint, err)
		}
	}
	for _, wrong := range []string{"", "127.0.0.1:8080", "ftp://x", "http://", "http://u:secret@x", "http://x?a=b", "http://u:secret@%zz"} {
		if _, err := New(Config{Endpoint: wrong}); !errors.Is(err, ErrEndpoint) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
