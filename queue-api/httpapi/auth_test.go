// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/smithy-go"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/hack/sdktest"
	"github.com/muster-batch/muster/queue-api/authn"
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	staticID     = "AKIDSTATIC"
	staticSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	goodToken    = "token-of-ann"
)

// knownTokens are the users by their tokens.
type knownTokens map[string]string

func (k knownTokens) Review(_ context.Context, token string) (batch.User, error) {
	if name := k[token]; name != "" {
		return batch.User{Name: name}, nil
	}
	return batch.User{}, &batch.Error{Code: batch.CodeUnrecognizedClient, Message: "The security token included in the request is invalid."}
}

// guardedConfig asks callers who they are.
func guardedConfig(tb testing.TB) Config {
	tb.Helper()
	return guardedConfigOf(tb, "k")
}

// guardedConfigOf is guardedConfig of a server with a key of its own, made of a letter.
func guardedConfigOf(tb testing.TB, letter string) Config {
	tb.Helper()
	write := func(name, content string) string {
		path := filepath.Join(tb.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	clk := clock.RealClock{}
	keys, err := authn.OpenAccessKeys(write("keys", "- {accessKeyId: "+staticID+", secretAccessKey: "+staticSecret+", user: ci}"), clk)
	if err != nil {
		tb.Fatal(err)
	}
	sessions, err := authn.OpenSessionKeys(write("session", strings.Repeat(letter, 40)), clk)
	if err != nil {
		tb.Fatal(err)
	}
	return Config{
		Authenticator: &authn.Authenticator{Keys: keys, Sessions: sessions, Tokens: knownTokens{goodToken: "ann", "token-of-bob": "bob"}, Clock: clk},
		Credentials:   sessions.Issue,
		Events:        http.NotFoundHandler(),
		Views:         fakeViews{},
		Clusters:      fakeClusters{},
		Status:        func(context.Context) *viewapi.Status { return &viewapi.Status{Version: "v1"} },
	}
}

// guardedClient is the SDK's client of a server that asks callers who they are.
func guardedClient(t *testing.T, plane ControlPlane, cfg Config, credentials aws.Credentials) *sdk.Client {
	t.Helper()
	server := httptest.NewServer(newServer(t, plane, cfg))
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return sdk.New(sdk.Options{
		BaseEndpoint: &server.URL, Region: sdkRegion, HTTPClient: &http.Client{Transport: transport}, Retryer: sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
	})
}

// derived is the key that the server derives from the good token.
func derived(tb testing.TB, cfg Config) aws.Credentials {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/x/v1/credentials", http.NoBody)
	r.Header.Set("Authorization", goodToken) // bare, as AWS's clients send that of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
	w := do(newServer(tb, fakePlane{}, cfg), r)
	var c authn.Credentials
	if err := decode(w.Body.Bytes(), &c); err != nil || w.Code != http.StatusOK || c.AccessKeyID == "" {
		tb.Fatalf("credentials = %d %s", w.Code, w.Body)
	}
	return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
}

func TestSDKSignsForUs(t *testing.T) {
	t.Parallel()
	cfg := guardedConfig(t)
	static := aws.Credentials{AccessKeyID: staticID, SecretAccessKey: staticSecret}
	good := derived(t, cfg)
	with := func(c aws.Credentials, change func(*aws.Credentials)) aws.Credentials {
		change(&c)
		return c
	}
	cases := map[string]struct {
		credentials aws.Credentials
		wantUser    string
		wantCode    string
	}{
		"a static key":                    {credentials: static, wantUser: "ci"},
		"a derived key":                   {credentials: good, wantUser: "ann"},
		"a wrong secret":                  {credentials: with(static, func(c *aws.Credentials) { c.SecretAccessKey += "x" }), wantCode: "InvalidSignatureException"},
		"an unknown key":                  {credentials: with(static, func(c *aws.Credentials) { c.AccessKeyID = "AKIDOTHER" }), wantCode: "UnrecognizedClientException"},
		"a static key with a token":       {credentials: with(static, func(c *aws.Credentials) { c.SessionToken = goodToken }), wantCode: "UnrecognizedClientException"},
		"a derived key without its token": {credentials: with(good, func(c *aws.Credentials) { c.SessionToken = "" }), wantCode: "UnrecognizedClientException"},
		"a derived key, another token":    {credentials: with(good, func(c *aws.Credentials) { c.SessionToken = "other" }), wantCode: "UnrecognizedClientException"},
		"a derived key, a wrong secret":   {credentials: with(good, func(c *aws.Credentials) { c.SecretAccessKey = staticSecret }), wantCode: "InvalidSignatureException"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got batch.Call
			client := guardedClient(t, fakePlane{submit: func(ctx context.Context, c batch.Call, in *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error) {
				got = c
				return fakePlane{}.SubmitJob(ctx, c, in)
			}}, cfg, tc.credentials)
			_, err := client.SubmitJob(t.Context(), &sdk.SubmitJobInput{JobName: aws.String("j"), JobQueue: aws.String("q"), JobDefinition: aws.String("d")})
			checkCode(t, err, tc.wantCode)
			if got.Principal != tc.wantUser || got.User.Name != tc.wantUser || tc.wantUser != "" && (got.Region != sdkRegion || got.Invocation == "") {
				t.Errorf("call = %+v, want user %q", got, tc.wantUser)
			}
			arn := aws.String("arn:aws:batch:us-east-1:123456789012:job-queue/a/b c+ä~")
			_, err = client.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: arn})
			checkCode(t, err, tc.wantCode)
			_, err = client.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"b", "aws:x", "aws-x", "ä", "a b", "a+b", "%2F"}})
			checkCode(t, err, tc.wantCode)
		})
	}
}

