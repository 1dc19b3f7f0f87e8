// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// action carries out what a form asks for and leads back.
func (c *Console) action(a Action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := c.enter(w, r)
		if err == nil && r.ParseForm() != nil {
			err = &ProblemError{Status: http.StatusBadRequest, Message: "This form could not be read, or is too long."}
		}
		if err == nil {
			err = checkCSRF(r, in.session)
		}
		if err != nil {
			c.showProblem(w, r, err)
			return
		}
		done, err := a.Do(in)
		if err != nil {
			problem := problemOf(r.Context(), err)
			done = Done{Notice: problem.Message, Failed: true}
		}
		if done.Back == "" {
			done.Back = r.PostFormValue("back")
		}
		c.leaveNotice(w, r, done)
		http.Redirect(w, r, ownPath(done.Back), http.StatusSeeOther)
	})
}

// ownPath is a page of the console, whatever was asked for.
func ownPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, Root) || strings.ContainsAny(path, "\\\r\n") {
		return Root
	}
	return (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
}

const (
	purposeNotice = "notice"
	noticeLife    = time.Minute
	maxNotice     = 1500
)

// notice is what the next page says at its top, once.
type notice struct {
	Text   string `json:"t"`
	Failed bool   `json:"f,omitempty"`
}

// leaveNotice keeps it in a cookie that nobody else can make, so that no link puts words in our mouth.
func (c *Console) leaveNotice(w http.ResponseWriter, r *http.Request, done Done) {
	text := strings.ToValidUTF8(done.Notice[:min(len(done.Notice), maxNotice)], "")
	if sealed, err := c.sealer.seal(r.Context(), purposeNotice, notice{text, done.Failed}); err == nil && text != "" {
		c.setCookie(w, r, "notice", sealed, noticeLife)
	}
}

// takeNotice reads it and takes it away.
func (c *Console) takeNotice(w http.ResponseWriter, r *http.Request) *notice {
	cookie, err := r.Cookie(c.cookieName(r, "notice"))
	if err != nil || r.Header.Get(headerFragment) != "" {
		return nil
	}
	c.setCookie(w, r, "notice", "", 0)
	n := &notice{}
	if c.sealer.open(r.Context(), purposeNotice, cookie.Value, n) != nil {
		return nil
	}
	return n
}
