// SPDX-License-Identifier: Apache-2.0

// Package oidc knows users by one OpenID Connect issuer, whether or not the Kubernetes API server trusts it: Provider reviews ID tokens
// that callers of the API send, and logs the console's users in by the authorization code flow with PKCE.
//
// What a token says becomes a user in Kubernetes' terms, with prefixes, as the API server's own flags have it, so that RBAC is
// administered the same way: the user ann of the issuer is oidc:ann. Nobody becomes a user or a group of Kubernetes' own (system:…).
package oidc
