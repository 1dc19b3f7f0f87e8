// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/queue-api/authn"
	"github.com/muster-batch/muster/queue-api/authn/oidc"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/console"
)

// oidcOptions say whose ID tokens are taken beside those that Kubernetes reviews. They are those of the Kubernetes API server.
type oidcOptions struct {
	issuer, clientID, secretFile  string
	usernameClaim, usernamePrefix string
	groupsClaim, groupsPrefix     string
	scopes                        []string
}

func (o *oidcOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.issuer, "oidc-issuer-url", "", "OpenID Connect issuer, https://HOST/PATH, whose ID tokens are taken too and where users of the console log in; needs --auth with token.")
	fs.StringVar(&o.clientID, "oidc-client-id", "", "Client id, which its ID tokens must be for.")
	fs.StringVar(&o.secretFile, "oidc-client-secret-file", "", "File of the client's secret, read for each login; without it the client is public.")
	fs.StringVar(&o.usernameClaim, "oidc-username-claim", "sub", "Claim that names the user.")
	fs.StringVar(&o.usernamePrefix, "oidc-username-prefix", "oidc:", "Put before the user's name, so that it is nobody else's.")
	fs.StringVar(&o.groupsClaim, "oidc-groups-claim", "groups", "Claim that has the user's groups.")
	fs.StringVar(&o.groupsPrefix, "oidc-groups-prefix", "oidc:", "Put before the names of groups.")
	fs.StringSliceVar(&o.scopes, "oidc-scopes", []string{"profile", "email", "groups"}, "Scopes that the console asks for beside openid.")
}

func (o *oidcOptions) validate(tokens bool) error {
	switch {
	case o.issuer == "" && (o.clientID != "" || o.secretFile != ""):
		return errors.New("--oidc-client-id and --oidc-client-secret-file need --oidc-issuer-url")
	case o.issuer == "":
		return nil
	case o.clientID == "":
		return errors.New("--oidc-issuer-url needs --oidc-client-id")
	case !tokens:
		return errors.New("--oidc-issuer-url needs --auth=token, or sigv4,token")
	case !isSafeURL(o.issuer):
		return fmt.Errorf("--oidc-issuer-url %q: must be https", o.issuer)
	}
	return nil
}

// isSafeURL reports whether what is told there nobody else hears.
func isSafeURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func (o *oidcOptions) provider(consoleURL string) (*oidc.Provider, error) {
	return oidc.New(oidc.Config{
		Issuer: o.issuer, ClientID: o.clientID, SecretFile: o.secretFile, Scopes: o.scopes,
		RedirectURL:   strings.TrimSuffix(consoleURL, "/") + console.Root + "login/callback",
		UsernameClaim: o.usernameClaim, UsernamePrefix: o.usernamePrefix, GroupsClaim: o.groupsClaim, GroupsPrefix: o.groupsPrefix,
	})
}

// byIssuer has tokens of one issuer reviewed by what knows it, and all others by Kubernetes.
type byIssuer struct {
	oidc   *oidc.Provider
	others authn.TokenReviewer
}

// Review implements authn.TokenReviewer.
func (b byIssuer) Review(ctx context.Context, token string) (batch.User, error) {
	if b.oidc.IsMine(token) {
		return b.oidc.Review(ctx, token)
	}
	return b.others.Review(ctx, token)
}
