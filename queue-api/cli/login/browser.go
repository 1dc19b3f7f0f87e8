// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// callback is the path that the issuer sends the browser back to.
const callback = "/callback"

// Browser has open show the issuer's page in a browser of this machine and waits until it sends the browser back to us. port is the
// port of loopback that the issuer knows, 0 for any.
func (i *Issuer) Browser(ctx context.Context, port int, open func(address string)) (Tokens, error) {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return Tokens{}, fmt.Errorf("browser login: %w", err)
	}
	config := i.config
	config.RedirectURL = "http://" + listener.Addr().String() + callback
	a := &answer{state: rand.Text(), came: make(chan outcome, 1)}
	nonce, verifier := rand.Text(), oauth2.GenerateVerifier()
	server := &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // ends with Close
	defer serving.Wait()
	defer server.Close()
	open(config.AuthCodeURL(a.state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
	select {
	case <-ctx.Done():
		return Tokens{}, fmt.Errorf("browser login: %w", ctx.Err())
	case got := <-a.came:
		// The browser's page comes before the server goes.
		defer func() { <-got.shown }()
		if got.err != nil {
			return Tokens{}, got.err
		}
		t, err := config.Exchange(i.client(ctx), got.code, oauth2.VerifierOption(verifier))
		if err != nil {
			return Tokens{}, fmt.Errorf("browser login: %w", short(err))
		}
		return i.accept(ctx, t, nonce)
	}
}

// outcome is what a browser brought.
type outcome struct {
	code  string
	err   error
	shown chan struct{} // closed once the browser has its page
}

// answer waits for a browser with the issuer's answer. Others are turned away, and so is a second one.
type answer struct {
	state string
	once  sync.Once
	came  chan outcome
}

func (a *answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	q := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != callback || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.state)) != 1 {
		http.Error(w, "Not the answer to this login.", http.StatusBadRequest)
		return
	}
	isFirst := false
	a.once.Do(func() { isFirst = true })
	if !isFirst {
		http.Error(w, "This login has been answered.", http.StatusBadRequest)
		return
	}
	got := outcome{code: q.Get("code"), shown: make(chan struct{})}
	defer close(got.shown)
	text := "You are logged in; close this window and go back to the terminal.\n"
	switch code := q.Get("error"); {
	case code != "":
		got.err = fmt.Errorf("browser login: %.128s: %.512s", code, q.Get("error_description"))
	case got.code == "":
		got.err = errors.New("browser login: the issuer sent no code")
	}
	if got.err != nil {
		text = "The login failed; the terminal says why.\n"
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text))) // so that the page is whole once it is flushed, and the server may go
	_, _ = w.Write([]byte(text))                              // fails only when the browser is gone
	_ = http.NewResponseController(w).Flush()
	a.came <- got
}
