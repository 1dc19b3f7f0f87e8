// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Root is the path of the console.
const Root = "/console/"

// TokenReviewer says whose token it is.
type TokenReviewer interface {
	// Review returns the token's user. A refusal is a *batch.Error; any other error means that nobody could be asked.
	Review(ctx context.Context, token string) (batch.User, error)
}

// Config of a Console; zero values mean the defaults.
type Config struct {
	// Open says that the API asks nobody who they are; then the console does not either.
	Open bool
	// Tokens says whose a token is that a user pastes. Default: no token is taken.
	Tokens TokenReviewer
	// OIDC logs users in elsewhere. Default: nowhere.
	OIDC Provider
	// SealKey gives the 32 bytes by which all servers seal sessions.
	SealKey func(context.Context) ([]byte, error)
	// Life is how long a login lasts. Default: 8 hours.
	Life time.Duration
	// Secure says that browsers reach the console by TLS, although this server may not see it.
	Secure bool
	// Clock times sessions. Default: the real one.
	Clock clock.WithTicker
}

// Console serves the pages.
type Console struct {
	cfg       Config
	sealer    sealer
	templates templates
	assets    assets
	mux       *http.ServeMux
	api       func(batch.User) http.Handler
	tails     atomic.Int64 // logs that are being followed
}

// New makes a Console of what the API answers to each user.
func New(api func(batch.User) http.Handler, cfg Config) (*Console, error) {
	if cfg.SealKey == nil {
		return nil, errors.New("console: sessions need a key")
	}
	cfg.Life = cmp.Or(cfg.Life, 8*time.Hour)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	c := &Console{cfg: cfg, api: api, sealer: sealer{key: cfg.SealKey}, mux: http.NewServeMux()}
	var err error
	if c.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if c.templates, err = parseTemplates(c.assets, pages()); err != nil {
		return nil, err
	}
	c.routes()
	return c, nil
}

// routes is the index of what is under /console/ beside the pages.
func (c *Console) routes() {
	c.mux.Handle("GET "+Root+"static/{version}/{name}", c.assets)
	c.mux.HandleFunc("GET "+Root+"login", c.showLogin)
	c.mux.HandleFunc("POST "+Root+"login", c.login)
	c.mux.HandleFunc("POST "+Root+"logout", c.logout)
	c.mux.HandleFunc("GET "+Root+"login/oidc", c.beginOIDC)
	c.mux.HandleFunc("GET "+Root+"login/callback", c.endOIDC)
	for _, p := range pages() {
		c.mux.Handle("GET "+Root+p.Path, c.page(p))
	}
	for _, s := range streams() {
		c.mux.Handle("GET "+Root+s.Path, c.stream(s))
	}
	for _, a := range actions() {
		c.mux.Handle("POST "+Root+a.Path, c.action(a))
	}
	c.mux.HandleFunc(Root, c.nowhere)
}

func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.setHeaders(w.Header(), r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := checkOrigin(r); err != nil {
			c.showProblem(w, r, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	}
	c.mux.ServeHTTP(w, r)
}

// maxForm bounds a form. A page's worth of job ids fits, ten times over.
const maxForm = 256 << 10

// nowhere answers paths that are nothing.
func (c *Console) nowhere(w http.ResponseWriter, r *http.Request) {
	c.showProblem(w, r, &ProblemError{Status: http.StatusNotFound, Message: "There is no such page."})
}
