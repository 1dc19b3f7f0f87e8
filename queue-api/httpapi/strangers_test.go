// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// registered are the routes that routes.go has, read from it, so that a new one is among them by itself. Those of tags, which
// are told apart by method alone, are AWS's operations.
func registered(t *testing.T) []awsapi.Operation {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "routes.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []awsapi.Operation
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); !ok || !strings.HasPrefix(f.Sel.Name, "Handle") {
			return true
		}
		literal, ok := call.Args[0].(*ast.BasicLit)
		if !ok {
			t.Errorf("a route is no literal: %v", call.Args[0])
			return true
		}
		pattern, err := strconv.Unquote(literal.Value)
		method, path, ok := strings.Cut(pattern, " ")
		if err != nil || !ok && pattern != "/" {
			t.Errorf("route %q has no method", pattern)
		}
		if pattern != "/" {
			found = append(found, operationAt(method, path))
		}
		return true
	})
	for _, op := range awsapi.Operations {
		if !slices.ContainsFunc(found, func(r awsapi.Operation) bool { return r.Name == op.Name }) {
			found = append(found, op)
		}
	}
	if len(found) < len(awsapi.Operations)+2 {
		t.Fatalf("routes.go has %d routes, and AWS %d operations", len(found), len(awsapi.Operations))
	}
	return found
}

// operationAt is AWS's operation at a route, or one of ours by its path.
func operationAt(method, path string) awsapi.Operation {
	for _, op := range awsapi.Operations {
		if op.Method == method && op.Path == path {
			return op
		}
	}
	return awsapi.Operation{Name: path, Method: method, Path: strings.TrimSuffix(path, "{$}")}
}

// sign signs a request with the AWS SDK.
func sign(t *testing.T, r *http.Request, c aws.Credentials, body, service string, at time.Time) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), c, r, hex.EncodeToString(sum[:]), service, "us-east-1", at); err != nil {
		t.Fatal(err)
	}
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10)) // as it is off the wire
}

// strangers are credentials that must open nothing.
func strangers(t *testing.T, cfg Config) map[string]func(r *http.Request) {
	t.Helper()
	const zeros = ", SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000"
	now := time.Now()
	day := now.UTC().Format("20060102")
	static := aws.Credentials{AccessKeyID: staticID, SecretAccessKey: staticSecret}
	wrong := aws.Credentials{AccessKeyID: staticID, SecretAccessKey: staticSecret + "x"}
	other, anns := derived(t, guardedConfigOf(t, "m")), derived(t, cfg)
	ofAnother := aws.Credentials{AccessKeyID: anns.AccessKeyID, SecretAccessKey: anns.SecretAccessKey, SessionToken: "token-of-bob"}
	noToken := aws.Credentials{AccessKeyID: anns.AccessKeyID, SecretAccessKey: anns.SecretAccessKey}
	header := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Authorization"] = values }
	}
	signed := func(c aws.Credentials, body, service string, at time.Time) func(*http.Request) {
		return func(r *http.Request) { sign(t, r, c, body, service, at) }
	}
	return map[string]func(*http.Request){
		"none":                    func(*http.Request) {},
		"an empty one":            header(""),
		"a token of nobody":       header("Bearer garbage"),
		"a bare token of nobody":  header("garbage"),
		"no token":                header("Bearer"),
		"a password":              header("Basic YTpi"),
		"two":                     header("Bearer "+goodToken, "Bearer "+goodToken),
		"a signature made up":     header("AWS4-HMAC-SHA256 Credential=" + staticID + "/" + day + "/us-east-1/batch/aws4_request" + zeros),
		"an unknown key's":        header("AWS4-HMAC-SHA256 Credential=AKIDOTHER/" + day + "/us-east-1/batch/aws4_request" + zeros),
		"half a signature":        header("AWS4-HMAC-SHA256 Credential=" + staticID),
		"another algorithm's":     header("AWS4-ECDSA-P256-SHA256 Credential=x"),
		"signed with a wrong key": signed(wrong, submitBody, "batch", now),
		"signed too long ago":     signed(static, submitBody, "batch", now.Add(-time.Hour)),
		"signed for later":        signed(static, submitBody, "batch", now.Add(time.Hour)),
		"for another service":     signed(static, submitBody, "s3", now),
		"of another body":         signed(static, submitBody+" ", "batch", now),
		"of another path": func(r *http.Request) {
			path := r.URL.Path
			r.URL.Path = "/v1/other"
			sign(t, r, static, submitBody, "batch", now)
			r.URL.Path = path
			r.RequestURI = r.URL.RequestURI()
		},
		"of another server":             signed(other, submitBody, "batch", now),
		"ann's key with bob's token":    signed(ofAnother, submitBody, "batch", now),
		"a derived key without a token": signed(noToken, submitBody, "batch", now),
		"a session that is none":        signed(aws.Credentials{AccessKeyID: "MSTRX", SecretAccessKey: staticSecret, SessionToken: goodToken}, submitBody, "batch", now),
	}
}

// TestEveryRouteRefusesStrangers sends every kind of bad credential to every route that there is, and to one that is not.
func TestEveryRouteRefusesStrangers(t *testing.T) {
	t.Parallel()
	reached := false
	cfg := guardedConfig(t)
	cfg.Authorizer = authorizerFunc(func() error { reached = true; return nil })
	s := newServer(t, fakePlane{}, cfg)
	routes := append(registered(t), awsapi.Operation{Name: "no route", Method: http.MethodPost, Path: "/v1/nothing"})
	credentials := strangers(t, cfg)
	reached = false
	for _, route := range routes {
		for _, name := range slices.Sorted(maps.Keys(credentials)) {
			path := strings.Replace(route.Path, "{resourceArn}", escapedARN, 1)
			r := httptest.NewRequestWithContext(t.Context(), route.Method, "http://example.com"+path, strings.NewReader(submitBody))
			r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
			credentials[name](r)
			w := do(s, r)
			code := w.Header().Get("X-Amzn-Errortype")
			if w.Code != http.StatusForbidden || reached || !slices.Contains([]string{
				batch.CodeIncompleteSignature, batch.CodeInvalidSignature, batch.CodeMissingToken, batch.CodeUnrecognizedClient,
			}, code) {
				t.Fatalf("%s with credential %q = %d %s %s", route.Name, name, w.Code, code, w.Body)
			}
		}
	}
	t.Logf("%d routes × %d credentials", len(routes), len(credentials))
}

// TestSignedRequestsPass: what the strangers' requests are made of is right, but for what is wrong with each.
func TestSignedRequestsPass(t *testing.T) {
	t.Parallel()
	cfg := guardedConfig(t)
	s := newServer(t, fakePlane{}, cfg)
	for name, c := range map[string]aws.Credentials{"a static key": {AccessKeyID: staticID, SecretAccessKey: staticSecret}, "a derived key": derived(t, cfg)} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://example.com/v1/listjobs", strings.NewReader(`{"jobQueue":"q"}`))
		sign(t, r, c, `{"jobQueue":"q"}`, "batch", time.Now())
		if w := do(s, r); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
