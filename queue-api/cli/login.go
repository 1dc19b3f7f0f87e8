// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/cli/login"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// loginOptions are the flags of muster auth login.
type loginOptions struct {
	issuer, clientID string
	scopes           []string
	device, stdin    bool
	noBrowser        bool
	port             int
	timeout          time.Duration
}

func newLogin(f *frame) *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use: "login", Args: cobra.NoArgs, Short: "Get a token and keep it for this endpoint",
		Long: `Get a token and keep it for this endpoint, in a file that only you can read. It comes from an OpenID Connect issuer that the Kubernetes API
server accepts, by a browser on this machine or, with --device, on another one; such a token is renewed when it ends. Or it is read from
stdin, and not shown if it is typed there. It is tried on the server before it is kept.`,
		Example: `  muster auth login --issuer https://accounts.example.com --client-id muster
  muster auth login --issuer https://accounts.example.com --client-id muster --device
  kubectl create token ci --audience muster.sh | muster auth login --token-stdin`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.login(cmd.Context(), &o) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.issuer, "issuer", "", "OpenID Connect issuer. Default from MUSTER_OIDC_ISSUER.")
	fs.StringVar(&o.clientID, "client-id", "", "What the issuer knows this program by, without a secret. Default from MUSTER_OIDC_CLIENT_ID.")
	fs.StringSliceVar(&o.scopes, "scope", []string{"profile", "email", "offline_access"}, "What to ask the issuer for besides openid.")
	fs.BoolVar(&o.device, "device", false, "Log in by a code that is typed on another machine.")
	fs.BoolVar(&o.noBrowser, "no-browser", false, "Print the address instead of opening a browser with it.")
	fs.IntVar(&o.port, "port", 0, "Port of this machine that the issuer sends the browser back to. Default any.")
	fs.DurationVar(&o.timeout, "wait-timeout", waitDefault, "How long to wait for the login.")
	fs.BoolVar(&o.stdin, "token-stdin", false, "Read the token from stdin.")
	cmd.MarkFlagsMutuallyExclusive("token-stdin", "issuer")
	cmd.MarkFlagsMutuallyExclusive("token-stdin", "device")
	return cmd
}

func (f *frame) login(ctx context.Context, o *loginOptions) error {
	kept, err := f.newLogin(ctx, o)
	if err != nil {
		return err
	}
	s := f.sources()
	s.Anonymous = true // whoever is known by something else wants to be known by the token
	cfg, err := s.Resolve(ctx, f.clientConfig())
	if err != nil {
		return err
	}
	cfg.Identity = client.Token{Get: func(context.Context) (string, error) { return kept.Token, nil }, From: "muster auth login"}
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	var who viewapi.WhoAmI
	if err := c.Get(ctx, viewapi.PathWhoAmI, nil, &who); err != nil {
		return fmt.Errorf("the token is not kept: %w", err)
	}
	if err := (client.Logins{}).Save(loginKey(cfg.Endpoint), kept); err != nil {
		return err
	}
	return f.printf("Logged in at %s as %s\n", cfg.Endpoint, cmp.Or(who.User, "nobody: this server asks nobody who they are"))
}

// loginKey is what a login at an endpoint is kept by.
func loginKey(endpoint string) string { return strings.TrimRight(endpoint, "/") }

func (f *frame) newLogin(ctx context.Context, o *loginOptions) (client.Login, error) {
	if o.stdin {
		token, err := f.readToken(ctx)
		return client.Login{Token: token}, err
	}
	name, id := cmp.Or(o.issuer, f.Getenv("MUSTER_OIDC_ISSUER")), cmp.Or(o.clientID, f.Getenv("MUSTER_OIDC_CLIENT_ID"))
	if name == "" || id == "" {
		return client.Login{}, usagef("either --issuer and --client-id, or --token-stdin must be given")
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	issuer, err := login.Discover(ctx, name, id, o.scopes)
	if err != nil {
		return client.Login{}, err
	}
	var got login.Tokens
	if o.device {
		got, err = issuer.Device(ctx, func(address, code, complete string) {
			f.notef("Go to %s and type %s\n", address, code)
			if complete != "" {
				f.notef("or go to %s\n", complete)
			}
		})
	} else {
		got, err = issuer.Browser(ctx, o.port, func(address string) { f.openBrowser(ctx, address, o.noBrowser) })
	}
	if err != nil {
		return client.Login{}, timedOut(ctx, err)
	}
	return client.Login{Token: got.ID, Refresh: got.Refresh, Issuer: name, ClientID: id, Expiry: got.Expiry}, nil
}

// browsers open an address, by operating system.
var browsers = map[string][]string{
	"linux": {"xdg-open"}, "freebsd": {"xdg-open"}, "darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"},
}

// openBrowser shows an address, which was checked to be one of http or https. The browser outlives the login.
func (f *frame) openBrowser(ctx context.Context, address string, isPrinted bool) {
	command := browsers[runtime.GOOS]
	if !isPrinted && len(command) > 0 {
		if err := exec.CommandContext(context.WithoutCancel(ctx), command[0], append(command[1:], address)...).Start(); err == nil {
			f.notef("Log in in the browser that opens, or go to\n%s\n", address)
			return
		}
	}
	f.notef("Log in at\n%s\n", address)
}

func newLogout(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "logout", Args: cobra.NoArgs, Short: "Forget the token that is kept for this endpoint",
		Example: "  muster auth logout",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := f.sources()
			s.Anonymous = true
			cfg, err := s.Resolve(cmd.Context(), f.clientConfig())
			if err != nil {
				return err
			}
			key := loginKey(cfg.Endpoint)
			_, ok, err := client.Logins{}.Load(key)
			if err != nil {
				return err
			}
			if !ok {
				return f.printf("Not logged in at %s\n", key)
			}
			if err := (client.Logins{}).Save(key, client.Login{}); err != nil {
				return err
			}
			return f.printf("Logged out at %s. The token itself is good until it ends.\n", key)
		},
	}
}

// renewBefore is how long before its end a token is renewed.
const renewBefore = time.Minute

// savedToken is the token that a login left for an endpoint, renewed if it ended and can be. It implements client.Sources.Saved.
func (f *frame) savedToken(ctx context.Context, endpoint string) (string, error) {
	key := loginKey(endpoint)
	kept, ok, err := client.Logins{}.Load(key)
	if err != nil || !ok {
		return "", err
	}
	if kept.Refresh == "" || kept.Issuer == "" || f.now().Before(kept.Expiry.Add(-renewBefore)) {
		return kept.Token, nil
	}
	issuer, err := login.Discover(ctx, kept.Issuer, kept.ClientID, nil)
	if err != nil {
		return "", fmt.Errorf("renew the login at %s: %w", key, err)
	}
	got, err := issuer.Renew(ctx, kept.Refresh)
	if err != nil {
		return "", fmt.Errorf("the login at %s is over, log in again (muster auth login): %w", key, err)
	}
	kept.Token, kept.Expiry, kept.Refresh = got.ID, got.Expiry, cmp.Or(got.Refresh, kept.Refresh)
	return kept.Token, client.Logins{}.Save(key, kept)
}
