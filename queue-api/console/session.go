// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// session is what a cookie has: who logged in, and until when.
type session struct {
	// Token is the one that the user pasted; it is reviewed again with each request.
	Token string `json:"t,omitempty"`
	// User is who the identity provider said it is.
	User *batch.User `json:"u,omitempty"`
	// Secret is what the forms of the session carry.
	Secret []byte `json:"s"`
	Ends   int64  `json:"e"` // Unix seconds
}

const (
	purposeSession = "session"
	// maxCookie is how much browsers keep in one cookie, less its name and attributes.
	maxCookie = 3800
	// maxCookies bounds a session: of 16 KiB that a request's headers may have, others need some.
	maxCookies = 3
)

var errNoSession = errors.New("nobody is logged in")

// cookieName of a session. Browsers hold the prefix to TLS and to this host.
func (c *Console) cookieName(r *http.Request, name string) string {
	if c.isSecure(r) {
		return "__Host-muster-" + name
	}
	return "muster-" + name
}

func (c *Console) setCookie(w http.ResponseWriter, r *http.Request, name, value string, life time.Duration) {
	cookie := &http.Cookie{
		Name: c.cookieName(r, name), Value: value, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, Secure: c.isSecure(r), SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// begin starts a session and gives its cookies.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, s *session) error {
	s.Secret = newSecret()
	s.Ends = c.cfg.Clock.Now().Add(c.cfg.Life).Unix()
	text, err := c.sealer.seal(r.Context(), purposeSession, s)
	if err != nil {
		return err
	}
	parts := split(text)
	if len(parts) > maxCookies {
		return &ProblemError{Status: http.StatusBadRequest, Message: "This token is too long for a browser to keep."}
	}
	for i, part := range parts {
		c.setCookie(w, r, partName(i), part, c.cfg.Life)
	}
	return nil
}

// end takes the cookies away.
func (c *Console) end(w http.ResponseWriter, r *http.Request) {
	for i := range maxCookies {
		if _, err := r.Cookie(c.cookieName(r, partName(i))); err == nil {
			c.setCookie(w, r, partName(i), "", 0)
		}
	}
}

func partName(i int) string {
	if i == 0 {
		return "session"
	}
	return "session-" + strconv.Itoa(i)
}

// split makes values of cookies of a sealed text. The first begins with how many there are, so that none of an earlier session is
// taken for one of this.
func split(text string) (parts []string) {
	n := (len(text) + maxCookie - 1) / maxCookie
	text = strconv.Itoa(n) + "." + text
	for len(text) > maxCookie+2 {
		parts = append(parts, text[:maxCookie+2])
		text = text[maxCookie+2:]
	}
	return append(parts, text)
}

// joined is the text that split was given.
func (c *Console) joined(r *http.Request) (string, bool) {
	first, err := r.Cookie(c.cookieName(r, partName(0)))
	if err != nil {
		return "", false
	}
	count, start, _ := strings.Cut(first.Value, ".")
	parts := []string{start}
	n, err := strconv.Atoi(count)
	if err != nil || n > maxCookies {
		return "", false
	}
	for i := 1; i < n; i++ {
		more, err := r.Cookie(c.cookieName(r, partName(i)))
		if err != nil {
			return "", false
		}
		parts = append(parts, more.Value)
	}
	return strings.Join(parts, ""), true
}

// session is the one that a request carries; errNoSession if there is none or it is over. Any other error is ours.
func (c *Console) session(r *http.Request) (*session, error) {
	text, ok := c.joined(r)
	if !ok {
		return nil, errNoSession
	}
	s := &session{}
	err := c.sealer.open(r.Context(), purposeSession, text, s)
	switch {
	case errors.Is(err, errSeal):
		return nil, errNoSession
	case err != nil:
		return nil, err
	case c.cfg.Clock.Now().Unix() >= s.Ends || len(s.Secret) != secretBytes:
		return nil, errNoSession
	}
	return s, nil
}

// identify says who a session's user is now. A refusal is errNoSession.
func (c *Console) identify(ctx context.Context, s *session) (batch.User, error) {
	switch {
	case c.cfg.Clock.Now().Unix() >= s.Ends:
		return batch.User{}, errNoSession
	case c.cfg.Open:
		return batch.User{}, nil
	case s.Token != "" && c.cfg.Tokens != nil:
		user, err := c.cfg.Tokens.Review(ctx, s.Token)
		if refused, ok := errors.AsType[*batch.Error](err); ok && refused.Code != batch.CodeTooManyRequests {
			return batch.User{}, errNoSession
		}
		return user, err
	case s.User != nil && c.cfg.OIDC != nil && s.User.Name != "":
		return *s.User, nil
	}
	return batch.User{}, errNoSession
}
