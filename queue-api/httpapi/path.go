// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// tagsPrefix is matched on the path as it was sent: an ARN behind it holds slashes, which may be escaped.
const tagsPrefix = "/v1/tags/"

// plainPaths hands to mux only paths that it answers itself, without a trailing slash. ServeMux would answer the others
// with a redirect, in HTML, which no SDK understands.
func plainPaths(mux, tags, unknown http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), tagsPrefix) {
			tags.ServeHTTP(w, r)
			return
		}
		plain := strings.TrimSuffix(r.URL.Path, "/")
		if path.Clean(r.URL.Path) != plain && r.URL.Path != "/" {
			unknown.ServeHTTP(w, r)
			return
		}
		if plain != r.URL.Path && plain != "" {
			r = withPath(r, plain)
		}
		mux.ServeHTTP(w, r)
	})
}

// resourceARN reads the ARN behind tagsPrefix, escaped or not; nil if there is none.
func resourceARN(r *http.Request) *string {
	escaped := strings.TrimSuffix(strings.TrimPrefix(r.URL.EscapedPath(), tagsPrefix), "/")
	arn, err := url.PathUnescape(escaped)
	if err != nil || arn == "" {
		return nil
	}
	return &arn
}

func withPath(r *http.Request, p string) *http.Request {
	out := *r
	out.URL = &url.URL{Path: p, RawQuery: r.URL.RawQuery}
	return &out
}

// methods routes by method.
type methods map[string]http.Handler

func (m methods) or(other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := m[r.Method]; ok {
			h.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}
