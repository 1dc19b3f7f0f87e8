// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"/v2/library/busybox/manifests/1.36":                "/v2/library/busybox/manifests/latest",
		"/v2/library/busybox/manifests/1.36.1-musl":         "/v2/library/busybox/manifests/latest",
		"/v2/docker/library/busybox/manifests/stable-glibc": "/v2/docker/library/busybox/manifests/latest",
		"/v2/library/busybox/manifests/latest":              "/v2/library/busybox/manifests/latest",
		// A typing error stays one, a digest stays a digest, and other images have their own tags.
		"/v2/library/busybox/manifests/latset":        "/v2/library/busybox/manifests/latset",
		"/v2/library/busybox/manifests/sha256:0a1b2c": "/v2/library/busybox/manifests/sha256:0a1b2c",
		"/v2/library/alpine/manifests/3.20":           "/v2/library/alpine/manifests/3.20",
	}
	for asked, want := range cases {
		var got string
		handler := versions(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Path }))
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, asked, nil))
		if got != want {
			t.Errorf("%s is served as %s, want %s", asked, got, want)
		}
	}
}
