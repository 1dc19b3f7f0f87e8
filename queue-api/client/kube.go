// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Audience is that of the tokens that queue-api takes.
const Audience = "muster.sh"

// Kube finds a token by a kubeconfig: the one that its user has, or one that the API server makes for a service account.
type Kube struct {
	File, Context string // empty: KUBECONFIG's or the user's own, and its current context
	// ServiceAccount is whose token the API server is asked for, in Namespace, else in the context's.
	ServiceAccount string
	Namespace      string
	// Audience of that token. Default muster.sh.
	Audience string
}

func (k *Kube) load() (clientcmd.ClientConfig, *rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = k.File
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: k.Context})
	cfg, err := loader.ClientConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("kubeconfig: %w", err)
	}
	return loader, cfg, nil
}

// identity gives the token's identity, having seen that there is a token to be had.
func (k *Kube) identity() (Identity, error) {
	loader, cfg, err := k.load()
	if err != nil {
		return nil, err
	}
	if k.ServiceAccount == "" {
		if cfg.BearerToken == "" && cfg.BearerTokenFile == "" && cfg.ExecProvider == nil && cfg.AuthProvider == nil {
			return nil, errors.New("kubeconfig: its user has no token; --service-account names one to get a token for")
		}
		return Token{Get: func(ctx context.Context) (string, error) { return userToken(ctx, cfg) }, From: "kubeconfig"}, nil
	}
	namespace := k.Namespace
	if namespace == "" {
		if namespace, _, err = loader.Namespace(); err != nil {
			return nil, fmt.Errorf("kubeconfig: %w", err)
		}
	}
	account := &accountToken{cfg: cfg, namespace: namespace, name: k.ServiceAccount, audience: cmp.Or(k.Audience, Audience)}
	return Token{Get: account.get, From: "service account " + namespace + "/" + k.ServiceAccount}, nil
}

// errCaught ends a request that was made for its headers.
var errCaught = errors.New("caught")

// catcher keeps a request's Authorization.
type catcher struct{ header string }

func (c *catcher) RoundTrip(r *http.Request) (*http.Response, error) {
	c.header = r.Header.Get("Authorization")
	return nil, errCaught
}

// userToken is the token that a request to the API server would carry, whatever the kubeconfig says to get it by.
func userToken(ctx context.Context, cfg *rest.Config) (string, error) {
	caught := &catcher{}
	transport, err := rest.HTTPWrappersForConfig(cfg, caught)
	if err != nil {
		return "", fmt.Errorf("kubeconfig: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://kubernetes.invalid/", http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := transport.RoundTrip(r)
	if response != nil {
		_ = response.Body.Close()
	}
	if err != nil && !errors.Is(err, errCaught) {
		return "", fmt.Errorf("kubeconfig: %w", err)
	}
	token, ok := strings.CutPrefix(caught.header, "Bearer ")
	if !ok || token == "" {
		return "", errors.New("kubeconfig: its user has no token")
	}
	return token, nil
}

// accountToken is a service account's token, made anew before it ends.
type accountToken struct {
	cfg                       *rest.Config
	namespace, name, audience string

	mu    sync.Mutex // guards what follows
	token string
	until time.Time
}

// tokenLife is asked for; renewBefore is how long before its end a token is made anew.
const (
	tokenLife   = time.Hour
	renewBefore = 5 * time.Minute
)

func (a *accountToken) get(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" && time.Now().Before(a.until.Add(-renewBefore)) {
		return a.token, nil
	}
	token, until, err := a.request(ctx)
	if err != nil {
		return "", fmt.Errorf("token of service account %s/%s: %w", a.namespace, a.name, err)
	}
	a.token, a.until = token, until
	return token, nil
}

// request is a TokenRequest, in few words of JSON: the typed client would bring all of Kubernetes' types along.
func (a *accountToken) request(ctx context.Context) (token string, until time.Time, err error) {
	client, err := rest.HTTPClientFor(a.cfg)
	if err != nil {
		return "", until, err
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
		"spec": map[string]any{"audiences": []string{a.audience}, "expirationSeconds": int(tokenLife.Seconds())},
	})
	if err != nil {
		return "", until, err
	}
	base, _, err := rest.DefaultServerUrlFor(a.cfg)
	if err != nil {
		return "", until, err
	}
	address := strings.TrimSuffix(base.String(), "/") + "/api/v1/namespaces/" + url.PathEscape(a.namespace) + "/serviceaccounts/" + url.PathEscape(a.name) + "/token"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", until, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return "", until, err
	}
	defer response.Body.Close()
	return readTokenRequest(response)
}

func readTokenRequest(response *http.Response) (token string, until time.Time, err error) {
	var answer struct {
		Status struct {
			Token               string    `json:"token"`
			ExpirationTimestamp time.Time `json:"expirationTimestamp"`
		} `json:"status"`
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", until, err
	}
	if response.StatusCode/100 != 2 {
		var failed struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(content, &failed) // then there is no message
		return "", until, fmt.Errorf("%s: %s", response.Status, failed.Message)
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return "", until, err
	}
	return answer.Status.Token, answer.Status.ExpirationTimestamp, nil
}
