// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// hostile is what a tenant may have written wherever a page shows it.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'; rm -rf / #`

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fakeAPI answers each path with what it is given, and remembers what was sent to it by whom.
type fakeAPI struct {
	answers map[string]any // a *ProblemError is refused

	mu   sync.Mutex
	sent []sent
}

type sent struct{ user, path, body string }

func (f *fakeAPI) as(user batch.User) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.sent = append(f.sent, sent{user.Name, r.Method + " " + r.URL.Path + "?" + r.URL.RawQuery, string(body)})
		f.mu.Unlock()
		answer, ok := f.answers[r.URL.Path]
		if refused, isProblem := answer.(*ProblemError); isProblem || !ok {
			if !ok {
				refused = &ProblemError{Status: http.StatusNotFound, Code: "UnknownOperationException", Message: "no such thing: " + r.URL.Path}
			}
			w.Header().Set("X-Amzn-Errortype", refused.Code)
			w.WriteHeader(refused.Status)
			_ = json.NewEncoder(w).Encode(map[string]string{"message": refused.Message})
			return
		}
		if stream, isStream := answer.(http.HandlerFunc); isStream {
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			stream(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
}

// to are the bodies that were sent to a path.
func (f *fakeAPI) to(path string) (bodies []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sent {
		if _, p, _ := strings.Cut(s.path, " "); p == path || strings.HasPrefix(p, path+"?") {
			bodies = append(bodies, s.body)
		}
	}
	return bodies
}

// fakeTokens knows tokens by their text; while err is set nobody can be asked.
type fakeTokens struct {
	mu    sync.Mutex
	users map[string]string
	err   error
}

func (f *fakeTokens) Review(_ context.Context, token string) (batch.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return batch.User{}, f.err
	}
	if name, ok := f.users[token]; ok {
		return batch.User{Name: name}, nil
	}
	return batch.User{}, &batch.Error{Code: batch.CodeUnrecognizedClient, Message: "The security token included in the request is invalid."}
}

func (f *fakeTokens) set(users map[string]string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users, f.err = users, err
}

// browser is a client with cookies that follows no redirects.
type browser struct {
	t      *testing.T
	client *http.Client
	url    string
}

type page struct {
	status   int
	header   http.Header
	text     string
	location string
}

func open(t *testing.T, api *fakeAPI, cfg Config) *browser {
	t.Helper()
	if cfg.SealKey == nil {
		cfg.SealKey = func(context.Context) ([]byte, error) { return []byte(strings.Repeat("k", 32)), nil }
	}
	if cfg.Clock == nil {
		cfg.Clock = testingclock.NewFakeClock(testTime)
	}
	c, err := New(api.as, cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, server.URL}
}

// openLoggedIn is open for ann, whose token is "good".
func openLoggedIn(t *testing.T, api *fakeAPI) *browser {
	t.Helper()
	b := open(t, api, Config{Tokens: &fakeTokens{users: map[string]string{"good": "ann"}}})
	if got := b.post("/console/login", url.Values{"token": {"good"}}); got.status != http.StatusSeeOther {
		t.Fatalf("login answered %d: %s", got.status, got.text)
	}
	return b
}

func (b *browser) do(method, path string, form url.Values, headers ...string) page {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{answer.StatusCode, answer.Header, string(text), answer.Header.Get("Location")}
}

func (b *browser) get(path string, headers ...string) page {
	return b.do(http.MethodGet, path, nil, headers...)
}

