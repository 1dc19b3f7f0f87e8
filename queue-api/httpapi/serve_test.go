// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-batch/muster/hack/freeport"
	"github.com/muster-batch/muster/hack/leaktest"
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// listen listens at an address that nobody else gets once it is closed.
func listen(t *testing.T) (listener net.Listener, url string) {
	t.Helper()
	port, release, err := freeport.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
		t.Fatal(err)
	}
	return listener, "http://" + listener.Addr().String()
}

// send does one request on a connection of its own.
func send(t *testing.T, method, url, body string) (status int, text string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := newServer(t, fakePlane{submit: func(
		ctx context.Context, _ batch.Call, _ *awsapi.SubmitJobRequest,
	) (*awsapi.SubmitJobResponse, error) {
		stop() // while the request is under way
		return nil, ctx.Err()
	}}, Config{})
	listener, url := listen(t)
	done := make(chan error)
	go func() { done <- s.Run(ctx, listener) }()
	if status, text, err := send(t, http.MethodPost, url+"/v1/submitjob", submitBody); status != http.StatusOK || err != nil {
		t.Errorf("request under way = %d %s %v", status, text, err)
	}
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
	if _, _, err := send(t, http.MethodPost, url+"/v1/submitjob", submitBody); err == nil {
		t.Error("a request after the end is answered")
	}
}

func TestRunReturnsTheListenersError(t *testing.T) {
	t.Parallel()
	listener, _ := listen(t)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := newServer(t, fakePlane{}, Config{}).Run(t.Context(), listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run() = %v, want %v", err, net.ErrClosed)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	listener, url := listen(t)
	done := make(chan error)
	go func() { done <- newServer(t, fakePlane{}, Config{}).Run(ctx, listener) }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/listjobs", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("X-Filler", strings.Repeat("x", 2*maxHeaderBytes))
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status = %d", resp.StatusCode)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection refused")
	ok := Check{Name: "redis", Ready: func(context.Context) error { return nil }}
	bad := Check{Name: "kubernetes", Ready: func(context.Context) error { return broken }}
	registry := prometheus.NewRegistry()
	if _, err := New(fakePlane{}, registry, Config{}); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		checks   []Check
		path     string
		wantCode int
		want     string
	}{
		"alive":                       {path: "/healthz", wantCode: 200, want: "ok\n"},
		"alive though not ready":      {checks: []Check{bad}, path: "/healthz", wantCode: 200, want: "ok\n"},
		"ready":                       {checks: []Check{ok}, path: "/readyz", wantCode: 200, want: "[+]redis ok\nok\n"},
		"ready when there is no more": {path: "/readyz", wantCode: 200, want: "ok\n"},
		"not ready": {
			checks: []Check{bad, ok}, path: "/readyz", wantCode: 503,
			want: "[-]kubernetes failed: connection refused\n[+]redis ok\n",
		},
		"metrics":         {path: "/metrics", wantCode: 200, want: "muster_api_requests_in_flight 0\n"},
		"no such page":    {path: "/v1/submitjob", wantCode: 404},
		"no other method": {path: "/healthz/", wantCode: 404},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			listener, url := listen(t)
			done := make(chan error)
			go func() { done <- NewHealth(registry, tc.checks...).Run(ctx, listener) }()
			status, text, err := send(t, http.MethodGet, url+tc.path, "")
			if err != nil || status != tc.wantCode || !strings.Contains(text, tc.want) {
				t.Errorf("GET %s = %d %q %v, want %d %q", tc.path, status, text, err, tc.wantCode, tc.want)
			}
			stop()
			if err := <-done; err != nil {
				t.Errorf("Run() = %v", err)
			}
		})
	}
}
