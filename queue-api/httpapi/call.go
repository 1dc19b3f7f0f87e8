// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	headerAuthorization = "Authorization"
	headerInvocation    = "Amz-Sdk-Invocation-Id"

	// maxIdentity bounds what a caller says of itself and the store may keep.
	maxIdentity = 128
	// maxRegion bounds the region, which becomes part of every ARN in a reply.
	maxRegion = 64
)

// call says on whose behalf a request is made: of the user that authentication found, else of whom the headers name.
// Nothing there is needed: what is missing or malformed is left at the server's own scope, because clients without
// credentials are served too.
func (s *Server) call(r *http.Request) batch.Call {
	c := batch.Call{Scope: s.scope}
	if principal, region, ok := parseAuthorization(r.Header.Get(headerAuthorization)); ok {
		c.Principal, c.Region = principal, region
	}
	if user, ok := r.Context().Value(userKey{}).(batch.User); ok {
		c.Principal, c.User = user.Name, user
	}
	if id := r.Header.Get(headerInvocation); isIdentity(id) {
		c.Invocation = id
	}
	return c
}

// parseAuthorization takes the access key id and the region from the credential scope of a SigV4 Authorization header:
//
//	AWS4-HMAC-SHA256 Credential=<access key id>/<date>/<region>/<service>/aws4_request, SignedHeaders=…, Signature=…
//
// It verifies nothing. ok is false if any part is missing or not of the form that AWS gives it.
func parseAuthorization(header string) (accessKeyID, region string, ok bool) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return "", "", false
	}
	for field := range strings.SplitSeq(rest, ",") {
		credential, found := strings.CutPrefix(strings.TrimSpace(field), "Credential=")
		if found {
			return parseCredential(credential)
		}
	}
	return "", "", false
}

func parseCredential(credential string) (accessKeyID, region string, ok bool) {
	rest, ok := strings.CutSuffix(credential, "/aws4_request")
	if !ok {
		return "", "", false
	}
	// From the end: an access key id of one's own making may hold slashes.
	rest, _, serviceFound := cutLast(rest, "/")
	rest, region, regionFound := cutLast(rest, "/")
	accessKeyID, _, dateFound := cutLast(rest, "/")
	ok = serviceFound && regionFound && dateFound && isRegion(region) && isIdentity(accessKeyID)
	if !ok {
		return "", "", false
	}
	return accessKeyID, region, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// isRegion reports whether s can stand in an ARN: lower-case letters, digits and hyphens.
func isRegion(s string) bool {
	if s == "" || len(s) > maxRegion {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// isIdentity reports whether s is short and of printable ASCII without spaces.
func isIdentity(s string) bool {
	if s == "" || len(s) > maxIdentity {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
