// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Provider logs users in by OpenID Connect.
type Provider interface {
	// Begin is where a browser goes to log in; the provider sends it back with state, and vouches for nonce. proof is kept until
	// then.
	Begin(ctx context.Context, state, nonce, proof string) (string, error)
	// End gives the user of the code that the browser came back with. A refusal is a *batch.Error.
	End(ctx context.Context, code, nonce, proof string) (batch.User, error)
}

const (
	purposeLogin = "login"
	loginLife    = 10 * time.Minute
)

// attempt is a login under way, in a cookie of the browser that began it.
type attempt struct {
	State, Nonce, Proof, Next string
	Ends                      int64
}

// beginOIDC sends the browser to the provider.
func (c *Console) beginOIDC(w http.ResponseWriter, r *http.Request) {
	next := ownPath(r.URL.Query().Get("next"))
	if c.cfg.OIDC == nil {
		c.nowhere(w, r)
		return
	}
	a := attempt{State: rand.Text(), Nonce: rand.Text(), Proof: rand.Text() + rand.Text(), Next: next, Ends: c.cfg.Clock.Now().Add(loginLife).Unix()}
	to, err := c.cfg.OIDC.Begin(r.Context(), a.State, a.Nonce, a.Proof)
	if err == nil {
		var sealed string
		if sealed, err = c.sealer.seal(r.Context(), purposeLogin, a); err == nil {
			c.setCookie(w, r, "login", sealed, loginLife)
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
	}
	_ = problemOf(r.Context(), err) // logs it
	c.renderLogin(w, r, http.StatusBadGateway, loginView{Next: next, Problem: "The identity provider does not answer. Try again."})
}

// endOIDC takes the browser back.
func (c *Console) endOIDC(w http.ResponseWriter, r *http.Request) {
	if c.cfg.OIDC == nil {
		c.nowhere(w, r)
		return
	}
	a, ok := c.attempt(w, r)
	q := r.URL.Query()
	if !ok || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.State)) != 1 {
		c.renderLogin(w, r, http.StatusBadRequest, loginView{Next: Root, Problem: "This login was not begun here, or took too long. Begin again."})
		return
	}
	if q.Get("error") != "" || q.Get("code") == "" {
		c.renderLogin(w, r, http.StatusForbidden, loginView{Next: a.Next, Problem: "The identity provider did not log you in."})
		return
	}
	user, err := c.cfg.OIDC.End(r.Context(), q.Get("code"), a.Nonce, a.Proof)
	if err != nil {
		c.refuseLogin(w, r, a.Next, err)
		return
	}
	c.enterAs(w, r, &session{User: &user}, a.Next)
}

// attempt is the login under way of this browser. It counts once.
func (c *Console) attempt(w http.ResponseWriter, r *http.Request) (a attempt, ok bool) {
	cookie, err := r.Cookie(c.cookieName(r, "login"))
	if err != nil {
		return a, false
	}
	c.setCookie(w, r, "login", "", 0)
	err = c.sealer.open(r.Context(), purposeLogin, cookie.Value, &a)
	return a, err == nil && a.State != "" && c.cfg.Clock.Now().Unix() < a.Ends
}
