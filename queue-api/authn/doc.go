// SPDX-License-Identifier: Apache-2.0

// Package authn finds out who makes a request. Start with Authenticator, which reads the Authorization header and takes one
// of three ways:
//
//	AWS4-HMAC-SHA256, no session token    AccessKeys: a static key from a file, mostly a mounted Secret, names the user
//	AWS4-HMAC-SHA256 and a session token  SessionKeys: the session token is a Kubernetes token and the secret is derived from
//	                                      it, so nothing is stored per user; Tokens then asks Kubernetes whose it is
//	Bearer <token>, or the bare token     Tokens: Kubernetes says whose it is (TokenReview)
//
// A user gets a derived key at GET /x/v1/credentials with a token, in the form that both a credential_process and
// AWS_CONTAINER_CREDENTIALS_FULL_URI of AWS's clients expect.
//
// Everything fails closed: what is neither known nor understood is refused, and what cannot be looked up is an error.
package authn
