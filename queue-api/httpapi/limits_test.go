// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// authorizationOf is what a client sends that calls itself so.
func authorizationOf(caller string) string {
	return "AWS4-HMAC-SHA256 Credential=" + caller + "/20260101/us-east-1/batch/aws4_request, SignedHeaders=host, Signature=0"
}

// Each limit one below, at it and one beyond.
func TestBodyLimits(t *testing.T) {
	t.Parallel()
	padded := func(size int) string { return submitBody + strings.Repeat(" ", size-len(submitBody)) }
	deep := func(levels int) string {
		return `{"jobName":"j","jobQueue":"q","jobDefinition":"d","x":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + "}"
	}
	s := newServer(t, fakePlane{}, Config{})
	cases := map[string]struct {
		path  string
		limit int
		body  func(int) string
	}{
		"a submission's size":       {"/v1/submitjob", maxSubmission, padded},
		"another operation's size":  {"/v1/listjobs", maxBody, padded},
		"how deep a body is nested": {"/v1/submitjob", maxDepth, deep},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for beyond, want := range map[int]int{-1: http.StatusOK, 0: http.StatusOK, 1: http.StatusBadRequest} {
				if w := post(t, s, tc.path, tc.body(tc.limit+beyond)); w.Code != want {
					t.Errorf("limit%+d = %d %s, want %d", beyond, w.Code, w.Body, want)
				}
			}
		})
	}
}

func TestDepthLooksPastStrings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{``: 0, `{}`: 1, `{"a":[{}]}`: 3, `{"[[":"{{\"[["}`: 1, `[[]][[`: 2, `]]]]`: 0, `"\`: 0} {
		if got := depth([]byte(text)); got != want {
			t.Errorf("depth of %s = %d, want %d", text, got, want)
		}
	}
}

func TestSubmitRates(t *testing.T) {
	t.Parallel()
	clk := clocktesting.NewFakeClock(time.UnixMilli(1_700_000_000_000))
	s := newServer(t, fakePlane{}, Config{SubmitRate: 3, SubmitRateEach: 2, Clock: clk})
	submit := func(caller string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/submitjob", strings.NewReader(submitBody))
		r.Header.Set("Authorization", authorizationOf(caller))
		return do(s, r)
	}
	accepted := func(caller string) int {
		for n := 0; ; n++ {
			w := submit(caller)
			if w.Code == http.StatusOK {
				continue
			}
			if w.Code != http.StatusTooManyRequests || w.Header().Get("X-Amzn-Errortype") != "TooManyRequestsException" || w.Header().Get("Retry-After") == "" {
				t.Errorf("refused with %d %v %s", w.Code, w.Header(), w.Body)
			}
			return n
		}
	}
	if n := accepted("ann"); n != 4 {
		t.Errorf("ann had %d of a burst of 4", n)
	}
	if n := accepted("bob"); n != 2 {
		t.Errorf("bob had %d of the 2 that are left to all", n)
	}
	if w := post(t, s, "/v1/listjobs", `{"jobQueue":"q"}`); w.Code != http.StatusOK {
		t.Errorf("another operation = %d %s", w.Code, w.Body)
	}
	clk.Step(time.Second)
	if n := accepted("ann"); n != 2 {
		t.Errorf("a second later ann had %d, want 2", n)
	}
	if n := accepted("bob"); n != 1 {
		t.Errorf("a second later bob had %d, want the one that is left to all", n)
	}
}

func TestStreamsOfOneCallerAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		s := newServer(t, fakePlane{}, Config{
			Authorizer: authorizerFunc(func() error { return nil }),
			Events:     http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		})
		var refused atomic.Int64
		open := func(caller string) {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/x/v1/events", http.NoBody)
			r.Header.Set("Authorization", authorizationOf(caller))
			if w := do(s, r); w.Code == http.StatusTooManyRequests {
				refused.Add(1)
			}
		}
		for range streamsEach {
			go open("ann")
		}
		synctest.Wait()
		if n := refused.Load(); n != 0 {
			t.Errorf("%d of %d streams are refused", n, streamsEach)
		}
		go open("bob")
		open("ann")
		if n := refused.Load(); n != 1 {
			t.Errorf("one more was refused %d times", n)
		}
		end()
		synctest.Wait()
		if len(s.streams.open) != 0 {
			t.Errorf("%v are counted as open", s.streams.open)
		}
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	inner, _ := listen(t)
	listener := Bound(inner, 2)
	accepted := make(chan net.Conn, 3)
	ended := make(chan error, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- conn
		}
	}()
	for range 3 {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	first := <-accepted
	<-accepted
	select {
	case <-accepted:
		t.Error("a third connection is let through beside two")
	case <-time.After(50 * time.Millisecond):
	}
	for range 2 { // twice is harmless
		_ = first.Close()
	}
	<-accepted
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a closed listener accepts")
	}
}

// TestSlowClients has a thousand clients that never finish their requests; others are served meanwhile, and all of the
// thousand are thrown out.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	listener, url := listen(t)
	done := make(chan error)
	go func() { done <- newServer(t, fakePlane{}, Config{}).Run(ctx, Bound(listener, 4096)) }()
	const count = 1000
	slow := make([]net.Conn, count)
	for i := range slow {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		text := "POST /v1/submitjob HTTP/1.1\r\nHost: x\r\n"
		if i%2 == 1 {
			text += "Content-Length: 100\r\n\r\n{"
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		slow[i] = conn
	}
	began := time.Now()
	for range 50 {
		if status, text, err := send(t, http.MethodPost, url+"/v1/submitjob", submitBody); status != http.StatusOK || err != nil {
			t.Fatalf("another client = %d %s %v", status, text, err)
		}
	}
	t.Logf("50 requests beside %d slow clients took %s", count, time.Since(began))
	for _, conn := range slow {
		_ = conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatal("a slow client is still connected")
		}
	}
	t.Logf("all were thrown out within %s", time.Since(began))
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
}
