// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// issuer signs what it is told to.
type issuer struct {
	*httptest.Server

	t      *testing.T
	key    *rsa.PrivateKey
	down   bool
	claims map[string]any // of the next token that a code is exchanged for
	form   url.Values     // of the last exchange
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if i.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		answer(w, map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if i.form = r.PostForm; r.PostForm.Get("code") != "good" {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]any{"error": "invalid_grant"})
			return
		}
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": i.token(i.claims)})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// token is a good one, with claims of its own.
func (i *issuer) token(claims map[string]any) string {
	i.t.Helper()
	all := map[string]any{"iss": i.URL, "aud": "muster", "sub": "ann", "exp": testTime.Add(time.Hour).Unix(), "iat": testTime.Unix()}
	maps.Copy(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		i.t.Fatal(err)
	}
	text := b64([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + b64(payload)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		i.t.Fatal(err)
	}
	return text + "." + b64(signature)
}

func (i *issuer) provider(change func(*Config)) *Provider {
	i.t.Helper()
	cfg := Config{
		Issuer: i.URL, ClientID: "muster", UsernamePrefix: "oidc:", GroupsPrefix: "oidc:", RedirectURL: "https://muster.example/console/login/callback",
		Now: func() time.Time { return testTime },
	}
	if change != nil {
		change(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		i.t.Fatal(err)
	}
	return p
}

func codeOf(err error) string {
	if known, ok := errors.AsType[*batch.Error](err); ok {
		return known.Code
	}
	return ""
}

func TestReview(t *testing.T) {
	t.Parallel()
	i, other := newIssuer(t), newIssuer(t)
	cases := map[string]struct {
		token    string
		change   func(*Config)
		want     batch.User
		wantCode string
	}{
		"a good token":            {token: i.token(nil), want: batch.User{Name: "oidc:ann", Groups: []string{"system:authenticated"}}},
		"groups":                  {token: i.token(map[string]any{"groups": []string{"a", "", "b"}}), want: batch.User{Name: "oidc:ann", Groups: []string{"oidc:a", "oidc:b", "system:authenticated"}}},
		"one group":               {token: i.token(map[string]any{"groups": "a"}), want: batch.User{Name: "oidc:ann", Groups: []string{"oidc:a", "system:authenticated"}}},
		"a verified mail address": {token: i.token(map[string]any{"email": "a@b", "email_verified": true}), change: func(c *Config) { c.UsernameClaim = "email" }, want: batch.User{Name: "oidc:a@b", Groups: []string{"system:authenticated"}}},
		"one that is not":         {token: i.token(map[string]any{"email": "a@b", "email_verified": false}), change: func(c *Config) { c.UsernameClaim = "email" }, wantCode: batch.CodeUnrecognizedClient},
		"Kubernetes' own names": {
			token:  i.token(map[string]any{"sub": "system:admin"}),
			change: func(c *Config) { c.UsernamePrefix = "" }, wantCode: batch.CodeUnrecognizedClient,
		},
		"Kubernetes' own groups": {
			token:  i.token(map[string]any{"groups": []string{"system:masters", "a"}}),
			change: func(c *Config) { c.GroupsPrefix = "" }, want: batch.User{Name: "oidc:ann", Groups: []string{"a", "system:authenticated"}},
		},
		"no name":             {token: i.token(map[string]any{"sub": ""}), wantCode: batch.CodeUnrecognizedClient},
		"ended":               {token: i.token(map[string]any{"exp": testTime.Add(-time.Second).Unix()}), wantCode: batch.CodeExpiredToken},
		"for another program": {token: i.token(map[string]any{"aud": "other"}), wantCode: batch.CodeUnrecognizedClient},
		"of another issuer":   {token: other.token(nil), wantCode: batch.CodeUnrecognizedClient},
		"signed by another":   {token: other.token(map[string]any{"iss": i.URL}), wantCode: batch.CodeUnrecognizedClient},
		"not signed":          {token: b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(`{"iss":"`+i.URL+`","aud":"muster","sub":"ann","exp":99999999999}`)) + ".", wantCode: batch.CodeUnrecognizedClient},
		"no token":            {token: "x", wantCode: batch.CodeUnrecognizedClient},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			user, err := i.provider(tc.change).Review(t.Context(), tc.token)
			if codeOf(err) != tc.wantCode || err != nil && tc.wantCode == "" {
				t.Errorf("error = %v, want %q", err, tc.wantCode)
			}
			if diff := cmp.Diff(tc.want, user); diff != "" {
				t.Errorf("user mismatch (-want +got):\n%s", diff)
			}
		})
	}
	if p := i.provider(nil); !p.IsMine(i.token(nil)) || p.IsMine(other.token(nil)) || p.IsMine("a.b.c") || p.IsMine("") {
		t.Error("tokens are taken for another issuer's")
	}
}

func TestIssuerThatIsDownIsAskedAgain(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.down = true
	p := i.provider(nil)
	if _, err := p.Review(t.Context(), i.token(nil)); err == nil || codeOf(err) != "" {
		t.Errorf("while it is down: %v", err)
	}
	i.down = false
	if user, err := p.Review(t.Context(), i.token(nil)); err != nil || user.Name != "oidc:ann" {
		t.Errorf("afterwards: %v %v", user, err)
	}
}

func TestFlow(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := i.provider(func(c *Config) { c.SecretFile = secret })
	to, err := p.Begin(t.Context(), "state", "nonce", "proof-that-is-long-enough-to-be-one-of-pkce")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"state": "state", "nonce": "nonce", "client_id": "muster", "response_type": "code", "code_challenge_method": "S256",
		"redirect_uri": "https://muster.example/console/login/callback", "scope": "openid profile email groups",
	} {
		if q.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, q.Get(name), want)
		}
	}
	i.claims = map[string]any{"nonce": "nonce"}
	if user, err := p.End(t.Context(), "good", "nonce", "proof"); err != nil || user.Name != "oidc:ann" || i.form.Get("code_verifier") != "proof" {
		t.Errorf("end: %v %v %v", user, err, i.form)
	}
	i.claims = map[string]any{"nonce": "of another login"}
	if _, err := p.End(t.Context(), "good", "nonce", "proof"); codeOf(err) != batch.CodeUnrecognizedClient {
		t.Errorf("with another nonce: %v", err)
	}
	if _, err := p.End(t.Context(), "bad", "nonce", "proof"); codeOf(err) != batch.CodeUnrecognizedClient {
		t.Errorf("with a bad code: %v", err)
	}
}
