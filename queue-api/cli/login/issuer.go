// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Tokens are what an issuer gave.
type Tokens struct {
	ID      string // what the server is shown
	Refresh string // empty if the issuer gives none
	Expiry  time.Time
}

// Issuer is an OpenID Connect issuer, and what it knows this program by.
type Issuer struct {
	url      string
	clientID string
	provider *oidc.Provider
	config   oauth2.Config
	http     *http.Client
}

// requestTimeout bounds each request to an issuer.
const requestTimeout = 30 * time.Second

// Discover looks an issuer up. Its address must be https, but on this machine. The scope openid is always asked for.
func Discover(ctx context.Context, issuer, clientID string, scopes []string) (*Issuer, error) {
	if err := checkURL(issuer); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if clientID == "" {
		return nil, errors.New("client id: is required")
	}
	i := &Issuer{url: issuer, clientID: clientID, http: &http.Client{Timeout: requestTimeout}}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, i.http), issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer %s: %w", issuer, err)
	}
	if !slices.Contains(scopes, oidc.ScopeOpenID) {
		scopes = append([]string{oidc.ScopeOpenID}, scopes...)
	}
	i.provider, i.config = provider, oauth2.Config{ClientID: clientID, Endpoint: provider.Endpoint(), Scopes: scopes}
	for _, at := range []string{i.config.Endpoint.TokenURL, i.config.Endpoint.AuthURL, i.config.Endpoint.DeviceAuthURL} {
		if at == "" {
			continue
		}
		if err := checkURL(at); err != nil {
			return nil, fmt.Errorf("issuer %s: %w", issuer, err)
		}
	}
	return i, nil
}

// checkURL refuses addresses that are neither https nor on this machine, and those that a browser would run.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%.256q: must be a URL as https://accounts.example.com", text)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%.256q: must be https", text)
}

// client is the context of requests to the issuer.
func (i *Issuer) client(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, i.http)
}

// accept checks what the issuer gave.
func (i *Issuer) accept(ctx context.Context, t *oauth2.Token, nonce string) (Tokens, error) {
	raw, ok := t.Extra("id_token").(string)
	if !ok || raw == "" {
		return Tokens{}, errors.New("the issuer gave no ID token")
	}
	id, err := i.provider.VerifierContext(oidc.ClientContext(ctx, i.http), &oidc.Config{ClientID: i.clientID}).Verify(ctx, raw)
	if err != nil {
		return Tokens{}, fmt.Errorf("ID token: %w", err)
	}
	if nonce != "" && id.Nonce != nonce {
		return Tokens{}, errors.New("ID token: is not the answer to this login")
	}
	return Tokens{ID: raw, Refresh: t.RefreshToken, Expiry: id.Expiry}, nil
}

// Renew gets a new token by the one for that.
func (i *Issuer) Renew(ctx context.Context, refresh string) (Tokens, error) {
	t, err := i.config.TokenSource(i.client(ctx), &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return Tokens{}, fmt.Errorf("renew token: %w", short(err))
	}
	return i.accept(ctx, t, "")
}

// Device asks for a code that is typed elsewhere, shows it and waits until that was done. code may be in complete already, which may
// be empty.
func (i *Issuer) Device(ctx context.Context, show func(address, code, complete string)) (Tokens, error) {
	if i.config.Endpoint.DeviceAuthURL == "" {
		return Tokens{}, errors.New("the issuer has no device login")
	}
	d, err := i.config.DeviceAuth(i.client(ctx))
	if err != nil {
		return Tokens{}, fmt.Errorf("device login: %w", short(err))
	}
	show(d.VerificationURI, d.UserCode, d.VerificationURIComplete)
	t, err := i.config.DeviceAccessToken(i.client(ctx), d)
	if err != nil {
		return Tokens{}, fmt.Errorf("device login: %w", short(err))
	}
	return i.accept(ctx, t, "")
}

// short is what an issuer says, without the whole of its answer.
func short(err error) error {
	refusal, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case !ok:
		return err
	case refusal.ErrorCode == "":
		return fmt.Errorf("the issuer answered %s", refusal.Response.Status)
	case refusal.ErrorDescription == "":
		return fmt.Errorf("%.128s", refusal.ErrorCode)
	}
	return fmt.Errorf("%.128s: %.512s", refusal.ErrorCode, refusal.ErrorDescription)
}
