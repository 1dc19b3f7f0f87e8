// SPDX-License-Identifier: Apache-2.0

package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// maxToken bounds a token: what fits the cookies of a session.
const maxToken = 8 << 10

// loginView is what the login page shows.
type loginView struct {
	Next          string
	Tokens, OIDC  bool
	Problem       string
	Expired, Open bool
}

// sendToLogin answers who is not logged in. A page that fetches itself again is only told.
func (c *Console) sendToLogin(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(headerFragment) != "" {
		http.Error(w, "Nobody is logged in.", http.StatusUnauthorized)
		return
	}
	next := Root
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		next = r.URL.RequestURI()
	}
	http.Redirect(w, r, Root+"login?next="+url.QueryEscape(ownPath(next)), http.StatusSeeOther)
}

func (c *Console) showLogin(w http.ResponseWriter, r *http.Request) {
	next := ownPath(r.URL.Query().Get("next"))
	if _, err := c.enter(w, r); err == nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	c.renderLogin(w, r, http.StatusOK, loginView{Next: next})
}

func (c *Console) renderLogin(w http.ResponseWriter, r *http.Request, status int, view loginView) {
	view.Tokens, view.OIDC = c.cfg.Tokens != nil, c.cfg.OIDC != nil
	c.render(w, &Request{Request: r, Console: c}, Page{Template: "login"}, &View{Title: "Log in", Data: view}, status)
}

// login takes a pasted token. Who it is of is asked at once; the session keeps the token, sealed, to ask again.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	next := ownPath(r.PostFormValue("next"))
	if c.cfg.Open {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	token := strings.TrimSpace(r.PostFormValue("token"))
	switch {
	case c.cfg.Tokens == nil:
		c.renderLogin(w, r, http.StatusForbidden, loginView{Next: next, Problem: "This server takes no tokens."})
		return
	case token == "" || len(token) > maxToken || strings.ContainsAny(token, " ,\t\r\n"):
		c.renderLogin(w, r, http.StatusBadRequest, loginView{Next: next, Problem: "This is not a token: it is one word, without spaces."})
		return
	}
	if _, err := c.cfg.Tokens.Review(r.Context(), token); err != nil {
		c.refuseLogin(w, r, next, err)
		return
	}
	c.enterAs(w, r, &session{Token: token}, next)
}

// enterAs begins a session and leads on.
func (c *Console) enterAs(w http.ResponseWriter, r *http.Request, s *session, next string) {
	if err := c.begin(w, r, s); err != nil {
		c.refuseLogin(w, r, next, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (c *Console) refuseLogin(w http.ResponseWriter, r *http.Request, next string, err error) {
	if refused, ok := errors.AsType[*batch.Error](err); ok {
		c.renderLogin(w, r, http.StatusForbidden, loginView{Next: next, Problem: refused.Message})
		return
	}
	problem := problemOf(r.Context(), err)
	if problem.Status == http.StatusServiceUnavailable {
		problem.Message = "Kubernetes could not be asked whose token this is. Try again."
	}
	c.renderLogin(w, r, problem.Status, loginView{Next: next, Problem: problem.Message})
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	s, err := c.session(r)
	if err == nil {
		err = checkCSRF(r, s)
	}
	if err != nil && !errors.Is(err, errNoSession) {
		c.showProblem(w, r, err)
		return
	}
	c.end(w, r)
	http.Redirect(w, r, Root+"login", http.StatusSeeOther)
}
