// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fakeReviews knows tokens by their text. Each is for the audience muster.sh.
type fakeReviews struct {
	users map[string]authenticationv1.UserInfo
	err   error
	asked atomic.Int32
}

func (f *fakeReviews) Create(_ context.Context, review *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	f.asked.Add(1)
	if f.err != nil {
		return nil, f.err
	}
	user, ok := f.users[review.Spec.Token]
	review.Status = authenticationv1.TokenReviewStatus{Authenticated: ok, User: user, Audiences: []string{"muster.sh"}}
	return review, nil
}

// jwt is a token that ends at a time.
func jwt(end time.Time) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, end.Unix())) + ".c2ln"
}

func codeOf(err error) string {
	known, ok := errors.AsType[*batch.Error](err)
	if !ok {
		return ""
	}
	return known.Code
}

func TestReview(t *testing.T) {
	t.Parallel()
	alive, dead := jwt(testTime.Add(time.Minute)), jwt(testTime)
	users := map[string]authenticationv1.UserInfo{
		alive: {Username: "ann", UID: "1", Groups: []string{"g"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}},
		dead:  {Username: "ann"}, "opaque": {Username: "bob"}, "nameless": {},
	}
	cases := map[string]struct {
		token     string
		audiences []string
		err       error
		want      batch.User
		wantCode  string
		wantAsked int32
		wantErr   bool
	}{
		"a known token": {
			token: alive, audiences: []string{"muster.sh"}, wantAsked: 1,
			want: batch.User{Name: "ann", UID: "1", Groups: []string{"g"}, Extra: map[string][]string{"k": {"v"}}},
		},
		"an opaque token":               {token: "opaque", wantAsked: 1, want: batch.User{Name: "bob"}},
		"an unknown token":              {token: "x", wantAsked: 1, wantCode: batch.CodeUnrecognizedClient},
		"a token for others":            {token: alive, audiences: []string{"others"}, wantAsked: 1, wantCode: batch.CodeUnrecognizedClient},
		"an ended token is not sent on": {token: dead, wantCode: batch.CodeExpiredToken},
		"a user without a name":         {token: "nameless", wantAsked: 1, wantErr: true},
		"nobody to ask":                 {token: alive, err: errors.New("down"), wantAsked: 1, wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reviews := &fakeReviews{users: users, err: tc.err}
			tokens := NewTokens(reviews, tc.audiences, testingclock.NewFakePassiveClock(testTime))
			user, err := tokens.Review(t.Context(), tc.token)
			if diff := cmp.Diff(tc.want, user); diff != "" {
				t.Errorf("user mismatch (-want +got):\n%s", diff)
			}
			if codeOf(err) != tc.wantCode || tc.wantErr != (err != nil && codeOf(err) == "") {
				t.Errorf("error = %v, want %q", err, tc.wantCode)
			}
			if asked := reviews.asked.Load(); asked != tc.wantAsked {
				t.Errorf("asked %d times, want %d", asked, tc.wantAsked)
			}
		})
	}
}

func TestReviewsAreRememberedForAWhile(t *testing.T) {
	t.Parallel()
	clk := testingclock.NewFakePassiveClock(testTime)
	short := jwt(testTime.Add(20 * time.Second))
	reviews := &fakeReviews{users: map[string]authenticationv1.UserInfo{"good": {Username: "ann"}, short: {Username: "bob"}}}
	tokens := NewTokens(reviews, nil, clk)
	for _, step := range []struct {
		after     time.Duration
		token     string
		wantAsked int32
		wantCode  string
	}{
		{0, "good", 1, ""},
		{59 * time.Second, "good", 1, ""},
		{61 * time.Second, "good", 2, ""},
		{61 * time.Second, "bad", 3, batch.CodeUnrecognizedClient},
		{70 * time.Second, "bad", 3, batch.CodeUnrecognizedClient},
		{72 * time.Second, "bad", 4, batch.CodeUnrecognizedClient},
		{0, short, 5, ""},
		{21 * time.Second, short, 5, batch.CodeExpiredToken},
	} {
		clk.SetTime(testTime.Add(step.after))
		if _, err := tokens.Review(t.Context(), step.token); codeOf(err) != step.wantCode {
			t.Errorf("after %s: %v, want %q", step.after, err, step.wantCode)
		}
		if asked := reviews.asked.Load(); asked != step.wantAsked {
			t.Errorf("after %s: asked %d times, want %d", step.after, asked, step.wantAsked)
		}
	}
	// A failure is not remembered.
	reviews.err = errors.New("down")
	for range 2 {
		if _, err := tokens.Review(t.Context(), "new"); err == nil || codeOf(err) != "" {
			t.Errorf("while nobody can be asked: %v", err)
		}
	}
	if asked := reviews.asked.Load(); asked != 7 {
		t.Errorf("asked %d times, want 7", asked)
	}
}

