// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Config says where the API is and who asks it; zero values mean the defaults.
type Config struct {
	// Endpoint is the address of the Batch API, as http://127.0.0.1:8080.
	Endpoint string
	// Identity says who asks. Default: nobody in particular.
	Identity Identity
	// UserAgent names the program.
	UserAgent string
	// Attempts is how often a request is sent at most while no answer comes, or one that says to come back. Default 3, as SDKs do.
	Attempts int
	// AuthorityFile has the certificates that the server's is signed by, instead of the machine's.
	AuthorityFile string
	// InsecureSkipVerify takes any certificate for the server's.
	InsecureSkipVerify bool
	// AllowPlaintext lets tokens go over http to other machines, where whoever reads the traffic has them.
	AllowPlaintext bool
}

// Client asks one server. Its methods may be called concurrently.
type Client struct {
	endpoint  *url.URL
	identity  Identity
	userAgent string
	attempts  int
	http      *http.Client
}

// New makes a Client. It sends nothing yet.
func New(cfg Config) (*Client, error) {
	endpoint, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	c := &Client{
		endpoint: endpoint, identity: cfg.Identity,
		userAgent: cmp.Or(cfg.UserAgent, "muster"), attempts: cmp.Or(cfg.Attempts, 3),
	}
	if c.identity == nil {
		c.identity = Nobody{}
	}
	if c.identity.IsBearer() && endpoint.Scheme == "http" && !isLoopback(endpoint.Hostname()) && !cfg.AllowPlaintext {
		return nil, fmt.Errorf("%w %s: a token is not sent over http to another machine, where it can be read on its way", ErrEndpoint, endpoint.Redacted())
	}
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	c.http = &http.Client{
		Transport: transport,
		// Whoever could send us elsewhere would have our token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Endpoint is where the server is.
func (c *Client) Endpoint() string { return c.endpoint.String() }

// Identity says who asks.
func (c *Client) Identity() Identity { return c.identity }

func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: must be a URL as http://127.0.0.1:8080", ErrEndpoint) // it may have a password
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%w %q: must be http:// or https:// with a host, no user and no query", ErrEndpoint, u.Redacted())
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

// IsLoopback reports whether the endpoint is on this machine.
func IsLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func newTransport(cfg Config) (*http.Transport, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.InsecureSkipVerify}
	if cfg.AuthorityFile != "" {
		pem, err := os.ReadFile(cfg.AuthorityFile)
		if err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read certificates: %s has none", cfg.AuthorityFile)
		}
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 16,
	}, nil
}

// message is one request before it is signed.
type message struct {
	operation string // for errors
	method    string
	path      string // escaped
	query     url.Values
	target    string // of operations that name it so
	service   string // that the signature is for
	body      []byte
}

// build makes the request of a message, signed as of now.
func (c *Client) build(ctx context.Context, m *message, invocation string, attempt int) (*http.Request, error) {
	u := *c.endpoint
	u.RawPath = c.endpoint.EscapedPath() + m.path
	path, err := url.PathUnescape(u.RawPath)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", m.path, err)
	}
	u.Path, u.RawQuery = path, m.query.Encode()
	r, err := http.NewRequestWithContext(ctx, m.method, u.String(), bytes.NewReader(m.body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.operation, err)
	}
	r.Header.Set("User-Agent", c.userAgent)
	r.Header.Set("Amz-Sdk-Invocation-Id", invocation)
	r.Header.Set("Amz-Sdk-Request", fmt.Sprintf("attempt=%d; max=%d", attempt, c.attempts))
	switch {
	case m.target != "":
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", m.target)
	case m.body != nil:
		r.Header.Set("Content-Type", "application/json")
	}
	if err := c.identity.Sign(ctx, r, m.body, m.service); err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	return r, nil
}

// attemptTimeout is longer than the server takes over any answer.
const attemptTimeout = time.Minute

// maxAnswer bounds what is read of an answer: the largest are pages of a list.
const maxAnswer = 64 << 20

// send sends a message until it is answered, and decodes the answer into out unless that is nil.
func (c *Client) send(ctx context.Context, m *message, out any) error {
	invocation := uuid.NewString()
	for attempt := 1; ; attempt++ {
		body, wait, err := c.attempt(ctx, m, invocation, attempt)
		if err == nil {
			return decodeAnswer(m.operation, body, out)
		}
		if wait == 0 || attempt >= c.attempts || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// attempt sends a message once. If it should be sent again, wait says after what time.
func (c *Client) attempt(ctx context.Context, m *message, invocation string, attempt int) (body []byte, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	r, err := c.build(ctx, m, invocation, attempt)
	if err != nil {
		return nil, 0, err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, backoff(attempt), unreachable(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, backoff(attempt), unreachable(err)
	case len(body) > maxAnswer:
		return nil, 0, fmt.Errorf("%s: the answer has more than %d MiB", m.operation, maxAnswer>>20)
	case response.StatusCode == http.StatusOK:
		return body, 0, nil
	case response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= http.StatusInternalServerError:
		return nil, backoff(attempt), refusal(m.operation, response, body)
	}
	return nil, 0, refusal(m.operation, response, body)
}

// backoff doubles with each attempt.
func backoff(attempt int) time.Duration { return 250 * time.Millisecond << min(attempt-1, 5) }

// unreachable says in few words why no answer came.
func unreachable(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func decodeAnswer(operation string, body []byte, out any) error {
	if out == nil || len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%w: %s was answered with something else than JSON of its form: %w", ErrUnreachable, operation, err)
	}
	return nil
}
