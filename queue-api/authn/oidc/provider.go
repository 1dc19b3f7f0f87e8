// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Config of a Provider; zero values mean the defaults.
type Config struct {
	Issuer   string // its URL, as it stands in tokens
	ClientID string // the audience of tokens
	// SecretFile has the client's secret, which is read for each login. Default: the client is public.
	SecretFile string
	// RedirectURL is where the issuer sends browsers back to.
	RedirectURL string
	// Scopes are asked for beside openid. Default: profile, email and groups.
	Scopes []string
	// UsernameClaim names the user. Default: sub.
	UsernameClaim string
	// GroupsClaim has the user's groups. Default: groups.
	GroupsClaim string
	// UsernamePrefix and GroupsPrefix are put before names.
	UsernamePrefix, GroupsPrefix string
	// Client reaches the issuer. Default: one that waits for ten seconds.
	Client *http.Client
	// Now is the time. Default: the real one.
	Now func() time.Time
}

// Provider knows the users of an issuer. It asks the issuer what it needs once it is first used, and again until it answers.
type Provider struct {
	cfg Config

	mu       sync.Mutex
	provider *gooidc.Provider // nil until the issuer answered
}

// New makes a Provider. It does not reach for the issuer.
func New(cfg Config) (*Provider, error) {
	if cfg.Issuer == "" || cfg.ClientID == "" {
		return nil, errors.New("oidc: an issuer and a client id are needed")
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if len(cfg.Scopes) == 0 {
		cfg.Scopes = []string{"profile", "email", "groups"}
	}
	if cfg.UsernameClaim == "" {
		cfg.UsernameClaim = "sub"
	}
	if cfg.GroupsClaim == "" {
		cfg.GroupsClaim = "groups"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Provider{cfg: cfg}, nil
}

// discovered is what the issuer says of itself.
func (p *Provider) discovered() (*gooidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.provider != nil {
		return p.provider, nil
	}
	// The issuer's keys are fetched by this context as long as the Provider lives.
	found, err := gooidc.NewProvider(gooidc.ClientContext(context.Background(), p.cfg.Client), p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("oidc: ask issuer: %w", err)
	}
	p.provider = found
	return found, nil
}

// IsMine reports whether a token says that it is of this issuer. It proves nothing.
func (p *Provider) IsMine(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	return json.Unmarshal(payload, &claims) == nil && claims.Issuer == p.cfg.Issuer
}

// Review gives the user of an ID token. A refusal is a *batch.Error; any other error means that the issuer could not be asked.
func (p *Provider) Review(ctx context.Context, token string) (batch.User, error) {
	user, _, err := p.review(ctx, token)
	return user, err
}

func (p *Provider) review(ctx context.Context, token string) (batch.User, *gooidc.IDToken, error) {
	provider, err := p.discovered()
	if err != nil {
		return batch.User{}, nil, err
	}
	id, err := provider.Verifier(&gooidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Now}).Verify(gooidc.ClientContext(ctx, p.cfg.Client), token)
	if _, late := errors.AsType[*gooidc.TokenExpiredError](err); late {
		return batch.User{}, nil, &batch.Error{Code: batch.CodeExpiredToken, Message: "The security token included in the request is expired"}
	}
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") { // go-oidc has no type for it
			return batch.User{}, nil, fmt.Errorf("oidc: %w", err)
		}
		return batch.User{}, nil, unrecognized()
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return batch.User{}, nil, unrecognized()
	}
	user, err := p.user(claims)
	return user, id, err
}

func unrecognized() error {
	return &batch.Error{Code: batch.CodeUnrecognizedClient, Message: "The security token included in the request is invalid."}
}

// reserved begins the names of Kubernetes' own users and groups.
const reserved = "system:"

// user is who a token's claims speak of.
func (p *Provider) user(claims map[string]any) (batch.User, error) {
	name, _ := claims[p.cfg.UsernameClaim].(string)
	if verified, told := claims["email_verified"].(bool); p.cfg.UsernameClaim == "email" && told && !verified {
		return batch.User{}, unrecognized()
	}
	user := batch.User{Name: p.cfg.UsernamePrefix + name}
	if name == "" || strings.HasPrefix(user.Name, reserved) {
		return batch.User{}, unrecognized()
	}
	for _, group := range texts(claims[p.cfg.GroupsClaim]) {
		if group = p.cfg.GroupsPrefix + group; group != p.cfg.GroupsPrefix && !strings.HasPrefix(group, reserved) {
			user.Groups = append(user.Groups, group)
		}
	}
	// As Kubernetes has it, so that what is bound to all who are known is theirs.
	user.Groups = append(user.Groups, "system:authenticated")
	return user, nil
}

// texts are those of a claim that is a list, or one.
func texts(claim any) (list []string) {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []any:
		for _, one := range claim {
			if text, ok := one.(string); ok {
				list = append(list, text)
			}
		}
	}
	return list
}

// oauth is the client's part of the flow.
func (p *Provider) oauth() (*oauth2.Config, error) {
	provider, err := p.discovered()
	if err != nil {
		return nil, err
	}
	c := &oauth2.Config{
		ClientID: p.cfg.ClientID, Endpoint: provider.Endpoint(), RedirectURL: p.cfg.RedirectURL,
		Scopes: append([]string{gooidc.ScopeOpenID}, p.cfg.Scopes...),
	}
	if p.cfg.SecretFile != "" {
		secret, err := os.ReadFile(p.cfg.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("oidc: client secret: %w", err)
		}
		c.ClientSecret = strings.TrimSpace(string(secret))
	}
	return c, nil
}

// Begin implements console.Provider.
func (p *Provider) Begin(_ context.Context, state, nonce, proof string) (string, error) {
	c, err := p.oauth()
	if err != nil {
		return "", err
	}
	return c.AuthCodeURL(state, gooidc.Nonce(nonce), oauth2.S256ChallengeOption(proof)), nil
}

// End implements console.Provider.
func (p *Provider) End(ctx context.Context, code, nonce, proof string) (batch.User, error) {
	c, err := p.oauth()
	if err != nil {
		return batch.User{}, err
	}
	ctx = gooidc.ClientContext(ctx, p.cfg.Client)
	token, err := c.Exchange(ctx, code, oauth2.VerifierOption(proof))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		return batch.User{}, &batch.Error{Code: batch.CodeUnrecognizedClient, Message: "The identity provider refused the login."}
	}
	if err != nil {
		return batch.User{}, fmt.Errorf("oidc: exchange code: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	user, id, err := p.review(ctx, raw)
	if err != nil {
		return batch.User{}, err
	}
	if id.Nonce != nonce {
		return batch.User{}, unrecognized()
	}
	return user, nil
}