func TestNewTokensAreBoundedInRate(t *testing.T) {
	t.Parallel()
	tokens := NewTokens(&fakeReviews{}, nil, testingclock.NewFakePassiveClock(testTime))
	var last error
	for i := range 1000 {
		if _, last = tokens.Review(t.Context(), fmt.Sprint("guess", i)); codeOf(last) == batch.CodeTooManyRequests {
			return
		}
	}
	t.Errorf("1,000 guesses at once are looked at: %v", last)
}

func TestParseAccessKeys(t *testing.T) {
	t.Parallel()
	const secret = "0123456789abcdef"
	entry := func(id, secret, user string) string {
		return "- accessKeyId: " + id + "\n  secretAccessKey: " + secret + "\n  user: " + user + "\n"
	}
	cases := map[string]struct {
		contents []string
		want     int
		wantErr  string
	}{
		"YAML":                    {contents: []string{entry("a", secret, "ann") + "  groups: [g]\n"}, want: 1},
		"JSON":                    {contents: []string{`[{"accessKeyId":"a","secretAccessKey":"` + secret + `","user":"ann"}]`}, want: 1},
		"several files":           {contents: []string{entry("a", secret, "ann"), entry("b", secret, "bob")}, want: 2},
		"an empty file":           {contents: []string{""}},
		"the same id twice":       {contents: []string{entry("a", secret, "ann"), entry("a", secret, "bob")}, wantErr: "twice"},
		"a short secret":          {contents: []string{entry("a", "short", "ann")}, wantErr: "16 characters"},
		"no user":                 {contents: []string{entry("a", secret, `""`)}, wantErr: "user are needed"},
		"an unknown member":       {contents: []string{entry("a", secret, "ann") + "  group: g\n"}, wantErr: "must be a list"},
		"an error shows no value": {contents: []string{"secretAccessKey: " + secret}, wantErr: "must be a list"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var contents [][]byte
			for _, c := range tc.contents {
				contents = append(contents, []byte(c))
			}
			keys, err := parseAccessKeys(contents)
			if (err == nil) != (tc.wantErr == "") || err != nil && (!strings.Contains(err.Error(), tc.wantErr) || strings.Contains(err.Error(), secret)) {
				t.Fatalf("error = %v, want %q", err, tc.wantErr)
			}
			if len(keys) != tc.want {
				t.Errorf("%d keys, want %d", len(keys), tc.want)
			}
		})
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	clk := testingclock.NewFakePassiveClock(testTime)
	dir := t.TempDir()
	write := func(content string) {
		if err := os.WriteFile(filepath.Join(dir, "keys"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entry := func(id string) string {
		return `[{"accessKeyId":"` + id + `","secretAccessKey":"0123456789abcdef","user":"u"}]`
	}
	if err := os.WriteFile(filepath.Join(dir, "..hidden"), []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(entry("first"))
	keys, err := OpenAccessKeys(dir, clk)
	if err != nil {
		t.Fatal(err)
	}
	knows := func(id string, want bool) {
		t.Helper()
		if _, ok := keys.find(t.Context(), id); ok != want {
			t.Errorf("key %s known: %v, want %v", id, ok, want)
		}
	}
	knows("first", true)
	write(entry("second"))
	knows("second", false)
	clk.SetTime(testTime.Add(rereadAfter))
	knows("first", false)
	knows("second", true)
	write("- broken")
	clk.SetTime(testTime.Add(2 * rereadAfter))
	knows("second", true)
	write(entry("third"))
	clk.SetTime(testTime.Add(3 * rereadAfter))
	knows("third", true)
	if _, err := OpenAccessKeys(filepath.Join(dir, "none"), clk); err == nil {
		t.Error("a missing file is no error at first")
	}
}

func TestServerKeysAreReplacedWithoutAGap(t *testing.T) {
	t.Parallel()
	old, fresh := strings.Repeat("o", minServerKey), strings.Repeat("f", minServerKey)
	clk := testingclock.NewFakePassiveClock(testTime)
	session := func(lines string) *SessionKeys {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := OpenSessionKeys(path, clk)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x/v1/credentials", http.NoBody)
	r.Header.Set("Authorization", "Bearer opaque")
	issued, err := session(old).Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	got := issued.(*Credentials)
	want := &Credentials{
		Version: 1, AccessKeyID: sessionID("opaque"), SecretAccessKey: got.SecretAccessKey, SessionToken: "opaque", Token: "opaque",
		Expiration: "2026-01-02T04:04:05Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("credentials mismatch (-want +got):\n%s", diff)
	}
	secrets, ok := session(fresh+"\n"+old+"\n").secrets(t.Context(), got.AccessKeyID, "opaque")
	if !ok || len(secrets) != 2 || secrets[0] == got.SecretAccessKey || secrets[1] != got.SecretAccessKey {
		t.Errorf("secrets = %q %v", secrets, ok)
	}
	if _, ok := session(old).secrets(t.Context(), got.AccessKeyID, "another"); ok {
		t.Error("the id goes with another token")
	}
	for _, bad := range []string{"", "short"} {
		if _, err := parseServerKeys([][]byte{[]byte(bad)}); err == nil {
			t.Errorf("server key %q is accepted", bad)
		}
	}
}

func TestTokenOf(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		header   []string
		want     string
		wantCode string
	}{
		"a bearer token":        {header: []string{"Bearer abc"}, want: "abc"},
		"the scheme's case":     {header: []string{"bearer  abc "}, want: "abc"},
		"a bare token":          {header: []string{"abc"}, want: "abc"},
		"nothing":               {wantCode: batch.CodeMissingToken},
		"an empty header":       {header: []string{" "}, wantCode: batch.CodeMissingToken},
		"no token":              {header: []string{"Bearer "}, want: "Bearer"}, // a bare token of that text, which nobody has
		"another scheme":        {header: []string{"Basic abc"}, wantCode: batch.CodeUnrecognizedClient},
		"two headers":           {header: []string{"Bearer a", "Bearer b"}, wantCode: batch.CodeUnrecognizedClient},
		"two tokens":            {header: []string{"Bearer a b"}, wantCode: batch.CodeUnrecognizedClient},
		"two tokens in a list":  {header: []string{"Bearer a,Bearer b"}, wantCode: batch.CodeUnrecognizedClient},
		"a token of two halves": {header: []string{"Bearer a, b"}, wantCode: batch.CodeUnrecognizedClient},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := tokenOf(http.Header{"Authorization": tc.header})
			if token != tc.want || codeOf(err) != tc.wantCode {
				t.Errorf("tokenOf(%q) = %q %v, want %q %q", tc.header, token, err, tc.want, tc.wantCode)
			}
		})
	}
}

func FuzzExpiry(f *testing.F) {
	f.Add(jwt(testTime))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		if end, ok := expiry(token); ok && end.Unix() < 0 {
			t.Errorf("expiry(%q) = %s", token, end)
		}
	})
}
