// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Console makes the web console, which is served under /console/. It asks its users who they are by itself; api is the API as it
// answers a user whom the console knows: with the same bounds, the same Authorizer and the same answers.
type Console func(api func(batch.User) http.Handler) (http.Handler, error)

// consolePath is where the console is.
const consolePath = "/console/"

// withConsole serves console beside the API, which is not guarded for it: it has a login of its own.
func (s *Server) withConsole(console Console, plain, guarded http.Handler) (http.Handler, error) {
	pages, err := console(func(user batch.User) http.Handler { return s.as(user, plain) })
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, consolePath):
			pages.ServeHTTP(w, r)
		case isBrowser(r):
			http.Redirect(w, r, consolePath, http.StatusFound)
		default:
			guarded.ServeHTTP(w, r)
		}
	}), nil
}

// as serves a known user.
func (s *Server) as(user batch.User, plain http.Handler) http.Handler {
	if s.authenticator == nil {
		return plain
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		plain.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

// isBrowser reports whether somebody looks for the console at the root, or forgot the slash at its end.
func isBrowser(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return r.URL.Path == strings.TrimSuffix(consolePath, "/") ||
		r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html")
}
