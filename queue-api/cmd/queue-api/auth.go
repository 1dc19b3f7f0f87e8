// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/spf13/pflag"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/authn"
	"github.com/muster-batch/muster/queue-api/authn/oidc"
	"github.com/muster-batch/muster/queue-api/authz"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// The ways in which callers may say who they are.
const (
	authNone  = "none"
	authSigV4 = "sigv4"
	authToken = "token"
)

// authOptions say who may call the API.
type authOptions struct {
	auth                 []string
	allowUnauthenticated bool
	accessKeys           string
	sessionKeys          string
	audiences            []string
	oidc                 oidcOptions
}

func (o *authOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.auth, "auth", []string{authNone}, "How callers say who they are: sigv4 (AWS's signatures), token (Kubernetes tokens, as Authorization: Bearer), both, or none, which asks nobody and is for loopback.")
	fs.BoolVar(&o.allowUnauthenticated, "allow-unauthenticated", false, "With --auth=none, serve the Batch API beyond loopback; only behind a network policy or proxy that asks callers who they are.")
	fs.StringVar(&o.accessKeys, "access-keys-file", "", "Static keys for sigv4, a file or a directory of files, as a Secret is mounted: a YAML list of accessKeyId, secretAccessKey, user and groups. It is read again when it changes.")
	fs.StringVar(&o.sessionKeys, "session-keys-file", "", "The server's own keys, of at least 32 characters, one a line, a file or a directory: callers get an access key at /x/v1/credentials that is derived by the first from their token; needs sigv4 and token.")
	fs.StringSliceVar(&o.audiences, "token-audiences", []string{"muster.sh"}, "Audiences, one of which a token must be for; empty means the API server's own.")
	o.oidc.addFlags(fs)
}

func (o *authOptions) validate(listen string) error {
	for _, way := range o.auth {
		if way != authNone && way != authSigV4 && way != authToken {
			return fmt.Errorf("--auth %s: must be none, or sigv4, token or both", way)
		}
	}
	if err := o.oidc.validate(o.has(authToken)); err != nil {
		return err
	}
	switch {
	case len(o.auth) == 0 || o.has(authNone) && len(o.auth) > 1:
		return errors.New("--auth: must be none, or sigv4, token or both")
	case o.has(authNone):
		return o.validateNone(listen)
	case o.allowUnauthenticated:
		return errors.New("--allow-unauthenticated goes with --auth=none alone")
	case o.has(authSigV4) && o.accessKeys == "" && o.sessionKeys == "":
		return errors.New("--auth=sigv4 needs --access-keys-file or --session-keys-file")
	case o.accessKeys != "" && !o.has(authSigV4):
		return errors.New("--access-keys-file needs --auth=sigv4")
	case o.sessionKeys != "" && (!o.has(authSigV4) || !o.has(authToken)):
		return errors.New("--session-keys-file needs --auth=sigv4,token: keys are derived from tokens")
	}
	return nil
}

func (o *authOptions) validateNone(listen string) error {
	if o.accessKeys != "" || o.sessionKeys != "" {
		return errors.New("--access-keys-file and --session-keys-file need --auth=sigv4")
	}
	host, _, _ := net.SplitHostPort(listen) // apiOptions says if it is none
	if ip := net.ParseIP(host); (ip == nil || !ip.IsLoopback()) && host != "localhost" && !o.allowUnauthenticated {
		return fmt.Errorf("--listen %s is not loopback and --auth=none asks nobody who they are: give --allow-unauthenticated if something in front does", listen)
	}
	return nil
}

func (o *authOptions) has(way string) bool { return slices.Contains(o.auth, way) }

// access is what stands in front of the API; all nil with --auth=none.
type access struct {
	authenticator httpapi.Authenticator
	credentials   func(*http.Request) (any, error)
	authorizer    *authz.Authorizer
	tokens        authn.TokenReviewer // nil unless tokens are taken
	oidc          *oidc.Provider      // nil without an issuer
}

// apply puts it in front of the API.
func (a *access) apply(cfg *httpapi.Config) {
	cfg.Authenticator, cfg.Credentials = a.authenticator, a.credentials
	if a.authorizer != nil {
		cfg.Authorizer = a.authorizer
	}
}

// access makes what the options ask for.
func (o *authOptions) access(kube cluster, store authz.Store, pod podspec.Options, consoleURL string) (access, error) {
	if o.has(authNone) {
		return access{}, nil
	}
	clk := clock.RealClock{}
	who := &authn.Authenticator{Clock: clk}
	var err error
	a := access{
		authenticator: who,
		authorizer:    authz.New(kube.authorization.SubjectAccessReviews(), kube.core.Namespaces(), store, pod, clk),
	}
	if o.has(authToken) {
		a.tokens = authn.NewTokens(kube.authentication.TokenReviews(), o.audiences, clk)
		if o.oidc.issuer != "" {
			if a.oidc, err = o.oidc.provider(consoleURL); err != nil {
				return a, err
			}
			a.tokens = byIssuer{a.oidc, a.tokens}
		}
		who.Tokens = a.tokens
	}
	if o.accessKeys != "" {
		if who.Keys, err = authn.OpenAccessKeys(o.accessKeys, clk); err != nil {
			return a, fmt.Errorf("--access-keys-file: %w", err)
		}
	}
	if o.sessionKeys != "" {
		if who.Sessions, err = authn.OpenSessionKeys(o.sessionKeys, clk); err != nil {
			return a, fmt.Errorf("--session-keys-file: %w", err)
		}
		a.credentials = who.Sessions.Issue
	}
	return a, nil
}