func (b *browser) post(path string, form url.Values, headers ...string) page {
	return b.do(http.MethodPost, path, form, headers...)
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrf is the token of the forms on a page.
func (b *browser) csrf(path string) string {
	b.t.Helper()
	found := csrfField.FindStringSubmatch(b.get(path).text)
	if found == nil {
		b.t.Fatalf("%s has no form", path)
	}
	return html.UnescapeString(found[1])
}

func noQueues() map[string]any {
	return map[string]any{
		viewapi.PathSummary: &viewapi.Summary{}, "/v1/describecomputeenvironments": map[string]any{"computeEnvironments": []any{}},
		"/v1/describejobqueues": map[string]any{"jobQueues": []any{}},
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	tokens := &fakeTokens{users: map[string]string{"good": "ann"}}
	api := &fakeAPI{answers: noQueues()}
	b := open(t, api, Config{Tokens: tokens})

	if got := b.get("/console/?a=b"); got.status != http.StatusSeeOther || got.location != "/console/login?next="+url.QueryEscape("/console/?a=b") {
		t.Errorf("a stranger gets %d %s", got.status, got.location)
	}
	if got := b.get("/console/", headerFragment, "1"); got.status != http.StatusUnauthorized {
		t.Errorf("a stranger's page that fetches itself gets %d", got.status)
	}
	for _, token := range []string{"", "bad", "two words", strings.Repeat("x", maxToken+1)} {
		got := b.post("/console/login", url.Values{"token": {token}})
		if got.status != http.StatusForbidden && got.status != http.StatusBadRequest || len(got.header["Set-Cookie"]) > 0 || !strings.Contains(got.text, `role="alert"`) {
			t.Errorf("token %.20q gets %d %v", token, got.status, got.header["Set-Cookie"])
		}
	}
	tokens.set(nil, errors.New("down"))
	if got := b.post("/console/login", url.Values{"token": {"good"}}); got.status != http.StatusServiceUnavailable || strings.Contains(got.text, "down") {
		t.Errorf("while nobody can be asked: %d %s", got.status, got.text)
	}
	tokens.set(map[string]string{"good": "ann"}, nil)
	got := b.post("/console/login", url.Values{"token": {" good\n"}, "next": {"/console/?a=b"}})
	cookie := strings.Join(got.header["Set-Cookie"], " ")
	if got.status != http.StatusSeeOther || got.location != "/console/?a=b" || !strings.Contains(cookie, "HttpOnly; SameSite=Lax") || strings.Contains(cookie, "good") {
		t.Errorf("a good token gets %d %s %s", got.status, got.location, cookie)
	}
	if got := b.get("/console/"); got.status != http.StatusOK || !strings.Contains(got.text, "ann") {
		t.Errorf("ann gets %d %s", got.status, got.text)
	}
	if len(api.sent) == 0 || api.sent[len(api.sent)-1].user != "ann" {
		t.Errorf("the API was called as %v", api.sent)
	}
	// A token that is taken back ends the session; an API server that is away does not.
	tokens.set(nil, errors.New("down"))
	if got := b.get("/console/"); got.status != http.StatusServiceUnavailable {
		t.Errorf("while nobody can be asked ann gets %d", got.status)
	}
	tokens.set(map[string]string{}, nil)
	if got := b.get("/console/"); got.status != http.StatusSeeOther {
		t.Errorf("with a token that was taken back ann gets %d", got.status)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	b := openLoggedIn(t, &fakeAPI{answers: noQueues()})
	if got := b.post("/console/logout", url.Values{"csrf": {"made up"}}); got.status != http.StatusForbidden {
		t.Errorf("with a made-up token: %d", got.status)
	}
	if got := b.post("/console/logout", url.Values{"csrf": {b.csrf("/console/")}}); got.status != http.StatusSeeOther {
		t.Errorf("logout: %d %s", got.status, got.text)
	}
	if got := b.get("/console/"); got.status != http.StatusSeeOther {
		t.Errorf("after it: %d", got.status)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	clk := testingclock.NewFakeClock(testTime)
	b := open(t, &fakeAPI{answers: noQueues()}, Config{Tokens: &fakeTokens{users: map[string]string{"good": "ann"}}, Clock: clk, Life: time.Hour})
	b.post("/console/login", url.Values{"token": {"good"}})
	clk.SetTime(testTime.Add(time.Hour - time.Second))
	if got := b.get("/console/"); got.status != http.StatusOK {
		t.Errorf("shortly before its end: %d", got.status)
	}
	clk.SetTime(testTime.Add(time.Hour))
	if got := b.get("/console/"); got.status != http.StatusSeeOther {
		t.Errorf("at its end: %d", got.status)
	}
}

func TestLongTokensFitInSeveralCookies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 6000)
	b := open(t, &fakeAPI{answers: noQueues()}, Config{Tokens: &fakeTokens{users: map[string]string{long: "ann", "good": "bob"}}})
	got := b.post("/console/login", url.Values{"token": {long}})
	if n := len(got.header["Set-Cookie"]); n != 3 {
		t.Fatalf("%d cookies, want 3: %d %s", n, got.status, got.text)
	}
	if got := b.get("/console/"); !strings.Contains(got.text, ">ann<") {
		t.Errorf("ann gets %d", got.status)
	}
	// What is left of them does not disturb the next session.
	b.post("/console/login", url.Values{"token": {"good"}})
	if got := b.get("/console/"); !strings.Contains(got.text, ">bob<") {
		t.Errorf("bob gets %d", got.status)
	}
}

func TestForgedSessionsAreNone(t *testing.T) {
	t.Parallel()
	tokens := &fakeTokens{users: map[string]string{"good": "ann"}}
	b := open(t, &fakeAPI{answers: noQueues()}, Config{Tokens: tokens})
	other := sealer{key: func(context.Context) ([]byte, error) { return []byte(strings.Repeat("z", 32)), nil }}
	ours := sealer{key: func(context.Context) ([]byte, error) { return []byte(strings.Repeat("k", 32)), nil }}
	whole := session{Token: "good", Secret: newSecret(), Ends: testTime.Add(time.Hour).Unix()}
	seal := func(s sealer, purpose string, v any) string {
		text, err := s.seal(t.Context(), purpose, v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	cases := map[string]struct {
		value string
		want  int
	}{
		"as it should be":              {"1." + seal(ours, purposeSession, whole), http.StatusOK},
		"by another server":            {"1." + seal(other, purposeSession, whole), http.StatusSeeOther},
		"for another purpose":          {"1." + seal(ours, purposeLogin, whole), http.StatusSeeOther},
		"of nobody":                    {"1." + seal(ours, purposeSession, session{Secret: newSecret(), Ends: whole.Ends}), http.StatusSeeOther},
		"without a secret":             {"1." + seal(ours, purposeSession, session{Token: "good", Ends: whole.Ends}), http.StatusSeeOther},
		"of a provider that is not":    {"1." + seal(ours, purposeSession, session{User: &batch.User{Name: "ann"}, Secret: newSecret(), Ends: whole.Ends}), http.StatusSeeOther},
		"in more parts than there are": {"3." + seal(ours, purposeSession, whole), http.StatusSeeOther},
		"in too many parts":            {"9999999." + seal(ours, purposeSession, whole), http.StatusSeeOther},
		"garbage":                      {"garbage", http.StatusSeeOther},
		"empty":                        {"", http.StatusSeeOther},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh := &browser{t, &http.Client{CheckRedirect: b.client.CheckRedirect}, b.url}
			if got := fresh.get("/console/", "Cookie", "muster-session="+tc.value); got.status != tc.want {
				t.Errorf("answered %d, want %d", got.status, tc.want)
			}
		})
	}
}

func TestOpenConsoleAsksNobody(t *testing.T) {
	t.Parallel()
	b := open(t, &fakeAPI{answers: noQueues()}, Config{Open: true})
	if got := b.get("/console/"); got.status != http.StatusOK || strings.Contains(got.text, "Log out") {
		t.Errorf("anybody gets %d %s", got.status, got.text)
	}
	if got := b.get("/console/login?next=/console/x"); got.location != "/console/x" {
		t.Errorf("the login page leads to %q", got.location)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	b := openLoggedIn(t, &fakeAPI{answers: noQueues()})
	secure := open(t, &fakeAPI{answers: noQueues()}, Config{Tokens: &fakeTokens{users: map[string]string{"good": "ann"}}, Secure: true})
	for _, path := range []string{"/console/", "/console/nothing", "/console/login", "/console/live", "/console/static/x/console.js"} {
		got := b.get(path)
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
			"Strict-Transport-Security": "", "Referrer-Policy": "same-origin",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got.header.Get(name), want)
			}
		}
		if secure.get(path).header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s is not held to TLS", path)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Error("the policy lets inline code in")
	}
	cookies := strings.Join(secure.post("/console/login", url.Values{"token": {"good"}}).header["Set-Cookie"], " ")
	if !strings.Contains(cookies, "__Host-muster-session=") || !strings.Contains(cookies, "Secure") {
		t.Errorf("cookies by TLS: %s", cookies)
	}
}

func TestOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	b := openLoggedIn(t, &fakeAPI{answers: noQueues()})
	form := url.Values{"csrf": {b.csrf("/console/")}}
	for name, headers := range map[string][]string{
		"another origin": {"Origin", "https://evil.example"},
		"another site":   {"Sec-Fetch-Site", "cross-site"},
		"a neighbour":    {"Sec-Fetch-Site", "same-site"},
		"a sandbox":      {"Origin", "null"},
	} {
		for _, path := range []string{"/console/logout", "/console/login"} {
			if got := b.post(path, form, headers...); got.status != http.StatusForbidden {
				t.Errorf("%s at %s gets %d", name, path, got.status)
			}
		}
	}
	if got := b.post("/console/logout", form, "Origin", b.url, "Sec-Fetch-Site", "same-origin"); got.status != http.StatusSeeOther {
		t.Errorf("the console itself gets %d", got.status)
	}
}

func TestOwnPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/console/jobs?queue=a%26b": "/console/jobs?queue=a%26b",
		"/console/jobs/a%2Fb":       "/console/jobs/a%2Fb",
		"/console/#top":             "/console/",
		"":                          Root, "/": Root, "/v1/x": Root, "//evil.example/console/": Root, "https://evil.example/console/": Root,
		`/console/\..\..`: Root, "javascript:alert(1)": Root, "/console/\r\nX: y": Root, "/consolex": Root, "%zz": Root,
	} {
		if got := ownPath(path); got != want {
			t.Errorf("ownPath(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestStaticFiles(t *testing.T) {
	t.Parallel()
	b := open(t, &fakeAPI{}, Config{Open: true})
	login := b.get("/console/")
	link := regexp.MustCompile(`/console/static/[0-9a-f]+/console\.js`).FindString(login.text)
	got := b.get(link)
	if got.status != http.StatusOK || !strings.Contains(got.header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(got.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("%s: %d %v", link, got.status, got.header)
	}
	if old := b.get("/console/static/0000/console.js"); old.status != http.StatusOK || old.header.Get("Cache-Control") != "no-store" || old.text != got.text {
		t.Errorf("of another version: %d %v", old.status, old.header)
	}
	for _, path := range []string{"/console/static/0000/none.js", "/console/static/0000/..%2fconsole.go", "/console/static/", "/console/static/0000/"} {
		if got := b.get(path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}
