// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeIssuer is an issuer of ID tokens. Its fields, if set, make something wrong.
type fakeIssuer struct {
	*httptest.Server

	key      *rsa.PrivateKey
	audience string
	nonce    string // instead of that of the login
	denies   bool   // at its page
	pending  int    // how often a device is not ready yet

	mu        sync.Mutex
	challenge string
	asked     string // nonce of the login
}

func newIssuer(t *testing.T) *fakeIssuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeIssuer{key: key, audience: "muster"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"issuer": f.URL, "authorization_endpoint": f.URL + "/auth", "token_endpoint": f.URL + "/token",
			"device_authorization_endpoint": f.URL + "/device", "jwks_uri": f.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("POST /device", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"device_code": "d", "user_code": "ABCD", "verification_uri": f.URL + "/activate", "expires_in": 60, "interval": 1})
	})
	mux.HandleFunc("POST /token", f.token)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (f *fakeIssuer) token(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	refuse := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]any{"error": code, "error_description": "because"})
	}
	switch r.FormValue("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if b64(sum[:]) != f.challenge || r.FormValue("code") != "c" {
			refuse("invalid_grant")
			return
		}
	case "urn:ietf:params:oauth:grant-type:device_code":
		if f.pending--; f.pending >= 0 {
			refuse("authorization_pending")
			return
		}
	case "refresh_token":
		if r.FormValue("refresh_token") != "r" {
			refuse("invalid_grant")
			return
		}
	}
	nonce := f.asked
	if f.nonce != "" {
		nonce = f.nonce
	}
	writeJSON(w, map[string]any{"access_token": "a", "token_type": "Bearer", "refresh_token": "r", "expires_in": 60, "id_token": f.sign(map[string]any{
		"iss": f.URL, "aud": f.audience, "sub": "ann", "nonce": nonce, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	})})
}

func (f *fakeIssuer) sign(claims map[string]any) string {
	text, _ := json.Marshal(claims)
	payload := b64([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + b64(text)
	sum := sha256.Sum256([]byte(payload))
	signature, _ := rsa.SignPKCS1v15(rand.Reader, f.key, crypto.SHA256, sum[:])
	return payload + "." + b64(signature)
}

// browse is a browser: it goes to the issuer's page and back.
func (f *fakeIssuer) browse(t *testing.T, address string, change func(url.Values)) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Error(err)
		return
	}
	q := u.Query()
	f.mu.Lock()
	f.challenge, f.asked = q.Get("code_challenge"), q.Get("nonce")
	f.mu.Unlock()
	back := url.Values{"state": {q.Get("state")}, "code": {"c"}}
	if f.denies {
		back = url.Values{"state": {q.Get("state")}, "error": {"access_denied"}, "error_description": {"no"}}
	}
	if change != nil {
		change(back)
	}
	response, err := http.Get(q.Get("redirect_uri") + "?" + back.Encode())
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || len(text) == 0 || response.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("the browser shows %q, %v", text, err)
	}
}

func discover(t *testing.T, f *fakeIssuer) *Issuer {
	t.Helper()
	t.Helper()
	i, err := Discover(t.Context(), f.URL, "muster", []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		wrong   func(*fakeIssuer)
		wantErr string
	}{
		"all is well":               {},
		"the user says no":          {func(f *fakeIssuer) { f.denies = true }, "access_denied: no"},
		"for another program":       {func(f *fakeIssuer) { f.audience = "other" }, "ID token: oidc: expected audience"},
		"of another login":          {func(f *fakeIssuer) { f.nonce = "x" }, "is not the answer to this login"},
		"signed by somebody else's": {func(f *fakeIssuer) { f.key, _ = rsa.GenerateKey(rand.Reader, 2048) }, "failed to verify signature"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newIssuer(t)
			i := discover(t, f)
			if tc.wrong != nil {
				tc.wrong(f)
			}
			var browser sync.WaitGroup
			defer browser.Wait()
			got, err := i.Browser(t.Context(), 0, func(address string) {
				browser.Go(func() { f.browse(t, address, nil) })
			})
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) || got.ID != "" {
					t.Errorf("got %v, %v, want %q", got, err, tc.wantErr)
				}
				return
			}
			if err != nil || got.ID == "" || got.Refresh != "r" || time.Until(got.Expiry) < time.Minute {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestOthersAreTurnedAway: whoever does not know the state of the login changes nothing.
func TestOthersAreTurnedAway(t *testing.T) {
	t.Parallel()
	f := newIssuer(t)
	var browser sync.WaitGroup
	defer browser.Wait()
	got, err := discover(t, f).Browser(t.Context(), 0, func(address string) {
		f.browse(t, address, func(q url.Values) { q.Set("state", "guess"); q.Set("code", "stolen") })
		browser.Go(func() { f.browse(t, address, nil) })
	})
	if err != nil || got.ID == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBrowserIsGivenUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := discover(t, newIssuer(t)).Browser(ctx, 0, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	f := newIssuer(t)
	f.pending = 1
	shown := ""
	got, err := discover(t, f).Device(t.Context(), func(address, code, _ string) { shown = address + " " + code })
	if err != nil || got.ID == "" || shown != f.URL+"/activate ABCD" {
		t.Errorf("got %+v, %v after %s", got, err, shown)
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	i := discover(t, newIssuer(t))
	if got, err := i.Renew(t.Context(), "r"); err != nil || got.ID == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := i.Renew(t.Context(), "old"); err == nil || err.Error() != "renew token: invalid_grant: because" {
		t.Errorf("got %v", err)
	}
}

func TestIssuersAreChecked(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "x", "http://accounts.example.com", "javascript:alert(1)", "https://user:pw@example.com", "ftp://127.0.0.1"} {
		if _, err := Discover(t.Context(), address, "muster", nil); err == nil {
			t.Errorf("%q is an issuer", address)
		}
	}
	if _, err := Discover(t.Context(), "https://accounts.example.com", "", nil); err == nil {
		t.Error("no client id was needed")
	}
}