// checkCode holds an SDK's error to a code; empty means none of authentication's.
func checkCode(t *testing.T, err error, want string) {
	t.Helper()
	var got string
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() != batch.CodeClient { // it reached the operation
		got = api.ErrorCode()
	}
	if got != want {
		t.Errorf("error = %v, want %q", err, want)
	}
}

// TestSDKCorrectsItsClock has the client learn by the reply's Date that its clock is wrong.
func TestSDKCorrectsItsClock(t *testing.T) {
	t.Parallel()
	cfg := guardedConfig(t)
	cfg.Authenticator.(*authn.Authenticator).Clock = ahead{}
	server := newServer(t, fakePlane{}, cfg)
	dated := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", ahead{}.Now().UTC().Format(http.TimeFormat))
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(dated.Close)
	client := sdk.New(sdk.Options{
		BaseEndpoint: &dated.URL, Region: sdkRegion, HTTPClient: dated.Client(), Retryer: sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: staticID, SecretAccessKey: staticSecret}, nil
		}),
	})
	_, err := client.ListJobs(t.Context(), &sdk.ListJobsInput{JobQueue: aws.String("q")})
	checkCode(t, err, batch.CodeInvalidSignature)
	if _, err := client.ListJobs(t.Context(), &sdk.ListJobsInput{JobQueue: aws.String("q")}); err != nil {
		t.Errorf("with a clock that was an hour behind: %v", err)
	}
}

// ahead is a clock an hour ahead.
type ahead struct{ clock.RealClock }

func (ahead) Now() time.Time { return time.Now().Add(time.Hour) }

// authorizerFunc is asked before each operation.
type authorizerFunc func() error

func (f authorizerFunc) Authorize(context.Context, batch.Call, string, any) error { return f() }
func (f authorizerFunc) Filter(context.Context, batch.Call, string, any) error    { return nil }

// TestEveryRouteAsksTheAuthorizer holds that nobody gets anything from an operation that the server has but those whom the
// authorizer lets.
func TestEveryRouteAsksTheAuthorizer(t *testing.T) {
	t.Parallel()
	cfg := guardedConfig(t)
	cfg.Authorizer = authorizerFunc(func() error { return &batch.Error{Code: batch.CodeAccessDenied, Message: "User: ann"} })
	cfg.Logs = map[string]func() (any, func(context.Context, batch.Call) (any, error)){
		"GetLogEvents": func() (any, func(context.Context, batch.Call) (any, error)) {
			return &struct{}{}, func(context.Context, batch.Call) (any, error) {
				t.Error("logs were reached")
				return nil, nil
			}
		},
	}
	s := newServer(t, fakePlane{submit: func(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error) {
		t.Error("the operation was reached")
		return nil, nil
	}}, cfg)
	for _, route := range registered(t) {
		path := strings.Replace(route.Path, "{resourceArn}", escapedARN, 1)
		r := httptest.NewRequestWithContext(t.Context(), route.Method, path, strings.NewReader(awsapiRequest(route.Name)))
		r.Header.Set("Authorization", "Bearer "+goodToken)
		r.Header.Set(headerTarget, logsTarget+"GetLogEvents")
		w := do(s, r)
		switch code := w.Header().Get("X-Amzn-Errortype"); {
		case w.Code == http.StatusForbidden && code == batch.CodeAccessDenied && strings.Contains(w.Body.String(), `"message":"User: ann"`):
		case route.Path == "/" && strings.Contains(w.Body.String(), batch.CodeAccessDenied): // its protocol has the type in the body
		case w.Code == http.StatusBadRequest && route.Path != "/": // not valid, or not supported
		default:
			t.Errorf("%s = %d %s %s", route.Name, w.Code, code, w.Body)
		}
	}
}

// awsapiRequest is a body that is valid where it matters here.
func awsapiRequest(operation string) string {
	if operation == "SubmitJob" {
		return submitBody
	}
	return "{}"
}

func TestStreamEndsOnceItIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var answer atomic.Pointer[error]
		say := func(err error) { answer.Store(&err) }
		say(nil)
		cfg := Config{
			Authorizer: authorizerFunc(func() error { return *answer.Load() }),
			Events:     http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		}
		s := newServer(t, fakePlane{}, cfg)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			do(s, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x/v1/events?jobQueue=q", http.NoBody))
		}()
		goesOn := func(after time.Duration) bool {
			time.Sleep(after)
			synctest.Wait()
			select {
			case <-ended:
				return false
			default:
				return true
			}
		}
		if !goesOn(time.Hour) {
			t.Fatal("the stream ended")
		}
		say(errors.New("nobody can be asked"))
		if !goesOn(time.Hour) {
			t.Fatal("the stream ended while nobody could be asked")
		}
		say(&batch.Error{Code: batch.CodeAccessDenied})
		if goesOn(askAgain) {
			t.Error("the stream goes on")
		}
	})
}

func TestBodyIsReadOnceCallerIsKnown(t *testing.T) {
	t.Parallel()
	s := newServer(t, fakePlane{}, guardedConfig(t))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/submitjob", io.NopCloser(unreadable{t}))
	r.Header.Set("Authorization", "Bearer garbage")
	if w := do(s, r); w.Code != http.StatusForbidden {
		t.Errorf("status = %d", w.Code)
	}
}

// unreadable must not be read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body of a stranger is read")
	return 0, io.EOF
}
