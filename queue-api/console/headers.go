// SPDX-License-Identifier: Apache-2.0

package console

import "net/http"

// policy lets a page load from the console's own origin alone: no inline script, no inline style, no frames, no plug-ins, forms to
// nowhere else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; object-src 'none'"

func (c *Console) setHeaders(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// Not no-referrer: browsers would then send no Origin with our own forms.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if c.isSecure(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// isSecure reports whether the browser came by TLS.
func (c *Console) isSecure(r *http.Request) bool { return c.cfg.Secure || r.TLS != nil }
