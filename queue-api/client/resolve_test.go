// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// file writes a file of a test.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const kubeconfig = `apiVersion: v1
kind: Config
current-context: ann
contexts:
- {name: ann, context: {cluster: c, user: ann, namespace: team}}
- {name: bob, context: {cluster: c, user: bob}}
- {name: process, context: {cluster: c, user: process}}
clusters:
- {name: c, cluster: {server: 'https://kubernetes.invalid', insecure-skip-tls-verify: true}}
users:
- {name: ann, user: {token: token-of-ann}}
- {name: bob, user: {username: bob, password: secret}}
- name: process
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: echo
      args: ['{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-of-process"}}']
      interactiveMode: Never
`

// TestOrder cannot run beside others: AWS's chain reads the environment.
func TestOrder(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_CONFIG_FILE", file(t, "config", "[profile p]\naws_access_key_id=AKIDP\naws_secret_access_key=x\nregion=eu-north-1\nendpoint_url=http://127.0.0.1:3\n"))
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "MUSTER_TOKEN"} {
		t.Setenv(name, "")
	}
	kube := &Kube{File: file(t, "kubeconfig", kubeconfig)}
	saved := func(_ context.Context, endpoint string) (string, error) {
		if endpoint == "https://saved.example" {
			return "saved-token", nil
		}
		return "", nil
	}
	cases := map[string]struct {
		sources          Sources
		env              map[string]string
		endpoint, region string
		identity         string
		wantErr          string
	}{
		"nothing at all":         {endpoint: DefaultEndpoint, region: "us-east-1", identity: "nobody"},
		"nothing, far away":      {sources: Sources{Endpoint: "https://far.example"}, wantErr: "no credentials"},
		"far away, anonymously":  {sources: Sources{Endpoint: "https://far.example", Anonymous: true}, endpoint: "https://far.example", identity: "nobody"},
		"AWS's environment":      {env: map[string]string{"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B", "AWS_ENDPOINT_URL": "http://127.0.0.1:2"}, endpoint: "http://127.0.0.1:2", identity: "access key, EnvConfigCredentials"},
		"Batch's own endpoint":   {env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:2", "AWS_ENDPOINT_URL_BATCH": "http://127.0.0.1:4"}, endpoint: "http://127.0.0.1:4", identity: "nobody"},
		"Muster's own endpoint":  {env: map[string]string{"MUSTER_ENDPOINT_URL": "http://127.0.0.1:5", "AWS_ENDPOINT_URL_BATCH": "http://127.0.0.1:4"}, endpoint: "http://127.0.0.1:5", identity: "nobody"},
		"a profile":              {sources: Sources{Profile: "p"}, endpoint: "http://127.0.0.1:3", region: "eu-north-1", identity: "access key, profile p"},
		"a profile by its name":  {env: map[string]string{"AWS_PROFILE": "p", "AWS_REGION": "eu-west-3"}, endpoint: "http://127.0.0.1:3", region: "eu-west-3", identity: "access key, "},
		"no such profile":        {sources: Sources{Profile: "q"}, wantErr: "AWS configuration: "},
		"a token before AWS":     {sources: Sources{Token: "t"}, env: map[string]string{"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"}, identity: "token, --token"},
		"a token of the env":     {env: map[string]string{"MUSTER_TOKEN": "t", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"}, identity: "token, MUSTER_TOKEN"},
		"a saved token":          {sources: Sources{Endpoint: "https://saved.example", Saved: saved}, env: map[string]string{"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"}, endpoint: "https://saved.example", identity: "token, muster auth login"},
		"saved for another":      {sources: Sources{Endpoint: "https://other.example", Saved: saved}, wantErr: "no credentials"},
		"a kubeconfig, named":    {sources: Sources{Kube: kube, IsKubeNamed: true}, env: map[string]string{"MUSTER_TOKEN": "t"}, identity: "token, kubeconfig"},
		"a kubeconfig, not so":   {sources: Sources{Kube: kube}, env: map[string]string{"MUSTER_TOKEN": "t"}, identity: "token, MUSTER_TOKEN"},
		"a kubeconfig, at last":  {sources: Sources{Kube: kube}, identity: "token, kubeconfig"},
		"a user without a token": {sources: Sources{Kube: &Kube{File: kube.File, Context: "bob"}, IsKubeNamed: true}, wantErr: "its user has no token"},
		"no such context":        {sources: Sources{Kube: &Kube{File: kube.File, Context: "eve"}, IsKubeNamed: true}, wantErr: "kubeconfig: "},
		"a token of two words":   {sources: Sources{Token: "a b"}, wantErr: "one word"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for k, v := range tc.env {
				t.Setenv(k, v)
			}
			cfg, err := tc.sources.Resolve(t.Context(), Config{})
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("error %v, want %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.endpoint != "" && cfg.Endpoint != tc.endpoint {
				t.Errorf("endpoint %s, want %s", cfg.Endpoint, tc.endpoint)
			}
			if !strings.HasPrefix(cfg.Identity.String(), tc.identity) {
				t.Errorf("identity %q, want %q", cfg.Identity, tc.identity)
			}
			if keys, ok := cfg.Identity.(*Keys); ok && tc.region != "" && keys.Region != tc.region {
				t.Errorf("region %s, want %s", keys.Region, tc.region)
			}
		})
	}
}

// authorization is what an identity adds to a request.
func authorization(t *testing.T, id Identity) (string, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://x/", http.NoBody)
	err := id.Sign(t.Context(), r, nil, "batch")
	return r.Header.Get("Authorization"), err
}

func TestTokensOfAKubeconfig(t *testing.T) {
	t.Parallel()
	path := file(t, "kubeconfig", kubeconfig)
	for name, want := range map[string]string{"": "Bearer token-of-ann", "process": "Bearer token-of-process"} {
		id, err := (&Kube{File: path, Context: name}).identity()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := authorization(t, id); err != nil || got != want {
			t.Errorf("context %q: %q, %v, want %q", name, got, err, want)
		}
	}
}

// The API server makes a service account's token, for queue-api and for nobody else; it is asked again only when it ends.
func TestTokenOfAServiceAccount(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		body, _ := io.ReadAll(r.Body)
		var request struct {
			Spec struct {
				Audiences []string `json:"audiences"`
			} `json:"spec"`
		}
		if json.Unmarshal(body, &request) != nil || len(request.Spec.Audiences) != 1 || request.Spec.Audiences[0] != Audience {
			t.Errorf("request %s", body)
		}
		if r.URL.Path != "/api/v1/namespaces/team/serviceaccounts/ci/token" || r.Header.Get("Authorization") != "Bearer token-of-ann" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"message":"not yours"}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"status":{"token":"token-of-ci","expirationTimestamp":"`+time.Now().Add(time.Hour).Format(time.RFC3339)+`"}}`)
	}))
	t.Cleanup(server.Close)
	path := file(t, "kubeconfig", strings.Replace(kubeconfig, "https://kubernetes.invalid", server.URL, 1))
	id, err := (&Kube{File: path, ServiceAccount: "ci"}).identity()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := authorization(t, id); err != nil || got != "Bearer token-of-ci" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if asked != 1 || id.String() != "token, service account team/ci" {
		t.Errorf("asked %d times as %s", asked, id)
	}
	id, err = (&Kube{File: path, ServiceAccount: "ci", Namespace: "other"}).identity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authorization(t, id); err == nil || !strings.Contains(err.Error(), "service account other/ci: 403 Forbidden: not yours") {
		t.Errorf("another namespace: %v", err)
	}
}

func TestLogins(t *testing.T) {
	t.Parallel()
	logins := Logins{Path: filepath.Join(t.TempDir(), "muster", "logins.json")}
	if _, ok, err := logins.Load("https://a"); ok || err != nil {
		t.Errorf("before any login: %v, %v", ok, err)
	}
	for endpoint, token := range map[string]string{"https://a": "one", "https://b": "two"} {
		if err := logins.Save(endpoint, Login{Token: token}); err != nil {
			t.Fatal(err)
		}
	}
	if login, ok, err := logins.Load("https://a"); !ok || err != nil || login.Token != "one" {
		t.Errorf("%+v, %v, %v", login, ok, err)
	}
	if info, err := os.Stat(logins.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others may read it", info.Mode(), err)
	}
	if err := logins.Save("https://a", Login{}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := logins.Load("https://a"); ok || err != nil {
		t.Errorf("after logging out: %v, %v", ok, err)
	}
	if err := os.WriteFile(logins.Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := logins.Load("https://b"); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a broken file: %v", err)
	}
}
