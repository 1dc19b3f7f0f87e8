// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/console"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/spending"
	"github.com/muster-batch/muster/queue-api/summary"
)

// views shows what the store has beyond the Batch API.
type views struct {
	*summary.View
	*spending.Costs
	*controlplane.Service
}

// consoleOptions are the web console's.
type consoleOptions struct {
	console     bool
	consoleLife time.Duration
	consoleURL  string
}

func (o *consoleOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.console, "console", true, "Serve the web console at /console/.")
	fs.DurationVar(&o.consoleLife, "console-session", 8*time.Hour, "How long a login to the console lasts.")
	fs.StringVar(&o.consoleURL, "console-url", "", "Where browsers reach this server, https://HOST: needed for logins by --oidc-issuer-url, and where TLS ends in front of it.")
}

func (o *consoleOptions) validate() error {
	u, err := url.Parse(o.consoleURL)
	switch {
	case o.consoleLife < time.Minute:
		return errors.New("--console-session must be at least 1m")
	case o.consoleURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != ""):
		return fmt.Errorf("--console-url %q: must be https://HOST, or http://HOST, without a path", o.consoleURL)
	}
	return nil
}

// newConsole makes what makes the console; nil if there is to be none.
func (o *options) newConsole(a *access, sealKey func(context.Context) ([]byte, error)) (httpapi.Console, error) {
	if !o.console {
		return nil, nil
	}
	u, err := url.Parse(o.consoleURL)
	if err != nil {
		return nil, fmt.Errorf("--console-url: %w", err)
	}
	cfg := console.Config{Open: a.authenticator == nil, SealKey: sealKey, Life: o.consoleLife, Secure: u.Scheme == "https"}
	if a.tokens != nil {
		cfg.Tokens = a.tokens
	}
	if a.oidc != nil && o.consoleURL != "" {
		cfg.OIDC = a.oidc
	}
	return func(api func(batch.User) http.Handler) (http.Handler, error) { return console.New(api, cfg) }, nil
}
