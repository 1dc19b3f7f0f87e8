// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestCall(t *testing.T) {
	t.Parallel()
	own := batch.Scope{Region: "us-east-1", Account: "123456789012"}
	signed := func(credential string) string {
		return "AWS4-HMAC-SHA256 Credential=" + credential + ", SignedHeaders=host;x-amz-date, Signature=0123abcd"
	}
	cases := map[string]struct {
		authorization string
		invocation    string
		want          batch.Call
	}{
		"no credentials": {want: batch.Call{Scope: own}},
		"as SDKs sign": {
			authorization: signed("AKIDEXAMPLE/20260101/eu-central-1/batch/aws4_request"),
			want:          batch.Call{Scope: batch.Scope{Region: "eu-central-1", Account: own.Account}, Principal: "AKIDEXAMPLE"},
		},
		"without spaces": {
			authorization: "AWS4-HMAC-SHA256 SignedHeaders=host,Credential=x/1/us-gov-west-1/batch/aws4_request,Signature=1",
			want:          batch.Call{Scope: batch.Scope{Region: "us-gov-west-1", Account: own.Account}, Principal: "x"},
		},
		"an access key id with slashes": {
			authorization: signed("team/a/b/20260101/us-west-2/batch/aws4_request"),
			want:          batch.Call{Scope: batch.Scope{Region: "us-west-2", Account: own.Account}, Principal: "team/a/b"},
		},
		"a region that no ARN can hold": {
			authorization: signed("x/20260101/us:west/batch/aws4_request"), want: batch.Call{Scope: own},
		},
		"an empty region":              {authorization: signed("x/20260101//batch/aws4_request"), want: batch.Call{Scope: own}},
		"an empty access key id":       {authorization: signed("/20260101/us-west-2/batch/aws4_request"), want: batch.Call{Scope: own}},
		"an endless access key":        {authorization: signed(strings.Repeat("x", 129) + "/1/us-west-2/batch/aws4_request"), want: batch.Call{Scope: own}},
		"an endless region":            {authorization: signed("x/1/" + strings.Repeat("x", 65) + "/batch/aws4_request"), want: batch.Call{Scope: own}},
		"too few parts":                {authorization: signed("x/us-west-2/batch/aws4_request"), want: batch.Call{Scope: own}},
		"another terminator":           {authorization: signed("x/20260101/us-west-2/batch/aws2"), want: batch.Call{Scope: own}},
		"no credential":                {authorization: "AWS4-HMAC-SHA256 SignedHeaders=host", want: batch.Call{Scope: own}},
		"another algorithm":            {authorization: "Bearer x/20260101/us-west-2/batch/aws4_request", want: batch.Call{Scope: own}},
		"an invocation id":             {invocation: "5b1f2c3d-aaaa-4bbb-8ccc-dddddddddddd", want: batch.Call{Scope: own, Invocation: "5b1f2c3d-aaaa-4bbb-8ccc-dddddddddddd"}},
		"an invocation id with spaces": {invocation: "a b", want: batch.Call{Scope: own}},
		"an endless invocation":        {invocation: strings.Repeat("x", 129), want: batch.Call{Scope: own}},
		"any region of the scope":      {authorization: signed("x/1/local/s3/aws4_request"), want: batch.Call{Scope: batch.Scope{Region: "local", Account: own.Account}, Principal: "x"}},
	}
	s := newServer(t, fakePlane{}, Config{})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/submitjob", http.NoBody)
			r.Header.Set("Authorization", tc.authorization)
			r.Header.Set("amz-sdk-invocation-id", tc.invocation)
			if diff := cmp.Diff(tc.want, s.call(r)); diff != "" {
				t.Errorf("call mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-west-2/batch/aws4_request, SignedHeaders=host, Signature=0")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/e/aws4_request")
	f.Add("AWS4-HMAC-SHA256 Credential=////aws4_request,Credential=x")
	f.Fuzz(func(t *testing.T, header string) {
		principal, region, ok := parseAuthorization(header)
		if !ok {
			if principal != "" || region != "" {
				t.Errorf("refused, yet gave %q and %q", principal, region)
			}
			return
		}
		if !isRegion(region) || !isIdentity(principal) || !strings.Contains(header, "Credential="+principal+"/") {
			t.Errorf("parseAuthorization(%q) = %q, %q", header, principal, region)
		}
	})
}

func FuzzCredentialRoundTrip(f *testing.F) {
	f.Add("AKID", "us-west-2")
	f.Fuzz(func(t *testing.T, principal, region string) {
		if !isIdentity(principal) || strings.Contains(principal, ",") || !isRegion(region) {
			return
		}
		gotPrincipal, gotRegion, ok := parseAuthorization(
			"AWS4-HMAC-SHA256 Credential=" + principal + "/20260101/" + region + "/batch/aws4_request, Signature=0")
		if !ok || gotPrincipal != principal || gotRegion != region {
			t.Errorf("got %q, %q, %v, want %q and %q", gotPrincipal, gotRegion, ok, principal, region)
		}
	})
}
