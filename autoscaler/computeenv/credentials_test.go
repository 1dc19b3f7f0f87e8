// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
)

func TestClientSignsWithItsTokensKey(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/x/v1/credentials" {
			asked++
			if got := r.Header.Get("Authorization"); got != "Bearer token" {
				t.Errorf("authorization = %q", got)
			}
			_, _ = io.WriteString(w, `{"Version":1,"AccessKeyId":"id","SecretAccessKey":"secret","SessionToken":"token","Token":"token","Expiration":"`+
				time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
			return
		}
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=id/") || r.Header.Get("X-Amz-Security-Token") != "token" {
			t.Errorf("headers = %v", r.Header)
		}
		_, _ = io.WriteString(w, `{"computeEnvironments":[]}`)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	client := NewClient(ClientConfig{Endpoint: server.URL, Region: "us-east-1", TokenFile: file})
	for range 2 {
		if _, err := client.DescribeComputeEnvironments(t.Context(), &awsbatch.DescribeComputeEnvironmentsInput{}); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked for credentials %d times, want once", asked)
	}
}

func TestClientSaysWhyItHasNoKey(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "The security token included in the request is invalid.", http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "token")
	for want, content := range map[string]string{"read token": "", "token included in the request is invalid": "x"} {
		if content != "" {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			_ = os.Remove(file)
		}
		_, err := NewClient(ClientConfig{Endpoint: server.URL, Region: "us-east-1", TokenFile: file}).DescribeComputeEnvironments(t.Context(), &awsbatch.DescribeComputeEnvironmentsInput{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %q", err, want)
		}
	}
}

func TestClientSignsWithTheKeyInItsFile(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDWEST/") {
			t.Errorf("headers = %v", r.Header)
		}
		_, _ = io.WriteString(w, `{"computeEnvironments":[]}`)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "key.yaml")
	client := NewClient(ClientConfig{Endpoint: server.URL, Region: "us-east-1", AccessKeyFile: file})
	cases := []struct{ content, want string }{
		{"", "read access key: open"},
		{"accessKeyId: AKIDWEST\n", "must have accessKeyId and secretAccessKey"},
		{"accessKeyId: AKIDWEST\nsecretAccessKey: hidden\n", ""},
	}
	for _, tc := range cases {
		if tc.content != "" {
			if err := os.WriteFile(file, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := client.DescribeComputeEnvironments(t.Context(), &awsbatch.DescribeComputeEnvironmentsInput{})
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("with %q: %v, want %q", tc.content, err, tc.want)
		}
	}
}
